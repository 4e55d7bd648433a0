"""Settings and fixtures for all tests: backends, worlds, a fleet; Hypothesis without limits."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from examples import USUAL
from hypothesis import settings
from trustme import CA
from worlds import WORLDS, World

from azure_failover.emulator import Fleet

# These machines are shared: how long an example takes says nothing about the code.
settings.register_profile("quick", deadline=None, max_examples=USUAL)
settings.register_profile("thorough", deadline=None, max_examples=10 * USUAL)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_finish() -> None:
    """Leave thousands of collected tests out of every garbage collection to come."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def trusts_one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one authority unless told otherwise: to load those of the world takes 40 ms a time."""
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    CA().cert_pem.write_to_path(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run each test that is marked ``anyio`` on both backends."""
    backend: str = request.param
    return backend


@pytest.fixture(params=WORLDS, ids=str)
def world(request: pytest.FixtureRequest) -> World:
    """Each HTTP family, called from threads, from asyncio tasks and from trio tasks."""
    found: World = request.param
    return found


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Three emulated regions: eastus is the primary."""
    with Fleet(["eastus", "westus", "northeurope"]) as running:
        yield running
