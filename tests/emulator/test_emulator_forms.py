"""Audio, images and moderations; forms as a region reads and records them."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from emulator_calls import client_of, dated, key, plain, v1
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.emulator import Fleet, Region, RegionSpec, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

SOUND = {"file": ("a.mp3", b"\x00\xff\r\n--\r\n", "audio/mpeg")}
IMAGE = {"image": ("a.png", b"png", "image/png")}

FORMS: list[tuple[str, dict[str, str], Any]] = [
    ("audio/transcriptions", {}, SOUND),
    ("audio/translations", {}, SOUND),
    ("images/edits", {"prompt": "p"}, IMAGE),
]
OBJECTS = [
    ("audio/speech", {"input": "hey", "voice": "alloy"}),
    ("images/generations", {"prompt": "p"}),
]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    names = frozenset({"whisper", "team a/img"})
    with Fleet([RegionSpec("eastus", deployments=names)]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


@pytest.fixture
def east(fleet: Fleet) -> Region:
    fleet["eastus"].clear()
    return fleet["eastus"]


@settings(max_examples=examples(50), deadline=None)
@given(content=st.binary(max_size=200), texts=st.lists(st.text(max_size=20), max_size=3))
def test_a_form_is_recorded_as_it_was_sent(
    fleet: Fleet, client: httpx.Client, content: bytes, texts: list[str]
) -> None:
    """Every field and every file of a form arrives byte for byte, and in order."""
    east = fleet["eastus"]
    east.clear()
    files = [("file", ("ä;b.bin", content, "application/x")), ("image[]", ("c", b"", "image/png"))]
    data = {"model": "whisper", "texts[]": texts}
    client.post(v1(east, "audio/transcriptions"), headers=key(east), data=data, files=files)
    (request,) = east.requests
    assert request.is_form
    assert [value.decode() for name, value in request.fields if name == "texts[]"] == texts
    assert request.form_field("model") == b"whisper"
    assert request.form_field("absent") is None
    first, second = request.files
    assert (first.name, first.filename, first.content) == ("file", "ä;b.bin", content)
    assert (first.content_type, second.content_type) == ("application/x", "image/png")
    assert (second.name, second.filename, second.content) == ("image[]", "c", b"")


def test_parts_without_a_name_are_passed_over(client: httpx.Client, east: Region) -> None:
    body = (
        b'--x\r\n\r\nno head\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--'
    )
    headers = {**key(east), "content-type": "multipart/form-data; boundary=x"}
    client.post(v1(east, "files"), headers=headers, content=body)
    assert east.requests[0].fields == (("a", b"1"),)
    assert east.requests[0].files == ()


def test_a_request_that_is_no_form_has_no_fields(client: httpx.Client, east: Region) -> None:
    client.post(v1(east, "files"), headers=key(east), json={"model": "x"})
    (request,) = east.requests
    assert (request.is_form, request.fields, request.files) == (False, (), ())
    assert request.model == "x"


@pytest.mark.parametrize(("route", "data", "files"), FORMS)
def test_a_form_on_a_dated_url_runs_on_the_deployment_of_the_path(
    client: httpx.Client, east: Region, route: str, data: dict[str, str], files: Any
) -> None:
    parts: dict[str, Any] = {"headers": key(east), "data": data, "files": files}
    assert client.post(dated(east, route, "team%20a%2Fimg"), **parts).is_success
    assert east.requests[0].deployment == "team a/img"
    assert client.post(dated(east, route, "nope"), **parts).status_code == 404
    assert client.post(plain(east, route), **parts).status_code == 404


@pytest.mark.parametrize(("route", "data", "files"), FORMS)
def test_a_form_on_a_v1_url_runs_on_the_deployment_of_its_field(
    client: httpx.Client, east: Region, route: str, data: dict[str, str], files: Any
) -> None:
    def post(fields: dict[str, str]) -> httpx.Response:
        return client.post(v1(east, route), headers=key(east), data=fields, files=files)

    assert post({**data, "model": "team a/img"}).is_success
    assert east.requests[0].deployment == east.requests[0].model == "team a/img"
    missing = post({**data, "model": "nope"})
    assert missing.status_code == 404
    assert missing.json()["error"]["type"] == "user_error"
    assert post(data).status_code == 400


@pytest.mark.parametrize(("route", "body"), OBJECTS)
def test_an_object_runs_on_the_deployment_of_the_path_or_on_v1_of_its_model(
    client: httpx.Client, east: Region, route: str, body: dict[str, str]
) -> None:
    def status(url: str, **more: str) -> int:
        return client.post(url, headers=key(east), json={**body, **more}).status_code

    assert status(dated(east, route, "whisper")) == 200
    assert status(dated(east, route, "nope")) == 404
    assert status(v1(east, route), model="whisper") == 200
    assert status(v1(east, route), model="nope") == 404
    assert status(v1(east, route)) == 400


@pytest.mark.parametrize(("route", "_", "__"), FORMS)
def test_a_form_without_its_file_is_refused(
    client: httpx.Client, east: Region, route: str, _: object, __: object
) -> None:
    files = {"other": ("a", b"x")}
    data = {"prompt": "p"}
    response = client.post(dated(east, route), headers=key(east), data=data, files=files)
    assert response.status_code == 400
    assert client.post(dated(east, route), headers=key(east), json=data).status_code == 400


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("text", "eastus: a.mp3"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,000\neastus: a.mp3"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\neastus: a.mp3"),
    ],
)
def test_a_transcription_comes_in_a_format_of_plain_text(
    client: httpx.Client, east: Region, form: str, start: str
) -> None:
    url = dated(east, "audio/transcriptions", "whisper")
    response = client.post(url, headers=key(east), data={"response_format": form}, files=SOUND)
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text.startswith(start)


@pytest.mark.parametrize(
    ("route", "task"), [("audio/transcriptions", "transcribe"), ("audio/translations", "translate")]
)
def test_a_verbose_transcription_has_segments(
    client: httpx.Client, east: Region, route: str, task: str
) -> None:
    def post(form: str) -> httpx.Response:
        data = {"response_format": form}
        return client.post(dated(east, route), headers=key(east), data=data, files=SOUND)

    body = post("verbose_json").json()
    assert (body["task"], body["text"]) == (task, "eastus: a.mp3")
    assert body["segments"][0]["text"] == "eastus: a.mp3"
    assert post("json").json() == {"text": "eastus: a.mp3"}
    assert post("nonsense").status_code == 400


def test_speech_comes_in_chunks(client: httpx.Client, east: Region) -> None:
    url, body = dated(east, "audio/speech"), {"input": "one two", "voice": "alloy"}
    with client.stream("POST", url, headers=key(east), json=body) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in response.headers
        assert list(response.iter_raw()) == [b"eastus:", b" one", b" two"]


def test_speech_that_is_cut_is_a_broken_body(client: httpx.Client, east: Region) -> None:
    url, body = dated(east, "audio/speech"), {"input": "one two", "voice": "alloy"}
    east.fault = faults.ResetInBody(9, times=1)
    with client.stream("POST", url, headers=key(east), json=body) as response:
        pieces = response.iter_raw()
        assert [next(pieces), next(pieces)] == [b"eastus:", b" o"]
        with pytest.raises(httpx.ReadError):
            next(pieces)


def test_speech_is_bytes_of_the_type_that_is_asked_for(client: httpx.Client, east: Region) -> None:
    def post(**body: str) -> httpx.Response:
        return client.post(dated(east, "audio/speech"), headers=key(east), json=body)

    assert post(input="hey").headers["content-type"] == "audio/mpeg"
    sound = post(input="hey", response_format="wav")
    assert (sound.headers["content-type"], sound.content) == ("audio/wav", b"eastus: hey")
    assert post(input="hey", response_format="nonsense").status_code == 400
    assert post().status_code == 400


def test_images_come_as_base64_or_as_addresses(client: httpx.Client, east: Region) -> None:
    def post(**body: object) -> httpx.Response:
        return client.post(dated(east, "images/generations"), headers=key(east), json=body)

    one, two = post(prompt="p", n=2).json()["data"]
    assert one == two
    assert one["revised_prompt"] == "eastus: p"
    assert base64.b64decode(one["b64_json"]).startswith(b"\x89PNG")
    (address,) = post(prompt="p", response_format="url").json()["data"]
    assert address["url"].startswith("https://eastus.images.invalid/")
    assert post(prompt="p", n=0).status_code == 400
    assert post(n=1).status_code == 400


def test_several_images_are_edited(client: httpx.Client, east: Region) -> None:
    files = [("image[]", ("a.png", b"a")), ("image[]", ("b.png", b"b"))]
    data = {"prompt": "p", "model": "whisper", "n": "2"}
    response = client.post(v1(east, "images/edits"), headers=key(east), data=data, files=files)
    assert len(response.json()["data"]) == 2
    assert [part.content for part in east.requests[0].files] == [b"a", b"b"]


@pytest.mark.parametrize("place", [plain, v1])
def test_moderations_flag_nothing(client: httpx.Client, east: Region, place: Any) -> None:
    def post(**body: object) -> httpx.Response:
        return client.post(place(east, "moderations"), headers=key(east), json=body)

    results = post(model="whisper", input=["a", "b"]).json()["results"]
    assert [result["flagged"] for result in results] == [False, False]
    assert results[0]["categories"].keys() == results[0]["category_scores"].keys()
    assert post(model="nope", input="a").status_code == 404
    assert post(model="whisper").status_code == 400


def test_a_form_in_chunks_is_read_whole(client: httpx.Client, east: Region) -> None:
    url = v1(east, "audio/transcriptions")
    built = client.build_request("POST", url, data={"model": "whisper"}, files=SOUND)
    body = built.read()
    headers = {**key(east), "content-type": built.headers["content-type"]}
    pieces = (body[at : at + 7] for at in range(0, len(body), 7))
    assert client.post(url, headers=headers, content=pieces).json() == {"text": "eastus: a.mp3"}
    (request,) = east.requests
    assert request.header("transfer-encoding") == "chunked"
    assert request.files[0].content == SOUND["file"][1]


def test_a_body_in_chunks_may_wait_for_its_invitation(east: Region) -> None:
    body = json.dumps({"model": "whisper", "input": "x"}).encode()
    head = (
        "POST /openai/v1/moderations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"api-key: {east.api_key}\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", east.port), timeout=5) as sock:
        sock.sendall(head.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert east.requests[0].body == body
