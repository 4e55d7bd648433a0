"""Call fake regions through one SDK: ``python tests/compat/run.py sdk_openai3 result.json``.

Runs in the SDK's own environment. A file ``sdk_*.py`` mounts the transport as users of the SDK do
(``mount`` for dated URLs, ``mount_v1`` for v1) and has a function for each capability below, which
takes what was mounted and gives the answer. What the SDK lacks stands in its ``MISSING`` with the
reason, or with an empty text where it simply has no such thing. ``RETRIES`` says which of the SDK's
retry settings ``mount`` has changed.

Each capability is called once for each death of the primary, and the backup must have answered:
by its text, by its records, by its key, and by the headers where the SDK shows them. Streams die in
their preambles too; one that is cut behind its first content must not pass for a whole one. At the
end every endpoint answers 503, and each must have been asked exactly once.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import inspect
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import httpx2

from azure_failover import ledger_of
from azure_failover.emulator import Dialect, Fleet, Region, RegionSpec, faults

KINDS = ("chat", "stream", "embed", "responses", "responses_stream", "transcription")
MODES = ("sync", "async")
MOUNTS = {Dialect.DATED: "mount", Dialect.V1: "mount_v1"}
DEATHS: tuple[faults.Fault, ...] = (faults.Refuse(), faults.Status(503))
STREAM_DEATHS: tuple[faults.Fault, ...] = (
    faults.BreakStream(1, "reset"),
    faults.BreakStream(2, "end"),
    faults.BreakStream(1, "error"),
    faults.BreakStream(0, "error", code="rate_limit_exceeded", error_type="too_many_requests"),
    faults.ThrottledStream(),
)
CUTS = {"stream": faults.BreakStream(3, "end"), "responses_stream": faults.BreakStream(5, "end")}
"""Ends that nobody announced, behind the first of two pieces of text."""
ALL_DOWN = faults.Status(503)

CHAT, EMBEDDING, AUDIO = "gpt-4.1-mini", "text-embedding-3-small", "whisper"
OTHERS = {EMBEDDING: "my-embeddings", AUDIO: "my-whisper"}
"""How the backups call the primary's further deployments."""

