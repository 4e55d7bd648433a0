"""Resources that a region keeps under ids: a table of what there is, and the verbs for all.

What only one kind of resource does stands with that kind's own routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from attrs import field, frozen

from azure_failover.emulator import _errors
from azure_failover.emulator._answer import Answer, json_answer
from azure_failover.emulator._call import CREATED, Body, Call, Needs, Route, Serve
from azure_failover.emulator._references import missing_reference
from azure_failover.emulator.recorded import Dialect

_DEFAULT_LIMIT: Final = 20


def _names(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(given.split()) if isinstance(given, str) else given


@frozen(kw_only=True)
class Resource:
    """One kind of resource.

    Attributes:
        route: Its route, and the collection that keeps it.
        noun: What an error calls it.
        kind: The `object` it says it is.
        prefix: What its ids begin with.
        verbs: Which of create, get, list, update and delete it has, in one text.
        starts: What a new one says; the request may say otherwise.
        requires: What a request for a new one must name.
        needs: Where a new one takes its deployment from.
        actions: Routes below the id that are POSTed, with the status each leaves behind.
        created: The status code of a creation on dated URLs; v1 says 200.
        deleted: The `object` of a deletion's answer; by default `<kind>.deleted`.
    """

    route: str
    noun: str
    kind: str = ""
    prefix: str = ""
    verbs: tuple[str, ...] = field(converter=_names)
    starts: Mapping[str, object] = field(factory=dict[str, object])
    requires: tuple[str, ...] = field(default=(), converter=_names)
    needs: Needs = Needs.NOTHING
    actions: Mapping[str, str] = field(factory=dict[str, str])
    created: int = 200
    deleted: str | None = None


_RESOURCES: Final = (
    Resource(
        route="chat/completions",
        noun="Chat completion",
        kind="chat.completion",
        verbs="get list update delete",
    ),
    Resource(route="responses", noun="Response", kind="response", verbs="get delete"),
    Resource(route="files", noun="File", kind="file", verbs="get list delete", deleted="file"),
    Resource(
        route="batches",
        noun="Batch",
        kind="batch",
        prefix="batch_",
        verbs="create get list",
        starts={
            "endpoint": "/chat/completions",
            "errors": None,
            "input_file_id": None,
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": None,
        },
        requires="input_file_id",
        actions={"cancel": "cancelling"},
    ),
    Resource(
        route="vector_stores",
        noun="Vector store",
        kind="vector_store",
        prefix="vs_",
        verbs="create get list update delete",
        starts={
            "name": None,
            "usage_bytes": 0,
            "file_counts": dict.fromkeys(
                ("in_progress", "completed", "failed", "cancelled", "total"), 0
            ),
            "status": "completed",
            "last_active_at": CREATED,
            "metadata": {},
        },
    ),
    Resource(
        route="conversations",
        noun="Conversation",
        kind="conversation",
        prefix="conv_",
        verbs="create get update delete",
        starts={"metadata": {}},
    ),
    Resource(
        route="threads",
        noun="Thread",
        kind="thread",
        prefix="thread_",
        verbs="create get update delete",
        starts={"metadata": {}, "tool_resources": {}},
    ),
    Resource(
        route="assistants",
        noun="Assistant",
        kind="assistant",
        prefix="asst_",
        verbs="create get list update delete",
        starts={
            "name": None,
            "description": None,
            "model": None,
            "instructions": None,
            "tools": [],
            "tool_resources": {},
            "metadata": {},
        },
        needs=Needs.MODEL,
    ),
    Resource(
        route="fine_tuning/jobs",
        noun="Fine-tuning job",
        kind="fine_tuning.job",
        prefix="ftjob-",
        verbs="create get list",
        starts={
            "model": None,
            "fine_tuned_model": None,
            "organization_id": None,
            "result_files": [],
            "status": "pending",
            "training_file": None,
            "validation_file": None,
            "hyperparameters": {},
        },
        requires="model training_file",
        actions={"cancel": "cancelled"},
        created=201,
    ),
    Resource(
        route="containers",
        noun="Container",
        kind="container",
        prefix="cntr_",
        verbs="create get list delete",
        starts={"name": None, "status": "running"},
        requires="name",
    ),
)


def _kept(call: Call, resource: Resource) -> Answer:
    """Answer a resource as it stands."""
    found = call.store.find(resource.route, call.ids[0])
    if found is None:
        return _errors.not_found(resource.noun, call.ids[0])
    return json_answer(200, found.shown)


def listed(call: Call, items: list[Body]) -> Answer:
    """Answer items page by page, the newest first unless `order=asc` is asked for."""
    asked = dict(call.request.query)
    ordered = items if asked.get("order") == "asc" else items[::-1]
    names = [item["id"] for item in ordered]
    start = names.index(asked["after"]) + 1 if asked.get("after") in names else 0
    limit = asked.get("limit", "")
    page = ordered[start:][: int(limit) if limit.isdecimal() else _DEFAULT_LIMIT]
    return json_answer(
        200,
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(ordered) > start + len(page),
        },
    )


def status_of_creation(call: Call, on_dated_urls: int) -> int:
    """Choose the status code that tells of a new resource."""
    return on_dated_urls if call.request.dialect is Dialect.DATED else 200


def _create(call: Call, resource: Resource) -> Answer:
    for name in resource.requires:
        if not isinstance(call.body.get(name), str):
            return _errors.missing(name)
    objection = missing_reference(call)
    if objection is not None:
        return objection
    shown: Body = {
        "id": call.store.new_id(resource.prefix, 24),
        "object": resource.kind,
        "created_at": CREATED,
        **{name: call.body.get(name, value) for name, value in resource.starts.items()},
    }
    call.store.keep(resource.route, shown)
    return json_answer(status_of_creation(call, resource.created), shown)


def _list(call: Call, resource: Resource) -> Answer:
    return listed(call, call.store.shown(resource.route))


def _update(call: Call, resource: Resource) -> Answer:
    """Take over the fields that an update may change, as far as the resource has them."""
    found = call.store.find(resource.route, call.ids[0])
    if found is None:
        return _errors.not_found(resource.noun, call.ids[0])
    changed = {"metadata", "name"} & call.body.keys() & found.shown.keys()
    shown: Body = {**found.shown, **{name: call.body[name] for name in changed}}
    call.store.keep(resource.route, shown, found.content)
    return json_answer(200, shown)


def _delete(call: Call, resource: Resource) -> Answer:
    if call.store.find(resource.route, call.ids[0]) is None:
        return _errors.not_found(resource.noun, call.ids[0])
    call.store.drop(resource.route, call.ids[0])
    kind = resource.deleted or f"{resource.kind}.deleted"
    return json_answer(200, {"id": call.ids[0], "object": kind, "deleted": True})


def _act(call: Call, *, resource: Resource, status: str) -> Answer:
    found = call.store.find(resource.route, call.ids[0])
    if found is None:
        return _errors.not_found(resource.noun, call.ids[0])
    shown = {**found.shown, "status": status}
    call.store.keep(resource.route, shown, found.content)
    return json_answer(200, shown)


_VERBS: Final[Mapping[str, tuple[str, str, Callable[[Call, Resource], Answer]]]] = {
    "create": ("POST", "", _create),
    "get": ("GET", "/{}", _kept),
    "list": ("GET", "", _list),
    "update": ("POST", "/{}", _update),
    "delete": ("DELETE", "/{}", _delete),
}


def _routes(resource: Resource) -> Iterator[Route]:
    for verb in resource.verbs:
        method, tail, serve = _VERBS[verb]
        needs = resource.needs if verb == "create" else Needs.NOTHING
        yield Route(method, resource.route + tail, _bound(serve, resource), needs)
    for action, status in resource.actions.items():
        act = partial(_act, resource=resource, status=status)
        yield Route("POST", f"{resource.route}/{{}}/{action}", act)


def _bound(serve: Callable[[Call, Resource], Answer], resource: Resource) -> Serve:
    return lambda call: serve(call, resource)


ROUTES: Final = tuple(route for resource in _RESOURCES for route in _routes(resource))
