"""Azure's error bodies, each an `Answer`. Values only, no I/O."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from azure_failover.emulator._answer import Answer, json_answer, raw_answer

if TYPE_CHECKING:
    from azure_failover.emulator.faults import Status


def problem(status: int, code: str | None, message: str, /, **more: object) -> Answer:
    """Answer with Azure's error envelope."""
    return json_answer(status, {"error": {"code": code, "message": message, **more}})


KEY_REFUSED = problem(
    401,
    "401",
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource.",
)


def token_refused(audience: str) -> Answer:
    """Answer a request whose bearer token is missing or wrong."""
    return json_answer(
        401,
        {
            "statusCode": 401,
            "message": "Unauthorized. Access token is missing, invalid, audience is incorrect "
            f"({audience}), or have expired.",
        },
    )


SUBSCRIPTION_KEY_MISSING = json_answer(
    401,
    {
        "statusCode": 401,
        "message": "Access denied due to missing subscription key. Make sure to include "
        "subscription key when making requests to an API.",
    },
)
"""What API Management answers, as the next one."""

SUBSCRIPTION_KEY_REFUSED = json_answer(
    401,
    {
        "statusCode": 401,
        "message": "Access denied due to invalid subscription key. Make sure to provide a valid "
        "key for an active subscription.",
    },
)

RESOURCE_NOT_FOUND = problem(404, "404", "Resource not found")

DEPLOYMENT_NOT_FOUND = problem(
    404,
    "DeploymentNotFound",
    "The API deployment for this resource does not exist. If you created the deployment within "
    "the last 5 minutes, please wait a moment and try again.",
)

MODEL_NOT_FOUND = problem(
    404,
    None,
    "Could not find an existing deployment to match the model in the request. Please make sure "
    "that the model name is the name of a deployment of this resource.",
    type="user_error",
)


def invalid_request(message: str, param: str | None = None) -> Answer:
    """Answer a request whose parameters cannot be served."""
    return problem(400, None, message, type="invalid_request_error", param=param)


def missing(param: str) -> Answer:
    """Answer a request that lacks a required parameter."""
    return invalid_request(f"Missing required parameter: '{param}'.", param)


def model_mismatch(deployment: str, model: str | None) -> Answer:
    """Answer a request whose body names another deployment than its URL."""
    return invalid_request(
        f"The model '{model}' of the body is not the deployment '{deployment}' of the URL.", "model"
    )


def not_found(noun: str, identity: str, param: str | None = None) -> Answer:
    """Answer a request for a resource that this region does not hold."""
    return problem(
        404,
        None,
        f"{noun} with id '{identity}' not found.",
        type="invalid_request_error",
        param=param,
    )


def item_not_found(identity: str) -> Answer:
    """Answer an input that refers to an item which this region did not store."""
    return problem(
        404,
        None,
        f"Item with id '{identity}' not found. Items are not persisted when `store` is set to "
        "false. Try again with `store` set to true, or remove this item from your input.",
        type="invalid_request_error",
        param="input",
    )


def previous_response_not_found(identity: str) -> Answer:
    """Answer a request that continues a response which this region did not store."""
    return problem(
        400,
        "previous_response_not_found",
        f"Previous response with id '{identity}' not found.",
        type="invalid_request_error",
        param="previous_response_id",
    )


def invalid_encrypted_content(content: str) -> Answer:
    """Answer an input whose encrypted content another resource made."""
    return problem(
        400,
        "invalid_encrypted_content",
        f"The encrypted content {content[:4]}...{content[-4:]} could not be verified.",
        type="invalid_request_error",
        param=None,
    )


_FILTERED = problem(
    400,
    "content_filter",
    "The response was filtered due to the prompt triggering Azure OpenAI's content management "
    "policy. Please modify your prompt and retry.",
    type=None,
    param="prompt",
    status=400,
    innererror={
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {
            "hate": {"filtered": False, "severity": "safe"},
            "jailbreak": {"filtered": False, "detected": False},
            "self_harm": {"filtered": False, "severity": "safe"},
            "sexual": {"filtered": False, "severity": "safe"},
            "violence": {"filtered": True, "severity": "high"},
        },
    },
)

_SERVER_ERROR = problem(
    500,
    None,
    "The server had an error processing your request. Sorry about that! You can retry your "
    "request, or contact us through an Azure support request if you keep seeing this error.",
    type="server_error",
    param=None,
)

_BAD_GATEWAY = raw_answer(
    502,
    "text/html",
    b"<html><head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>\r\n",
)

_DEFAULTS = {
    400: _FILTERED,
    401: KEY_REFUSED,
    403: problem(403, "403", "Access denied due to Virtual Network/Firewall rules."),
    404: DEPLOYMENT_NOT_FOUND,
    408: problem(408, "Timeout", "The operation was timeout."),
    429: problem(
        429,
        "429",
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded "
        "token rate limit of your current pricing tier. Please retry after 1 second.",
    ),
    500: _SERVER_ERROR,
    502: _BAD_GATEWAY,
    503: problem(503, "ServiceUnavailable", "The service is temporarily unable to process it."),
    504: problem(504, "GatewayTimeout", "The gateway did not receive a response in time."),
}

_BODILESS = frozenset({204, 304})


def status_answer(fault: Status) -> Answer:
    """Answer as a `Status` fault says; a code without a known body gets a plain envelope."""
    answer = _DEFAULTS.get(fault.code) or problem(fault.code, str(fault.code), _phrase(fault.code))
    if fault.code in _BODILESS:
        answer = Answer(fault.code, ())
    elif isinstance(fault.body, str):
        answer = raw_answer(fault.code, "text/plain; charset=utf-8", fault.body.encode())
    elif isinstance(fault.body, bytes):
        answer = raw_answer(fault.code, "application/octet-stream", fault.body)
    elif fault.body is not None:
        answer = json_answer(fault.code, fault.body)
    return answer.with_headers(fault.headers or {})


def bad_json() -> Answer:
    """Answer with a success whose body no JSON parser takes."""
    return raw_answer(200, "application/json; charset=utf-8", b'{"id": "chatcmpl-<cut>')


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"