SETTINGS = ("AZURE_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "HTTP_", "HTTPS_", "ALL_")
"""How the variables begin by which SDKs, and proxies, are set from outside."""

_abroad: list[str] = []


def new_fleet() -> Fleet:
    """Make a primary, and two backups whose deployments have other names."""
    return Fleet(
        [
            RegionSpec("eastus", deployments=list(OTHERS)),
            RegionSpec("westus", deployment_name="my-gpt", deployments=OTHERS.values()),
            RegionSpec("northeurope", deployment_name="my-gpt", deployments=OTHERS.values()),
        ]
    )


def config_of(fleet: Fleet) -> dict[str, Any]:
    """Describe the fleet as a user does."""
    config = fleet.config()
    config["policy"] = {"on_throttle": "failover"}
    for backup in config["backups"]:
        backup["deployments"] = OTHERS
    return config


def call(sdk: ModuleType, capability: str, dialect: Dialect, config: Mapping[str, Any]) -> Any:
    """Mount the transport anew, call the capability, and wait for it where it is a coroutine."""
    mounted = getattr(sdk, MOUNTS[dialect])(config)
    given = getattr(sdk, capability)(mounted)
    return asyncio.run(given) if inspect.iscoroutine(given) else given


def check(sdk: ModuleType, kind: str, mode: str, dialect: Dialect) -> None:
    """Assert that the backup answers, for each death of the primary; and what a cut comes to."""
    for death in (*DEATHS, *(STREAM_DEATHS if kind in CUTS else ())):
        with new_fleet() as fleet:
            primary, backup, spare = fleet.regions
            primary.fault = death
            answer = call(sdk, f"{kind}_{mode}", dialect, config_of(fleet))
            check_answer(kind, answer, backup)
            check_requests(primary, backup, spare, kind=kind, dialect=dialect)
    if kind in CUTS:
        check_cut(sdk, kind, mode, dialect)


def check_cut(sdk: ModuleType, kind: str, mode: str, dialect: Dialect) -> None:
    """Assert that half an answer is an error, or was asked for anew by the SDK."""
    with new_fleet() as fleet:
        primary, backup, _ = fleet.regions
        primary.fault = CUTS[kind]
        try:
            answer = call(sdk, f"{kind}_{mode}", dialect, config_of(fleet))
        except Exception:  # noqa: BLE001 - whatever the SDK raises for a connection that broke
            assert len(primary.requests) == 1, primary.requests
            return
        text: object = (
            cast("tuple[object, ...]", answer)[0] if isinstance(answer, tuple) else answer
        )
        assert backup.requests, f"half an answer passed for a whole one: {text!r}"
        assert text == f"{backup.name}: Hello", text


def check_answer(kind: str, answer: Any, backup: Region) -> None:
    """Assert that an answer is the backup's; it may come with a response or its headers."""
    if isinstance(answer, tuple):
        answer, outcome = cast("tuple[Any, Any]", answer)
        headers: Mapping[str, str] = getattr(outcome, "headers", outcome)
        assert headers["x-failover-endpoint"] == backup.name, headers
        assert headers["x-failover-attempts"] == "2", headers
        assert outcome is headers or ledger_of(outcome) is not None, "the response has no ledger"
    match kind:
        case "embed":
            assert len(answer) == 1536, answer
            assert all(isinstance(number, float) for number in answer), answer
        case "transcription":
            assert answer.startswith(f"{backup.name}: "), answer
        case _:  # a structured answer does not name its region; the records do
            assert answer in {f"{backup.name}: Hello", "Hello"}, answer


def check_requests(
    primary: Region, backup: Region, spare: Region, *, kind: str, dialect: Dialect
) -> None:
    """Assert who received what: one request for the backup, with its own key and deployment."""
    assert len(primary.requests) <= 1, primary.requests
    assert not spare.requests, spare.requests
    assert len(backup.requests) == 1, backup.requests
    named = {"embed": OTHERS[EMBEDDING], "transcription": OTHERS[AUDIO]}
    for region in (primary, backup):
        for request in region.requests:
            assert request.api_key == region.api_key, f"the wrong key reached {region.name}"
            assert request.dialect is dialect, request
    assert backup.requests[0].deployment == named.get(kind, "my-gpt"), backup.requests


def check_all_down(sdk: ModuleType, mode: str, dialect: Dialect) -> None:
    """Assert that an SDK's default retries do not multiply the attempts when nothing is left."""
    with new_fleet() as fleet:
        for region in fleet:
            region.fault = ALL_DOWN
        try:
            answer = call(sdk, f"chat_{mode}", dialect, config_of(fleet))
        except Exception:  # noqa: BLE001 - whatever the SDK raises for a 503
            answer = None
        assert answer is None, f"every endpoint is down, yet it answers {answer}"
        hits = [len(region.requests) for region in fleet]
        assert hits == [1, 1, 1], f"the endpoints were asked {hits} times"


def outcome_of(case: Callable[[], None]) -> str:
    """Run one case: `ok`, or what went wrong."""
    _abroad.clear()
    try:
        case()
        assert not _abroad, f"left loopback for {', '.join(_abroad)}"
    except Exception as error:  # noqa: BLE001 - one failure must not hide the other cases
        sys.stderr.write(traceback.format_exc())
        return f"failed: {type(error).__name__}: {error}"
    return "ok"


def missing(sdk: ModuleType, kind: str, mode: str, dialect: Dialect) -> str | None:
    """Find the reason why an SDK lacks a capability; None if it has it."""
    reasons: dict[str, str] = getattr(sdk, "MISSING", {})
    whats = (f"{kind}_{mode}", kind, kind.removesuffix("_stream"), mode)
    for key in (*whats, *(f"{dialect.value} {what}" for what in whats), dialect.value):
        if key in reasons:
            return reasons[key]
    return None


def outcomes(sdk: ModuleType, dialect: Dialect) -> dict[str, str]:
    """Try every capability over one dialect; a missing one has an outcome too."""
    found: dict[str, str] = {}
    for kind in KINDS:
        for mode in MODES:
            reason = missing(sdk, kind, mode, dialect)
            found[f"{kind}_{mode}"] = (
                outcome_of(partial(check, sdk, kind, mode, dialect))
                if reason is None
                else f"missing: {reason}"
            )
    for mode in MODES:
        if missing(sdk, "chat", mode, dialect) is None:
            found[f"all_down_{mode}"] = outcome_of(partial(check_all_down, sdk, mode, dialect))
    return found


def stay_on_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection to elsewhere; an audit hook."""
    match event, arguments:
        case "socket.connect", (_, (str(host), *_)):
            pass
        case "socket.getaddrinfo", (str(host), *_):
            pass
        case _:
            return
    if host not in {"127.0.0.1", "::1", "localhost"}:
        _abroad.append(host)
        raise ConnectionRefusedError(f"the compatibility suite stays on loopback: {host}")


def main() -> int:
    """Run the named file and write what came out; give the exit code."""
    name, target, *distributions = sys.argv[1:]
    for variable in [each for each in os.environ if each.upper().startswith(SETTINGS)]:
        del os.environ[variable]
    sys.addaudithook(stay_on_loopback)
    logging.disable()
    sdk = importlib.import_module(name)
    is_httpx2 = issubclass(sdk.FailoverTransport, httpx2.BaseTransport)
    result = {
        "module": name,
        "versions": {each: importlib.metadata.version(each) for each in distributions},
        "retries": getattr(sdk, "RETRIES", ""),
        "family": "httpx2" if is_httpx2 else "httpx",
        "outcomes": {dialect.value: outcomes(sdk, dialect) for dialect in MOUNTS},
    }
    Path(target).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return "failed: " in json.dumps(result)


if __name__ == "__main__":
    sys.exit(main())
