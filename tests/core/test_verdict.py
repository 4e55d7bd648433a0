"""What an outcome means, row by row of the design's table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.core.sse import ServerSentEvent, error_in
from azure_failover.core.verdict import (
    FAULTS,
    Effect,
    Fault,
    Move,
    Verdict,
    error_facts,
    hidden_status,
    is_missing_deployment,
    judge_answer,
    judge_fault,
)

OUTCOMES: dict[Fault, tuple[Move, Effect]] = {
    Fault.CONNECT: (Move.NEXT, Effect.FAILURE),
    Fault.CONNECT_TIMEOUT: (Move.NEXT, Effect.FAILURE),
    Fault.POOL_TIMEOUT: (Move.STAY, Effect.NEUTRAL),
    Fault.QUEUED: (Move.NEXT, Effect.NEUTRAL),
    Fault.LOCAL: (Move.STAY, Effect.NEUTRAL),
    Fault.CANCELLED: (Move.STAY, Effect.NEUTRAL),
    Fault.DEADLINE: (Move.STAY, Effect.NEUTRAL),
    Fault.CREDENTIAL: (Move.NEXT, Effect.FAILURE),
    Fault.OUTRUN: (Move.STAY, Effect.NEUTRAL),
    Fault.SILENT: (Move.NEXT, Effect.FAILURE),
    Fault.STALE: (Move.SAME_ONCE, Effect.NEUTRAL),
    Fault.BROKEN: (Move.NEXT, Effect.FAILURE),
    Fault.WRITE_TIMEOUT: (Move.NEXT, Effect.FAILURE),
    Fault.READ_TIMEOUT: (Move.NEXT, Effect.FAILURE),
}
"""The rows of DESIGN.md's outcome table that have no status."""


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_means_what_the_design_says(fault: Fault) -> None:
    """Promise 2: timeouts and connection errors move on; what is our own doing does not."""
    assert judge_fault(fault) == Verdict(*OUTCOMES[fault])


def test_every_fault_has_its_verdict() -> None:
    assert FAULTS.keys() == OUTCOMES.keys() == {*Fault}


@given(st.integers(100, 599))
def test_a_status_means_what_the_design_says(status: int) -> None:
    """Promise 2: 500, 502, 503 and 504 move on; no other status does unless the policy says so."""
    expected = {
        401: (Move.BY_MISCONFIGURED_POLICY, Effect.ALIVE),
        403: (Move.BY_MISCONFIGURED_POLICY, Effect.ALIVE),
        429: (Move.BY_THROTTLE_POLICY, Effect.THROTTLED),
        **dict.fromkeys((500, 502, 503, 504), (Move.NEXT, Effect.FAILURE)),
    }.get(status, (Move.STAY, Effect.ALIVE))
    assert judge_answer(status) == Verdict(*expected)
    assert judge_answer(status, error=b'{"error": {"code": "x"}}') == Verdict(*expected)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (b'{"error": {"code": "rate_limit_exceeded", "type": "too_many_requests"}}', 429),
        (b'{"error": {"code": null, "type": "insufficient_quota"}}', 429),
        (b'{"error": {"code": "server_error"}}', 500),
        (b'{"error": {"code": "vector_store_timeout"}}', 500),
        (b'{"error": {"message": "The server had an error"}}', 500),
        (b'{"error": {"code": 503}}', 503),
        (b'{"error": {"code": "429"}}', 429),
        (b'{"error": {"code": "content_filter"}}', 400),
        (b'{"error": {"code": "invalid_prompt"}}', 400),
        (b'{"error": {"code": "image_too_large"}}', 400),
        (b'{"error": {"code": "odd", "type": "invalid_request_error"}}', 400),
        (b'{"error": {"code": "DeploymentNotFound"}}', 404),
        (b'{"error": {"message": "Could not find an existing deployment named x"}}', 404),
        (b'{"error": {"code": "200"}}', 500),
    ],
)
def test_an_error_event_counts_as_the_status_that_it_hides(error: bytes, status: int) -> None:
    assert hidden_status(error_in(ServerSentEvent(data=error.decode()))) == status


