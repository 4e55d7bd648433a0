"""What the house forbids, checked on the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import azure_failover

PACKAGE = Path(azure_failover.__file__).parent
CORE = sorted((PACKAGE / "core").rglob("*.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN = (
    "azure_failover.transport",
    "azure_failover.client",
    "azure_failover.emulator",
    "azure_failover.httpx2",
    "azure_failover.cli",
    "httpx",
    "httpx2",
    "anyio",
    "asyncio",
    "socket",
    "time",
    "random",
    "secrets",
)
"""What ``core`` must not know: HTTP, I/O, clocks and chance."""
LAZY = (
    "click",
    "rich",
    "httpx2",
    "trustme",
    "openai",
    "redis",
    "opentelemetry",
    "azure.identity",
    "azure_failover.emulator",
    "azure_failover.cli",
    "azure_failover.httpx2",
)


def imports(source: str, package: str) -> Iterator[str]:
    """Give every module that a source imports, wherever in it, by its full name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = package.split(".")
            above = names[: len(names) - node.level + 1] if node.level else []
            parts = (*above, *([node.module] if node.module else []))
            yield from (".".join((*parts, alias.name)) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "import_module",
            "importlib.import_module",
        ):
            yield str(ast.literal_eval(node.args[0]))


def test_the_check_sees_every_way_to_import() -> None:
    """The check itself is no dead letter."""
    source = (
        "import time\n"
        "from azure_failover import httpx2\n"
        "def f():\n"
        "    from ..transport import _driver\n"
        "    from . import verdict\n"
        "    import importlib\n"
        "    importlib.import_module('random')\n"
    )
    assert {*imports(source, "azure_failover.core")} == {
        "time",
        "azure_failover.httpx2",
        "azure_failover.transport._driver",
        "azure_failover.core.verdict",
        "importlib",
        "random",
    }


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_knows_no_http_no_clock_and_no_chance(path: Path) -> None:
    """Decisions are pure: time and randomness are passed in, I/O sits at the edge."""
    wrong = [
        name
        for name in imports(path.read_text(encoding="utf-8"), "azure_failover.core")
        for banned in FORBIDDEN
        if name == banned or name.startswith(f"{banned}.")
    ]
    assert wrong == []


def modules_after(imported: str) -> set[str]:
    done = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-c", f"import sys, {imported}; print(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    return {*done.stdout.split()}


def test_importing_the_package_loads_nothing_that_is_optional() -> None:
    """Extras are imported by those who use them; what httpx tries to load is httpx's affair."""
    loaded = modules_after("azure_failover.client, azure_failover.connector, azure_failover.llm")
    assert "azure_failover.core.config" in loaded
    assert (loaded - modules_after("httpx")) & {*LAZY} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    """House style 14: what is longer wants to be two modules."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_opens_with_what_it_does(path: Path) -> None:
    """House style 15: the first thing in a module is a sentence."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].rstrip().endswith((".", "?"))
