"""What a region keeps under ids: nothing of it is known to another region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_calls import client_of, dated, key, plain, said, v1
from examples import examples
from hypothesis import example, given, settings, strategies as st

from azure_failover.emulator import Fleet, Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

MODEL = "gpt-4.1-mini"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(["eastus", "westus"]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


@pytest.fixture
def east(fleet: Fleet) -> Region:
    fleet["eastus"].clear()
    return fleet["eastus"]


@pytest.fixture
def west(fleet: Fleet) -> Region:
    return fleet["westus"]


def upload(client: httpx.Client, url: str, region: Region, content: bytes = b"{}") -> Any:
    response = client.post(
        url,
        headers=key(region),
        data={"purpose": "batch"},
        files={"file": ("in.jsonl", content, "application/jsonl")},
    )
    assert response.is_success
    return response.json()


@pytest.fixture
def file_id(client: httpx.Client, east: Region) -> str:
    made: str = upload(client, v1(east, "files"), east)["id"]
    return made


def test_a_file_is_uploaded_read_listed_and_deleted(
    client: httpx.Client, east: Region, west: Region
) -> None:
    content = bytes(range(256)) + b"\r\n--\r\n"
    file = upload(client, v1(east, "files"), east, content)
    assert file["id"].startswith("file-")
    assert (file["object"], file["filename"], file["purpose"]) == ("file", "in.jsonl", "batch")
    assert file["bytes"] == len(content)
    route = f"files/{file['id']}"
    assert client.get(plain(east, route), headers=key(east)).json() == file
    assert client.get(v1(east, f"{route}/content"), headers=key(east)).content == content
    listed = client.get(v1(east, "files?limit=1"), headers=key(east)).json()
    assert listed["data"] == [file]
    assert client.get(v1(west, f"{route}/content"), headers=key(west)).status_code == 404
    deleted = client.delete(v1(east, route), headers=key(east)).json()
    assert deleted == {"id": file["id"], "object": "file", "deleted": True}
    assert client.get(v1(east, route), headers=key(east)).status_code == 404


def test_dated_urls_answer_an_upload_with_201_and_v1_with_200(
    client: httpx.Client, east: Region
) -> None:
    parts: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("a", b"x")}}
    assert client.post(plain(east, "files"), headers=key(east), **parts).status_code == 201
    assert client.post(v1(east, "files"), headers=key(east), **parts).status_code == 200


@pytest.mark.parametrize(
    "parts",
    [
        {"json": {"purpose": "batch"}},
        {"files": {"file": ("a", b"x")}},
        {"files": {"other": ("a", b"x")}, "data": {"purpose": "batch"}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
    ],
)
def test_an_upload_needs_a_form_with_a_file_and_a_purpose(
    client: httpx.Client, east: Region, parts: dict[str, Any]
) -> None:
    headers = {**key(east), **parts.pop("headers", {})}
    assert client.post(v1(east, "files"), headers=headers, **parts).status_code == 400


def test_a_list_comes_in_pages_the_newest_first(client: httpx.Client, west: Region) -> None:
    names = ["a", "b", "c"]
    for name in names:
        client.post(v1(west, "vector_stores"), headers=key(west), json={"name": name})

    def page(query: str) -> Any:
        return client.get(v1(west, f"vector_stores?{query}"), headers=key(west)).json()

    first = page("limit=2")
    rest = page(f"limit=2&after={first['last_id']}")
    assert [item["name"] for item in first["data"] + rest["data"]] == names[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["first_id"] == first["data"][0]["id"]
    assert [item["name"] for item in page("order=asc")["data"]] == names
    nothing = client.get(v1(west, "containers"), headers=key(west)).json()
    assert nothing == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


CREATIONS: list[tuple[str, str, dict[str, object]]] = [
    ("vector_stores", "vector_store vs_", {"name": "n"}),
    ("conversations", "conversation conv_", {"metadata": {"a": "b"}}),
    ("threads", "thread thread_", {}),
    ("assistants", "assistant asst_", {"model": MODEL, "name": "n"}),
    ("batches", "batch batch_", {"input_file_id": "<file>", "endpoint": "/v1/responses"}),
    ("fine_tuning/jobs", "fine_tuning.job ftjob-", {"model": "base", "training_file": "<file>"}),
    ("containers", "container cntr_", {"name": "n"}),
]


@pytest.mark.parametrize("place", [plain, v1])
@pytest.mark.parametrize(("route", "named", "body"), CREATIONS)
def test_a_resource_is_read_where_it_was_created(
    client: httpx.Client,
    east: Region,
    west: Region,
    file_id: str,
    place: Any,
    route: str,
    named: str,
    body: dict[str, object],
) -> None:
    """What is created in one region is found there under its id, and nowhere else."""
    asked = {name: file_id if value == "<file>" else value for name, value in body.items()}
    response = client.post(place(east, route), headers=key(east), json=asked)
    made = response.json()
    assert response.is_success
    assert f"{made['object']} {made['id']}".startswith(named)
    assert {name: made[name] for name in asked} == asked
    one = f"{route}/{made['id']}"
    assert client.get(place(east, one), headers=key(east)).json() == made
    unknown = client.get(place(west, one), headers=key(west))
    assert unknown.status_code == 404
    assert made["id"] in unknown.json()["error"]["message"]


@pytest.mark.parametrize(
    ("route", "status"), [("batches", "cancelling"), ("fine_tuning/jobs", "cancelled")]
)
def test_work_on_a_file_is_cancelled(
    client: httpx.Client, east: Region, file_id: str, route: str, status: str
) -> None:
    body = {"input_file_id": file_id, "training_file": file_id, "model": "base"}
    made = client.post(v1(east, route), headers=key(east), json=body).json()["id"]
    ended = client.post(v1(east, f"{route}/{made}/cancel"), headers=key(east))
    assert ended.json()["status"] == status
    assert client.get(v1(east, f"{route}/{made}"), headers=key(east)).json()["status"] == status
    unknown = client.post(v1(east, f"{route}/nope/cancel"), headers=key(east))
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("batches", {"input_file_id": "<file>"}),
        ("fine_tuning/jobs", {"model": "base", "training_file": "<file>"}),
        ("vector_stores", {"file_ids": ["<file>"]}),
    ],
)
def test_a_file_of_another_region_is_not_found(
    client: httpx.Client, west: Region, file_id: str, route: str, body: dict[str, object]
) -> None:
    asked = {name: [file_id] if isinstance(value, list) else value for name, value in body.items()}
    refused = client.post(v1(west, route), headers=key(west), json=asked)
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("route", "param"),
    [("batches", "input_file_id"), ("fine_tuning/jobs", "model"), ("containers", "name")],
)
def test_a_resource_says_what_its_request_lacks(
    client: httpx.Client, east: Region, route: str, param: str
) -> None:
    refused = client.post(v1(east, route), headers=key(east))
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param


def test_an_assistant_runs_on_a_deployment(client: httpx.Client, east: Region) -> None:
    refused = client.post(plain(east, "assistants"), headers=key(east), json={"model": "nope"})
    assert refused.json()["error"]["code"] == "DeploymentNotFound"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("route", ["vector_stores", "conversations", "chat/completions"])
def test_an_unknown_id_is_not_found(
    client: httpx.Client, east: Region, route: str, method: str
) -> None:
    response = client.request(method, v1(east, f"{route}/a%2Fb"), headers=key(east))
    assert response.status_code == 404
    assert "'a/b' not found" in response.json()["error"]["message"]
    empty = client.request(method, v1(east, f"{route}/"), headers=key(east))
    assert empty.json()["error"]["message"] == "Resource not found"


def test_an_update_changes_metadata_and_name_alone(client: httpx.Client, east: Region) -> None:
    made = client.post(v1(east, "vector_stores"), headers=key(east), json={"name": "a"}).json()
    body = {"name": "b", "metadata": {"c": "d"}, "status": "x", "id": "y"}
    url = v1(east, f"vector_stores/{made['id']}")
    changed = client.post(url, headers=key(east), json=body).json()
    assert changed == {**made, "name": "b", "metadata": {"c": "d"}}
    assert client.get(url, headers=key(east)).json() == changed
    assert client.delete(url, headers=key(east)).json()["object"] == "vector_store.deleted"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_stored_chat_completion_lives_until_it_is_deleted(
    client: httpx.Client, west: Region, streamed: bool
) -> None:
    body = said("hey", store=True, metadata={"a": "1"}, stream=streamed)
    assert client.post(dated(west), headers=key(west), json=body).is_success
    (kept,) = client.get(plain(west, "chat/completions"), headers=key(west)).json()["data"]
    assert kept["choices"][0]["message"]["content"] == "westus: hey"
    assert kept["metadata"] == {"a": "1"}
    url = plain(west, f"chat/completions/{kept['id']}")
    assert client.get(url, headers=key(west)).json() == kept
    changed = client.post(url, headers=key(west), json={"metadata": {"b": "2"}}).json()
    assert changed == {**kept, "metadata": {"b": "2"}}
    assert client.delete(url, headers=key(west)).json() == {
        "id": kept["id"],
        "object": "chat.completion.deleted",
        "deleted": True,
    }
    assert client.get(url, headers=key(west)).status_code == 404


def test_a_chat_completion_is_stored_only_on_demand(client: httpx.Client, east: Region) -> None:
    made = client.post(dated(east), headers=key(east), json=said()).json()["id"]
    url = v1(east, f"chat/completions/{made}")
    assert client.get(url, headers=key(east)).status_code == 404


def test_a_chat_refers_only_to_files_of_its_region(
    client: httpx.Client, east: Region, west: Region, file_id: str
) -> None:
    content = [{"type": "file", "file": {"file_id": file_id}}, {"type": "text", "text": "hey"}]
    body = {"messages": [{"role": "user", "content": content}]}
    found = client.post(dated(east), headers=key(east), json=body)
    assert found.json()["choices"][0]["message"]["content"] == "eastus: hey"
    assert client.post(dated(west), headers=key(west), json=body).status_code == 404


NAMES = [
    "model",
    "input",
    "messages",
    "prompt",
    "id",
    "type",
    "role",
    "content",
    "text",
    "metadata",
    "session",
    "tools",
    "file_id",
    "n",
]
POSTED = [
    "chat/completions",
    "completions",
    "embeddings",
    "moderations",
    "responses",
    "responses/compact",
    "batches",
    "conversations",
    "threads",
    "assistants",
    "vector_stores",
    "realtime/client_secrets",
    "realtime/sessions",
    "audio/speech",
    "images/generations",
]
TEXTS = st.sampled_from([MODEL, "user", "message", "reasoning", "item_reference", "x", ""])
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=examples(60), deadline=None)
@given(
    route=st.sampled_from(POSTED),
    body=st.dictionaries(
        st.sampled_from([*NAMES, "store", "conversation", "include", "dimensions"]), VALUES
    ),
)
@example(route="responses", body={"input": [{"type": [], "id": "x"}, 1]})
@example(route="responses", body={"input": [{"type": "reasoning", "id": {}, "content": [1]}]})
@example(route="chat/completions", body={"messages": [1, {"role": [], "content": [{"text": 1}]}]})
@example(route="embeddings", body={"input": [[], {}], "dimensions": True})
@example(route="images/generations", body={"prompt": "x", "n": "²"})
def test_whatever_it_is_sent_a_route_answers_it(
    fleet: Fleet, client: httpx.Client, route: str, body: dict[str, object]
) -> None:
    """No JSON object, however odd, is left without an answer; no region breaks on it."""
    east = fleet["eastus"]
    response = client.post(v1(east, route), headers=key(east), json={"model": MODEL, **body})
    assert response.status_code in {200, 400, 404}


def test_a_client_secret_takes_its_deployment_from_the_session(
    client: httpx.Client, east: Region
) -> None:
    url = v1(east, "realtime/client_secrets")
    body = {"session": {"type": "realtime", "model": MODEL}}
    secret = client.post(url, headers=key(east), json=body).json()
    assert secret["value"].startswith("ek_")
    assert secret["session"]["model"] == MODEL
    assert (east.requests[0].model, east.requests[0].deployment) == (MODEL, MODEL)
    wrong = {"session": {"type": "realtime", "model": "nope"}}
    assert client.post(url, headers=key(east), json=wrong).status_code == 404


def test_a_realtime_session_takes_its_deployment_from_the_body(
    client: httpx.Client, east: Region
) -> None:
    url = plain(east, "realtime/sessions")
    session = client.post(url, headers=key(east), json={"model": MODEL, "voice": "alloy"}).json()
    assert session["id"].startswith("sess_")
    assert (session["model"], session["voice"]) == (MODEL, "alloy")
    assert session["client_secret"]["value"].startswith("ek_")
    assert client.post(url, headers=key(east), json={"model": "nope"}).status_code == 404
