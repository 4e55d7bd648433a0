"""What the package gives: the same at runtime as type checkers are told, and only what is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import azure_failover

STUB = Path(azure_failover.__file__).with_suffix(".pyi")


def declared() -> dict[str, str]:
    """Read the stub: name -> the module that it comes from."""
    tree = ast.parse(STUB.read_text("utf-8"))
    return {
        each.name: str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }


def test_every_declared_name_is_there_and_comes_from_where_the_stub_says() -> None:
    names = declared()
    assert {*names, "__version__"} == set(azure_failover.__all__)
    assert len(names) > 60
    for name, home in names.items():
        assert getattr(azure_failover, name) is getattr(sys.modules[home], name)


def test_what_is_not_there_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match="'azure_failover' has no attribute 'Nothing'"):
        azure_failover.Nothing  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedExpression]
    with pytest.raises(ImportError, match="Nothing"):
        exec("from azure_failover import Nothing")  # noqa: S102


def test_everything_is_listed_before_it_was_used() -> None:
    assert {*azure_failover.__all__, "__version__", "__doc__"} <= set(dir(azure_failover))


def test_nothing_is_imported_that_is_not_used() -> None:
    program = """
import sys
import azure_failover
print(sorted(name for name in sys.modules if name.startswith("azure_failover.")))
from azure_failover import FailoverTransport
print(sorted(name for name in sys.modules if name.startswith("azure_failover.")))
FailoverTransport({"endpoint": "https://a.example", "api_key": "key", "deployment_name": "gpt"})
others = {f"azure_failover.{name}" for name in ("chat", "client", "connector", "llm", "streams")}
print(sorted(others.intersection(sys.modules)))
print("httpx2" in sys.modules)
"""
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [
        "[]",
        "['azure_failover.transport', 'azure_failover.transport._httpx']",
        "[]",
        "False",
    ]
