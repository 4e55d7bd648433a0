"""Every Python block of the README and the documentation runs, against the emulator; and more."""

from __future__ import annotations

import ast
import inspect
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import anyio
import pytest

from azure_failover import Config, ConfigError
from azure_failover.emulator import Fleet

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run[^\n]*-->\n)?```python\n(.*?)```", re.DOTALL)
REAL = re.compile(r"https://([a-z0-9-]+)\.openai\.azure\.com")
PLACES = {
    **dict.fromkeys(("eastus", "eastus-primary", "eastus-prod", "subscription1"), 0),
    **dict.fromkeys(("westus", "eastus-backup", "westeurope-dr", "subscription2"), 1),
    **dict.fromkeys(("other", "northeurope"), 2),
}
"""Which region stands for an address on a page."""


def compiled(block: str, page: Path) -> CodeType:
    code: CodeType = compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """What a page does to the logger is undone."""
    logger = logging.getLogger("azure_failover")
    kept = [*logger.handlers]
    yield
    logger.handlers[:] = kept


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_as_they_are_written(page: Path) -> None:
    """The blocks of a page run in order, as one script; only addresses and keys are replaced."""
    blocks = [match[2] for match in BLOCK.finditer(page.read_text("utf-8")) if not match[1]]
    with Fleet(3, api_key="key") as fleet:
        namespace: dict[str, object] = {}
        for block in blocks:

            def address(match: re.Match[str]) -> str:
                return fleet.regions[PLACES[match[1]]].url

            local = REAL.sub(address, block)
            local = re.sub(r'"api_key": "[^"]*"', '"api_key": "key"', local)
            result = eval(compiled(local, page), namespace)  # noqa: S307
            if inspect.iscoroutine(result):

                async def waited(coroutine: object = result) -> None:
                    assert inspect.iscoroutine(coroutine)
                    await coroutine

                anyio.run(waited)


def test_what_does_not_run_says_why() -> None:
    """It needs what the tests do not install, or is run elsewhere, function by function."""
    needs, elsewhere = r"needs (azure-identity|the SDK)", r"(sdk_\w+)\.(\w+)"
    reason = re.compile(
        rf"<!-- not run( by the tests( of the docs)?)?: ({needs}|{elsewhere}) -->\n"
    )
    blocks = [match for page in PAGES for match in BLOCK.finditer(page.read_text("utf-8"))]
    skipped = [match[1] for match in blocks if match[1]]
    assert [comment for comment in skipped if not reason.fullmatch(comment)] == []
    assert len(skipped) < len(blocks) / 2
    told = [match for comment in skipped if (match := reason.fullmatch(comment)) and match[5]]
    for match in told:
        source = (ROOT / "tests" / "compat" / f"{match[5]}.py").read_text("utf-8")
        assert f"def {match[6]}(" in source
    assert told


def shell_blocks(page: str, word: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if word in block]


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_the_variables_on_the_pages_make_a_configuration() -> None:
    """The blocks are run by a shell, which then asks the command line what came of them."""
    (primary,) = shell_blocks("connector.md", "export AZURE_OPENAI_KEY")
    (backups,) = shell_blocks("configuration.md", "export AZURE_OPENAI_BACKUP_1")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "OPENAI_"))}

    def configured(script: str) -> list[dict[str, object]]:
        line = f'{script}\n"$PYTHON" -m azure_failover config --json'
        done = subprocess.run(  # noqa: S603
            ["sh", "-euc", line],  # noqa: S607
            env={**kept, "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=True,
        )
        found: list[dict[str, object]] = json.loads(done.stdout)["endpoints"]
        return found

    (alone,) = configured(primary)
    assert (alone["endpoint"], alone["api_key"]) == ("https://eastus.openai.azure.com", "***")
    assert (alone["deployment_name"], alone["api_version"]) == ("gpt-4.1-mini", "2024-10-21")
    _, west, other = configured(primary + backups)
    assert west["endpoint"] == "https://westus.openai.azure.com"
    assert west["deployment_name"] == "gpt-4.1-mini"
    assert (other["deployment_name"], other["api_key"]) == ("my-gpt", "***")


def test_the_errors_on_the_page_are_those_that_are_raised() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    wrong = {
        "endpoit": "https://eastus.openai.azure.com",
        "api_key": "key",
        "deployment_name": "gpt-4.1-mini",
        "backups": [
            {"endpoint": "https://westus.openai.azure.com"},
            {"endpoint": "https://other.openai.azure.com", "api_key": ""},
        ],
    }
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(wrong, env={})
    assert f"{caught.value}\n" == shown
