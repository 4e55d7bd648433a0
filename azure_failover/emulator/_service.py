"""What a healthy region answers: checks first, then the route. No I/O; state is in the `Store`.

The order of checks is the service's: address, credential, version, deployment, body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from azure_failover.emulator import (
    _chat,
    _credentials,
    _errors,
    _files,
    _media,
    _realtime,
    _resources,
    _responses,
    _text,
)
from azure_failover.emulator._call import Body, Call, Needs, Table, Takes, as_body
from azure_failover.emulator.recorded import Dialect, Recorded

if TYPE_CHECKING:
    from azure_failover.emulator._answer import Answer
    from azure_failover.emulator._store import Store
    from azure_failover.emulator.spec import Identity

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")

_TABLE = Table(
    (
        *_chat.ROUTES,
        *_text.ROUTES,
        *_media.ROUTES,
        *_responses.ROUTES,
        *_files.ROUTES,
        *_realtime.ROUTES,
        *_resources.ROUTES,
    )
)


def answer(request: Recorded, region: Identity, store: Store, pieces: int | None = None) -> Answer:
    """Answer one request as the region does when nothing is wrong with it.

    `pieces` is the number of events a text is streamed in; None gives each word one.
    """
    return _objection(request, region) or _served(request, region, store, pieces)


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
    if request.dialect is Dialect.UNKNOWN or region.api not in {"any", request.dialect.value}:
        return _errors.RESOURCE_NOT_FOUND
    is_v1 = request.dialect is Dialect.V1
    return _credentials.objection(request, region, is_v1=is_v1) or _version_objection(request)


def _version_objection(request: Recorded) -> Answer | None:
    """Check the version of a dated URL; v1 needs none and takes any."""
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


def _served(request: Recorded, region: Identity, store: Store, pieces: int | None) -> Answer:
    found = _TABLE.find(request.method, request.route or "")
    if found is None:
        return _errors.RESOURCE_NOT_FOUND
    route, ids = found
    is_dated = request.dialect is Dialect.DATED
    is_by_path = is_dated and route.needs is Needs.DEPLOYMENT
    if is_by_path and not _names_deployment(request, region):
        return _errors.RESOURCE_NOT_FOUND
    body = _body(request, route.takes)
    if not isinstance(body, dict):
        return body
    deployment = request.deployment if is_by_path else request.model
    if route.needs is Needs.NOTHING:
        deployment = ""
    elif deployment is None:
        return _errors.invalid_request("you must provide a model parameter", "model")
    elif deployment not in region.deployments:
        return _errors.DEPLOYMENT_NOT_FOUND if is_dated else _errors.MODEL_NOT_FOUND
    elif region.strict_model and is_by_path and request.model not in {None, deployment}:
        return _errors.model_mismatch(deployment, request.model)
    return route.serve(
        Call(
            request=request,
            region=region,
            store=store,
            deployment=deployment,
            ids=ids,
            body=body,
            pieces=pieces,
        )
    )


def _body(request: Recorded, takes: Takes) -> Body | Answer:
    """Read the body as the route expects it, or object to it."""
    if takes is Takes.FORM:
        if not request.is_form:
            return _errors.invalid_request("The request's body is not multipart/form-data.")
        return {name: value.decode("utf-8", "replace") for name, value in request.fields}
    try:
        parsed: object = request.json()
    except ValueError as error:
        if takes is Takes.ANYTHING:
            return {}
        return _errors.invalid_request(f"We could not parse the JSON body of your request: {error}")
    body = as_body(parsed)
    if takes is Takes.OBJECT and body is not parsed:
        return _errors.invalid_request("The JSON body of the request is not an object.")
    return body


def _names_deployment(request: Recorded, region: Identity) -> bool:
    """Say whether a dated URL names the deployment, as it must on the routes that run on one."""
    return request.path.startswith(f"{region.prefix}/openai/deployments/")
