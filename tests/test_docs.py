"""Every Python block of the README and the documentation runs, against the emulator."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import anyio
import pytest

from azure_failover.emulator import Fleet

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run.*-->\n)?```python\n(.*?)```", re.DOTALL)
REAL = re.compile(r"https://[a-z]+\.openai\.azure\.com")


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
    names = {"eastus": 0, "westus": 1, "other": 2}
    with Fleet(3, api_key="key") as fleet:
        namespace: dict[str, object] = {}
        for block in blocks:

            def address(match: re.Match[str]) -> str:
                return fleet.regions[names[match[0].split("//")[1].split(".")[0]]].url

            local = REAL.sub(address, block)
            local = re.sub(r'"api_key": "[^"]*"', '"api_key": "key"', local)
            result = eval(compiled(local, page), namespace)  # noqa: S307
            if inspect.iscoroutine(result):

                async def waited(coroutine: object = result) -> None:
                    assert inspect.iscoroutine(coroutine)
                    await coroutine

                anyio.run(waited)