SAMPLES: dict[str, tuple[int, Any, str | None, str, bool]] = {
    # name: (status, body, code, beginning of the message, whether the deployment is missing)
    "content filter": (
        400,
        {
            "error": {
                "message": "The response was filtered",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        "content_filter",
        "The response was filtered",
        False,
    ),
    "pin": (
        400,
        {"error": {"code": "invalid_encrypted_content", "message": "m"}},
        "invalid_encrypted_content",
        "m",
        False,
    ),
    "lost response": (
        400,
        {"error": {"code": "previous_response_not_found"}},
        "previous_response_not_found",
        "",
        False,
    ),
    "wrong key": (
        401,
        {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}},
        "401",
        "Access denied due to invalid",
        False,
    ),
    "wrong token": (
        401,
        {"statusCode": 401, "message": "Unauthorized. Access token is missing"},
        None,
        "Unauthorized.",
        False,
    ),
    "firewall": (
        403,
        {"error": {"code": "403", "message": "Access denied due to Virtual Network/Firewall"}},
        "403",
        "Access denied due to Virtual",
        False,
    ),
    "missing deployment, dated": (
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this"}},
        "DeploymentNotFound",
        "The API deployment",
        True,
    ),
    "missing deployment, v1": (
        400,
        {
            "error": {
                "message": "Could not find an existing deployment to match the model.",
                "type": "user_error",
            }
        },
        None,
        "Could not find",
        True,
    ),
    "timeout": (
        408,
        {"error": {"code": "Timeout", "message": "The operation was timeout."}},
        "Timeout",
        "The operation",
        False,
    ),
    "quota": (
        429,
        {"error": {"code": "429", "message": "Requests to the ChatCompletions_Create Operation"}},
        "429",
        "Requests to",
        False,
    ),
    "server error": (
        500,
        {"error": {"message": "The server had an error", "type": "server_error", "code": None}},
        None,
        "The server had",
        False,
    ),
    "gateway error": (
        500,
        {"statusCode": 500, "message": "Internal server error", "activityId": "x"},
        None,
        "Internal server error",
        False,
    ),
    "numeric code": (404, {"error": {"code": 404, "message": 5}}, "404", "", False),
    "text": (502, {"error": "upstream"}, None, "upstream", False),
    "a list": (502, {"error": ["upstream"]}, None, "", False),
    "null": (502, {"error": None}, None, "", False),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_known_error_body_is_read(name: str) -> None:
    """Azure's envelopes (azure-wire.md, section 5) give code and message, as bytes or as data."""
    status, body, code, message, is_missing = SAMPLES[name]
    raw = json.dumps(body).encode()
    for form in (raw, body):
        found_code, found_message = error_facts(form)
        assert found_code == code
        assert found_message.startswith(message)
        assert bool(found_message) == bool(message)
    assert is_missing_deployment(raw) == is_missing
    is_misconfigured = is_missing or status in (401, 403)
    verdict = judge_answer(status, error=raw)
    assert verdict.is_misconfigured == is_misconfigured
    if is_misconfigured:
        assert verdict == Verdict(Move.BY_MISCONFIGURED_POLICY, Effect.ALIVE)


@pytest.mark.parametrize("status", [200, 422, 429, 500, 503])
def test_a_missing_deployment_is_told_by_400_and_404_alone(status: int) -> None:
    body = json.dumps({"error": {"code": "DeploymentNotFound"}}).encode()
    assert judge_answer(status, error=body) == judge_answer(status)
    assert judge_answer(404, error=body).is_misconfigured


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>503</html>", b"Service Unavailable", b"[1]", b'"x"', b"5", b"null", b"\xff\xfe{"],
)
def test_what_is_no_envelope_has_no_facts(body: bytes) -> None:
    """The envelope is not guaranteed: HTML, text and nothing are read without an error."""
    assert error_facts(body) == (None, "")
    assert judge_answer(404, error=body) == judge_answer(404)


def test_json_of_any_depth_is_read_without_an_error() -> None:
    assert error_facts(b'{"error":' * 100_000) == (None, "")


@settings(max_examples=examples(80), deadline=None)
@given(
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(("error", "code", "message", "x")), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(lambda data: json.dumps(data).encode())
)
def test_any_body_can_be_judged(body: bytes) -> None:
    """No answer of an endpoint can make judging it fail."""
    code, message = error_facts(body)
    assert code is None or isinstance(code, str)
    assert isinstance(message, str)
    assert judge_answer(404, error=body).effect is Effect.ALIVE


# Hints when to come again.
