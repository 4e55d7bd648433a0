"""The compatibility suite's own tests: the page is in step with it, and it can fail."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import page
import pytest
import run

from azure_failover import FailoverTransport
from azure_failover.emulator import Dialect

SDKS = tomllib.loads((page.HERE / "sdks.toml").read_text("utf-8"))
CHAT_ALONE = {kind: "" for kind in run.KINDS if kind != "chat"} | {"async": "it is synchronous"}


def chat(client: httpx.Client) -> tuple[str, httpx.Response]:
    message = {"role": "user", "content": "Hello"}
    response = client.post("/chat/completions", json={"messages": [message]})
    response.raise_for_status()
    return response.json()["choices"][0]["message"]["content"], response


def sdk(*, transport: type[httpx.BaseTransport] | None = None, calls: int = 1) -> ModuleType:
    """Make an SDK whose client calls so many times, and may be mounted wrongly."""

    def mount(config: dict[str, Any]) -> httpx.Client:
        return httpx.Client(
            transport=FailoverTransport(config) if transport is None else transport(),
            base_url=f"{config['endpoint']}/openai/deployments/{config['deployment_name']}",
            headers={"api-key": "any"},
            params={"api-version": "2024-10-21"},
        )

    def chat_sync(client: httpx.Client) -> Any:
        with client:
            answers = [chat(client) for _ in range(calls)]
        return answers[-1]

    made = ModuleType("sdk")
    made.__dict__.update(mount=mount, chat_sync=chat_sync, MISSING=CHAT_ALONE | {"v1": "no v1"})
    return made


def test_the_page_has_the_snippets_that_are_run() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.with_snippets(text) == text


@pytest.mark.parametrize("name", SDKS)
def test_the_page_shows_what_works_in_each_sdk_and_how_it_is_mounted(name: str) -> None:
    text = page.PAGE.read_text("utf-8")
    assert f"\n| {SDKS[name]['shows'][0]} " in text
    assert {match["module"] for match in page.SNIPPET.finditer(text)} >= {*SDKS[name]["modules"]}


def test_a_snippet_is_a_body_without_its_return_after_the_imports_it_needs() -> None:
    source = "import a\nimport b\nfrom c import d, e\n\ndef f(x):\n    y = d(a)\n    return y\n"
    assert page.snippet(source, "f") == "import a\nfrom c import d\n\ny = d(a)\n"


def test_the_runner_reports_what_works_and_what_is_missing() -> None:
    found = run.outcomes(sdk(), Dialect.DATED)
    assert {case for case, outcome in found.items() if outcome == "ok"} == {
        "chat_sync",
        "all_down_sync",
    }
    assert found["chat_async"] == "missing: it is synchronous"
    assert run.outcomes(sdk(), Dialect.V1)["chat_sync"] == "missing: no v1"


def test_the_runner_fails_where_the_transport_is_not_mounted() -> None:
    found = run.outcomes(sdk(transport=httpx.HTTPTransport), Dialect.DATED)
    assert found["chat_sync"].startswith("failed: ConnectError")
    assert found["all_down_sync"].startswith("failed: AssertionError")


def test_the_runner_fails_where_an_sdk_asks_twice() -> None:
    assert run.outcomes(sdk(calls=2), Dialect.DATED)["chat_sync"].startswith("failed: Assertion")


def result(**outcomes: str) -> page.Result:
    return {
        "module": "sdk_it",
        "versions": {"it": "1.2", "openai": "3.4"},
        "retries": "",
        "family": "httpx2",
        "outcomes": {"dated": outcomes},
    }


def test_the_table_tells_the_modes_that_work_and_the_notes_why_others_do_not() -> None:
    results = [
        result(chat_sync="ok", chat_async="ok", embed_async="ok", stream_sync="missing: "),
        result(chat_sync="failed: no", chat_async="ok", embed_sync="missing: it is asynchronous"),
    ]
    head, _, first, second = page.table(results).splitlines()
    assert [cell.strip() for cell in head.split("|")[5:8]] == [
        "chat",
        "chat, streamed",
        "embeddings",
    ]
    assert [cell.strip() for cell in first.split("|")[1:8]] == [
        "it 1.2",
        "3.4",
        "httpx2",
        "dated",
        "sync, async",
        "no",
        "async",
    ]
    assert second.split("|")[5].strip() == "failed: sync"
    assert page.notes(results) == "- it: it is asynchronous.\n"
    assert page.failures(results) == ["sdk_it, dated, chat_sync: failed: no"]


def test_a_failure_or_an_absent_result_is_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(result(chat_sync="ok")), "utf-8")
    bad.write_text(json.dumps(result(chat_sync="failed: why")), "utf-8")
    assert page.main([str(good)]) == 0
    assert page.main([str(good), str(bad)]) == 1
    assert page.main([str(good), str(tmp_path / "sdk_gone.json")]) == 1
    assert "sdk_gone: gave no result" in capsys.readouterr().out
