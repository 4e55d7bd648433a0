"""What a healthy region answers: checks first, then the route. Pure: a request in, an answer out.

The order of checks is the service's: address, credential, version, deployment, body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from azure_failover.emulator import _errors, _routes
from azure_failover.emulator.recorded import Dialect, Recorded

if TYPE_CHECKING:
    from azure_failover.emulator._errors import Answer
    from azure_failover.emulator.spec import Identity

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")

_AUDIENCES = {
    Dialect.DATED: "https://cognitiveservices.azure.com",
    Dialect.V1: "https://ai.azure.com",
}


def answer(request: Recorded, region: Identity) -> Answer:
    """Answer one request as the region does when nothing is wrong with it."""
    return _objection(request, region) or _served(request, region)


def dressed(answer: Answer, request: Recorded) -> Answer:
    """Add the headers that Azure's gateway puts on every answer, where they are not set."""
    identity = f"00000000-0000-4000-8000-{request.number:012d}"
    common = {
        "x-ms-region": request.region,
        "apim-request-id": identity,
        "x-request-id": identity,
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": str(max(0, 1000 - request.number)),
        "x-ratelimit-limit-tokens": "100000",
        "x-ratelimit-remaining-tokens": str(max(0, 100000 - len(request.body))),
    }
    present = {name for name, _ in answer.headers}
    return answer.with_headers({k: v for k, v in common.items() if k not in present})


def _objection(request: Recorded, region: Identity) -> Answer | None:
    if request.dialect is Dialect.UNKNOWN:
        return _errors.RESOURCE_NOT_FOUND
    return _credential_objection(request, region) or _version_objection(request)


def _credential_objection(request: Recorded, region: Identity) -> Answer | None:
    """Check the key or the token; only v1 takes a key as a bearer token."""
    key = request.header("api-key")
    if key is not None:
        return None if key == region.api_key else _errors.KEY_REFUSED
    bearers = {region.token}
    if request.dialect is Dialect.V1:
        bearers.add(region.api_key)
    if request.api_key in bearers:
        return None
    return _errors.token_refused(_AUDIENCES[request.dialect])


def _version_objection(request: Recorded) -> Answer | None:
    if request.dialect is Dialect.V1:
        return None
    if request.api_version is None:
        return _errors.problem(400, "BadRequest", "Missing required query parameter: api-version.")
    if not _VERSION.fullmatch(request.api_version):
        return _errors.problem(
            400,
            "BadRequest",
            f"Unsupported api-version {request.api_version!r}: expected YYYY-MM-DD, with -preview "
            "for a preview.",
        )
    return None


def _served(request: Recorded, region: Identity) -> Answer:
    if (request.method, request.route) == ("GET", "models"):
        return _routes.models(region)
    serve = _routes.POSTED.get(request.route or "")
    is_placed = request.dialect is Dialect.V1 or _names_deployment(request, region)
    if request.method != "POST" or serve is None or not is_placed:
        return _errors.RESOURCE_NOT_FOUND
    try:
        body: object = request.json()
    except ValueError as error:
        return _errors.invalid_request(f"We could not parse the JSON body of your request: {error}")
    if not isinstance(body, dict):
        return _errors.invalid_request("The JSON body of the request is not an object.")
    if request.deployment is None and request.dialect is Dialect.V1:
        return _errors.invalid_request("you must provide a model parameter", "model")
    if request.deployment not in region.deployments:
        is_dated = request.dialect is Dialect.DATED
        return _errors.DEPLOYMENT_NOT_FOUND if is_dated else _errors.MODEL_NOT_FOUND
    return serve(request, cast("dict[str, object]", body))


def _names_deployment(request: Recorded, region: Identity) -> bool:
    """Say whether a dated URL names the deployment, as it must on the routes served here."""
    return request.path.startswith(f"{region.prefix}/openai/deployments/")
