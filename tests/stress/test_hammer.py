"""A short run of the hammer; ``nox -s stress`` is the long one."""

from __future__ import annotations

import pytest
from hammer import Run, hammer


@pytest.mark.parametrize(("family", "backend"), [("httpx", "asyncio"), ("httpx2", "trio")])
def test_threads_and_tasks_lose_nothing_while_regions_flap(family: str, backend: str) -> None:
    """Promises 1 to 5, 10 and 12, under load: see :mod:`hammer`."""
    run = Run(
        family=family, backend=backend, seconds=2.0, threads=16, tasks=64, rate=200.0, read=2.0
    )
    findings = hammer(run)
    assert findings.flaws == []
    assert any(outcome.has_moved for outcome in findings.outcomes)
