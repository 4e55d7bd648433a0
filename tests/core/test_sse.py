"""Server-sent events: where they end, what they are to a caller, and which one is the last."""

from __future__ import annotations

import codecs
import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from examples import examples
from hypothesis import example, given, settings, strategies as st

from azure_failover.core.sse import (
    DIALECTS,
    PREAMBLE_LIMIT,
    Decoder,
    Follower,
    Opening,
    ServerSentEvent,
    Sort,
    dialect_of,
    error_in,
)

CHAT = dialect_of("chat/completions")
RESPONSES = dialect_of("responses")
ANY = dialect_of("no such operation")
NEWLINES = ("\n", "\r\n", "\r")


# --- The reference: the standard's algorithm, as plainly as can be -------------------------------


def reference(stream: bytes) -> list[ServerSentEvent]:
    """Interpret a whole stream as section 9.2.6 of the HTML standard says, step by step."""
    text = codecs.decode(stream, "utf-8", "replace").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[ServerSentEvent] = []
    data = event = last_id = ""
    for line in lines[:-1]:  # what no line end ends is discarded
        if line == "":
            if data:
                found.append(ServerSentEvent(event, data.removesuffix("\n"), last_id))
            data = event = ""
            continue
        field, value = line, ""
        if line.startswith(":"):
            continue
        if ":" in line:
            field, value = line[: line.index(":")], line[line.index(":") + 1 :]
            value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "data":
            data += value + "\n"
        elif field == "id" and "\0" not in value:
            last_id = value
    return found


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Split a stream at some places; a piece may be empty."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:stop] for start, stop in pairwise(places)] + [b""]


def decoded(chunks: list[bytes]) -> list[ServerSentEvent]:
    """Decode a stream that comes in pieces."""
    decoder = Decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


CUTS = st.lists(st.integers(0, 10_000), max_size=12)
VALUES = st.text(st.sampled_from(" :ab\0é\u2028\x85\x0b\ufeff{}"), max_size=6)
FIELDS = st.sampled_from(["data", "event", "id", "retry", "dat", "data ", "", "other"])
LINES = st.one_of(
    st.builds("{}:{}".format, FIELDS, VALUES),
    st.builds("{}: {}".format, FIELDS, VALUES),
    FIELDS,
    st.just(""),
    VALUES,
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A stream with line ends of all three kinds, mixed."""
    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"]))
    lines = draw(st.lists(st.tuples(LINES, st.sampled_from(NEWLINES)), max_size=20))
    tail = draw(st.sampled_from([b"", b"data: cut", b"\n", b"data: \xff\xe2\x82\n\n"]))
    return bom + "".join(line + end for line, end in lines).encode() + tail


@settings(max_examples=examples(120))
@given(streams(), CUTS)
@example(b"data: a\r\n\r\ndata: b\r\r\n", [8])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2, 3])
@example(b"data\n\ndata:\n\n", [])
def test_the_decoder_does_as_the_standard_says_however_a_stream_is_split(
    stream: bytes, cuts: list[int]
) -> None:
    """Lines end in LF, CR LF or CR; a mark, comments, ids and unknown fields change no data."""
    assert decoded(pieces(stream, cuts)) == reference(stream)


@given(streams())
def test_the_decoder_needs_no_more_than_a_byte_at_a_time(stream: bytes) -> None:
    """An event is told of as soon as its last line has ended."""
    assert decoded([bytes([byte]) for byte in stream]) == reference(stream)


@given(st.binary(max_size=200), CUTS)
def test_no_bytes_trouble_the_decoder(stream: bytes, cuts: list[int]) -> None:
    assert decoded(pieces(stream, cuts)) == reference(stream)


def test_an_event_is_told_of_with_the_byte_that_ends_it() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: one\r") == []
    assert decoder.feed(b"\r") == [ServerSentEvent(data="one")]
    assert decoder.feed(b"\ndata: two\n\n") == [ServerSentEvent(data="two")]


# --- What an event is to the one who waits for an answer -----------------------------------------


def event(payload: Any, name: str = "") -> ServerSentEvent:
    """An event with JSON, or with the text given."""
    return ServerSentEvent(name, payload if isinstance(payload, str) else json.dumps(payload))


def chunk(*choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [*choices], **more}


def delta(finish_reason: str | None = None, **told: Any) -> dict[str, Any]:
    return {"index": 0, "delta": told, "finish_reason": finish_reason, "logprobs": None}


FILTERED: dict[str, Any] = {
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]
}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
ERROR = {"message": "No", "type": "server_error", "param": None, "code": "server_error"}

CHAT_EVENTS: dict[str, tuple[Any, Sort]] = {
    "the verdict on the prompt": (chunk(**FILTERED), Sort.PREAMBLE),
    "the verdict, with no id at all": ({"id": "", "choices": [], **FILTERED}, Sort.PREAMBLE),
    "a role": (chunk(delta(role="assistant")), Sort.PREAMBLE),
    "a role with empty content": (
        chunk(delta(role="assistant", content="", refusal=None)),
        Sort.PREAMBLE,
    ),
    "a role with content null": (chunk(delta(role="assistant", content=None)), Sort.PREAMBLE),
    "an empty delta": (chunk(delta()), Sort.PREAMBLE),
    "no delta": (chunk({"index": 0}), Sort.PREAMBLE),
    "usage that is null": (chunk(usage=None), Sort.PREAMBLE),
    "an empty list of calls": (chunk(delta(tool_calls=[])), Sort.PREAMBLE),
    "content": (chunk(delta(content="Hi")), Sort.CONTENT),
    "a space": (chunk(delta(content=" ")), Sort.CONTENT),
    "a role with content": (chunk(delta(role="assistant", content="Hi")), Sort.CONTENT),
    "content of the second choice": (chunk(delta(), delta(content="Hi")), Sort.CONTENT),
    "a refusal": (chunk(delta(refusal="I cannot")), Sort.CONTENT),
    "a call of a tool": (chunk(delta(role="assistant", tool_calls=[CALL])), Sort.CONTENT),
    "reasoning": (chunk(delta(reasoning_content="Hm")), Sort.CONTENT),
    "audio": (chunk(delta(audio={"id": "audio_1"})), Sort.CONTENT),
    "a reason to finish": (chunk(delta("stop")), Sort.CONTENT),
    "a filter that cut the answer": (chunk(delta("content_filter")), Sort.CONTENT),
    "usage alone": (chunk(usage={"total_tokens": 3}), Sort.CONTENT),
    "text": (chunk({"index": 0, "text": "Hi", "finish_reason": None}), Sort.CONTENT),
    "no text yet": (chunk({"index": 0, "text": "", "finish_reason": None}), Sort.PREAMBLE),
    "no choices": ({"object": "else"}, Sort.CONTENT),
    "choices that are none": ({"choices": "none"}, Sort.CONTENT),
    "a choice that is none": ({"choices": [1]}, Sort.PREAMBLE),
    "the end": ("[DONE]", Sort.END),
    "the end with spaces": (" [DONE] ", Sort.END),
    "text that is no JSON": ("Hello", Sort.CONTENT),
    "JSON that is no object": ("[1]", Sort.CONTENT),
    "JSON that is cut": ('{"choices": [', Sort.CONTENT),
    "JSON that is too deep": ("[" * 100_000, Sort.CONTENT),
    "an error": ({"error": ERROR}, Sort.ERROR),
    "an error in a word": ({"error": "no"}, Sort.ERROR),
    "an error that is null": (chunk(delta(content="Hi"), error=None), Sort.CONTENT),
    "an error with its type": ({"type": "error", "error": ERROR}, Sort.ERROR),
}


@pytest.mark.parametrize("operation", ["chat/completions", "completions"])
@pytest.mark.parametrize("name", CHAT_EVENTS)
def test_what_a_chunk_is(operation: str, name: str) -> None:
    """Content is whatever a caller could not have been told by anybody else."""
    payload, sort = CHAT_EVENTS[name]
    assert dialect_of(operation).sort(event(payload)) is sort


RESPONSE_EVENTS: dict[str, Sort] = {
    "response.created": Sort.PREAMBLE,
    "response.in_progress": Sort.PREAMBLE,
    "response.queued": Sort.PREAMBLE,
    "response.output_item.added": Sort.CONTENT,
    "response.output_text.delta": Sort.CONTENT,
    "response.some_new.event": Sort.CONTENT,
    "keepalive": Sort.CONTENT,
    "response.completed": Sort.END,
    "response.incomplete": Sort.END,
    "response.cancelled": Sort.END,
    "response.failed": Sort.ERROR,
    "error": Sort.ERROR,
}


@pytest.mark.parametrize("kind", RESPONSE_EVENTS)
def test_what_an_event_of_a_response_is(kind: str) -> None:
    """Its type is read from the data, or else from its name."""
    sort = RESPONSE_EVENTS[kind]
    payload = {"type": kind, "response": {"id": "resp_1", "error": None}, "sequence_number": 0}
    named_only = {"response": {"id": "resp_1"}}
    assert RESPONSES.sort(event(payload)) is sort
    assert RESPONSES.sort(event(payload, kind)) is sort
    assert RESPONSES.sort(event(named_only, kind)) is sort


@pytest.mark.parametrize("kind", RESPONSE_EVENTS)
def test_what_an_event_is_of_which_only_the_beginning_is_known(kind: str) -> None:
    """An event of many MB is kept in part: its type stands at its beginning."""
    text = json.dumps({"type": kind, "response": {"output": "x" * 100}})[:60]
    assert RESPONSES.sort(event(text)) is RESPONSE_EVENTS[kind]


@pytest.mark.parametrize(
    ("operation", "kind", "sort"),
    [
        ("audio/speech", "speech.audio.delta", Sort.CONTENT),
        ("audio/speech", "speech.audio.done", Sort.END),
        ("audio/transcriptions", "transcript.text.delta", Sort.CONTENT),
        ("audio/transcriptions", "transcript.text.done", Sort.END),
        ("audio/transcriptions", "speech.audio.done", Sort.CONTENT),
        ("images/generations", "image_generation.partial_image", Sort.CONTENT),
        ("images/generations", "image_generation.completed", Sort.CONTENT),
        ("images/generations", "error", Sort.ERROR),
        ("no such operation", "thread.run.created", Sort.CONTENT),
    ],
)
def test_what_an_event_of_another_operation_is(operation: str, kind: str, sort: Sort) -> None:
    """Operations of which nothing is known begin with their first event."""
    assert dialect_of(operation).sort(event({"type": kind})) is sort
    assert dialect_of(operation).sort(event("[DONE]")) is Sort.END
    assert dialect_of(operation).sort(event({"error": ERROR})) is Sort.ERROR
    assert dialect_of(operation).sort(event({}, "error")) is Sort.ERROR


def test_only_operations_that_are_known_may_not_end_anywhere() -> None:
    """A marker that is missing proves a cut only where one is always sent."""
    assert all(dialect.marker for dialect in DIALECTS.values())
    assert not Opening(CHAT).may_end
    assert Opening(ANY).may_end


# --- Errors, in each of their forms --------------------------------------------------------------

FACTS = {"code": "rate_limit_exceeded", "type": "too_many_requests", "message": "Wait"}
LEAN = {"code": "rate_limit_exceeded", "message": "Wait"}


@pytest.mark.parametrize(
    ("told", "facts", "kind"),
    [
        (event({"error": FACTS}), FACTS, "too_many_requests"),
        (event({"type": "error", "error": FACTS, "sequence_number": 2}), FACTS, FACTS["type"]),
        (event({"error": FACTS}, "error"), FACTS, "too_many_requests"),
        (event({"type": "error", **LEAN}, "error"), LEAN, ""),
        (event({"type": "response.failed", "response": {"error": LEAN}}), LEAN, ""),
    ],
)
def test_an_error_is_read_in_any_of_its_envelopes(
    told: ServerSentEvent, facts: dict[str, str], kind: str
) -> None:
    """The body is what an error answer would have had, so that one rule judges both."""
    error = error_in(told)
    assert json.loads(error.body) == {"error": facts}
    assert (error.code, error.kind) == ("rate_limit_exceeded", kind)


@pytest.mark.parametrize(
    ("told", "facts", "code"),
    [
        (event("Bad Gateway", "error"), {"message": "Bad Gateway"}, ""),
        (event("[1]", "error"), {"message": "[1]"}, ""),
        (event({"error": "no"}), {"message": "no"}, ""),
        (event({"error": {"code": 429}}), {"code": 429}, "429"),
        (event({"error": {"code": True}}), {"code": True}, ""),
        (event({"error": {"code": None, "message": "x"}}), {"code": None, "message": "x"}, ""),
        (event({"type": "response.failed", "response": {}}), {"response": {}}, ""),
        (event({"type": "response.failed", "response": None}), {"response": None}, ""),
    ],
)
def test_an_error_in_no_known_form_is_still_an_error(
    told: ServerSentEvent, facts: dict[str, Any], code: str
) -> None:
    error = error_in(told)
    assert json.loads(error.body) == {"error": facts}
    assert error.code == code


def test_an_error_does_not_show_what_it_says() -> None:
    """A message may quote a key."""
    assert "Wait" not in repr(error_in(event({"error": FACTS})))


# --- Opening -------------------------------------------------------------------------------------


def sse(payload: Any, newline: str = "\n", name: str = "") -> bytes:
    """Write an event."""
    told = f"event: {name}{newline}" if name else ""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return f"{told}data: {text}{newline}{newline}".encode()


ROLE, HELLO = sse(chunk(delta(role="assistant"))), sse(chunk(delta(content="Hello")))
DONE = sse("[DONE]")


@given(st.sampled_from([HELLO, DONE, sse({"error": ERROR})]), CUTS)
def test_an_opening_is_over_with_the_first_event_that_is_no_preamble(
    last: bytes, cuts: list[int]
) -> None:
    """Comments, roles and verdicts are held back, byte for byte, however they are split."""
    stream = b": hello\n\n" + sse(chunk(**FILTERED)) + ROLE
    opening = Opening(CHAT)
    assert not any(map(opening.is_over, pieces(stream, cuts)))
    assert not opening.is_over(last[:-1])
    assert opening.is_over(last[-1:])
    assert b"".join(opening.held) == stream + last
    assert (opening.error is None) == (last in (HELLO, DONE))


def test_an_opening_tells_the_error_that_came_in_place_of_content() -> None:
    opening = Opening(RESPONSES)
    created = {"type": "response.created", "response": {"error": None}}
    failed = {"type": "error", "error": FACTS}
    assert opening.is_over(sse(created) + sse(failed) + HELLO)
    assert opening.error == error_in(event(failed))


def test_an_error_behind_content_is_no_error_of_the_opening() -> None:
    opening = Opening(CHAT)
    assert opening.is_over(ROLE + HELLO + sse({"error": ERROR}))
    assert opening.error is None


def test_a_preamble_that_is_too_long_is_handed_on() -> None:
    """What is held back is bounded: nobody can make the transport keep a stream in memory."""
    opening = Opening(CHAT)
    assert not opening.is_over(b":" + b"x" * (PREAMBLE_LIMIT - 1))
    assert opening.is_over(b"x")
    assert sum(map(len, opening.held)) == PREAMBLE_LIMIT + 1


def test_an_opening_that_echoes_a_long_request_is_no_content() -> None:
    """``response.created`` repeats the instructions."""
    created = {"type": "response.created", "response": {"instructions": "x" * 500_000}}
    opening = Opening(RESPONSES)
    assert not opening.is_over(sse(created))
    assert opening.is_over(sse({"type": "response.output_text.delta", "delta": "Hi"}))


# --- Follower ------------------------------------------------------------------------------------

PARTS: list[Any] = [
    chunk(delta(content="Hello")),
    chunk(delta(content="x" * 5000)),
    chunk(delta("stop")),
    "[DONE]",
    {"error": ERROR},
    None,
    "no JSON",
]
RESPONSE_PARTS: list[Any] = [
    {"type": "response.output_text.delta", "delta": "Hi"},
    {"type": "response.completed", "response": {"output": "y" * 6000}},
    {"type": "response.incomplete", "response": {}},
    {"type": "error", "error": FACTS},
    {"type": "response.failed", "response": {"error": LEAN}},
    None,
]


@st.composite
def told_streams(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """An operation, the opening of a stream, and the rest, which may be cut anywhere."""
    operation = draw(st.sampled_from(["chat/completions", "responses", "no such operation"]))
    newline = draw(st.sampled_from(NEWLINES))
    parts = RESPONSE_PARTS if operation == "responses" else PARTS
    chosen = draw(st.lists(st.sampled_from(parts), max_size=6))
    multi = draw(st.booleans())

    def written(part: Any) -> bytes:
        if part is None:
            return f": keep-alive{newline}{newline}".encode()
        text = part if isinstance(part, str) else json.dumps(part, indent=0 if multi else None)
        name: str = "" if isinstance(part, str) else part.get("type", "")
        lines = "".join(f"data: {line}{newline}" for line in text.split("\n"))
        return ((f"event: {name}{newline}" if name else "") + lines + newline).encode()

    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    opening = bom + written(parts[0])
    rest = b"".join(map(written, chosen))
    cut = draw(st.sampled_from([0, 0, 1, 2, 3, 4, 20]))
    return operation, opening, rest[: len(rest) - cut] if cut else rest


def last_word(operation: str, stream: bytes) -> tuple[Sort, str]:
    """Say by the reference alone what a stream has come to.

    The last event decides; but ``[DONE]`` says that there was an end, whatever follows it, and an
    error right before it is told too. Any other event that is torn is one that nobody gets.
    """
    dialect = dialect_of(operation)
    whole, torn = reference(stream), reference(stream + b"\n\n")
    events = whole + [each for each in torn[len(whole) :] if each.data == "[DONE]"]
    sorts = [dialect.sort(each) for each in events]
    done = next((at for at, each in enumerate(events) if each.data.strip() == "[DONE]"), None)
    if done is not None:
        before = events[done - 1] if done else None
        failed = before is not None and dialect.sort(before) is Sort.ERROR
        return Sort.END, error_in(before).code if failed and before is not None else ""
    match sorts[-1]:
        case Sort.ERROR:
            return Sort.ERROR, error_in(events[-1]).code
        case Sort.END:
            return Sort.END, ""
        case Sort.CONTENT | Sort.PREAMBLE:
            return Sort.CONTENT, ""


@settings(max_examples=examples(120))
@given(told_streams(), CUTS)
def test_the_follower_comes_to_what_the_decoder_comes_to(
    told: tuple[str, bytes, bytes], cuts: list[int]
) -> None:
    """Promise 5: a complete stream is no error, and a cut one is no success, however split."""
    operation, opening, rest = told
    follower = Follower(dialect_of(operation), opening)
    for piece in pieces(rest, cuts):
        follower.passed(piece)
    sort, error = follower.end()
    assert (sort, "" if error is None else error.code) == last_word(operation, opening + rest)


@settings(max_examples=examples(100))
@given(told_streams(), CUTS)
def test_the_follower_hears_of_events_when_they_are_complete(
    told: tuple[str, bytes, bytes], cuts: list[int]
) -> None:
    """What counts for ``stream_idle_timeout`` is told by the piece that completes an event."""
    operation, opening, rest = told
    follower, decoder = Follower(dialect_of(operation), opening), Decoder()
    decoder.feed(opening)
    for piece in pieces(rest, cuts):
        is_event, found = follower.passed(piece), decoder.feed(piece)
        if b"\r" not in opening:  # else a blank line is one for the decoder before its last byte
            assert is_event == bool(found)


@pytest.mark.parametrize("stream", [HELLO * 3, DONE, sse("x", "\r\n"), sse("x", "\r")])
def test_comments_are_no_events(stream: bytes) -> None:
    """A connection that is only kept alive brings nothing."""
    follower = Follower(CHAT, HELLO)
    assert not follower.passed(b": keep-alive\n\n")
    assert not follower.passed(b": keep-alive\n\n: keep-alive\n\n:")
    assert not follower.passed(b" keep-alive\n\n")
    assert not follower.passed(b"event: ping\n\n")
    assert not follower.passed(b"")
    assert follower.passed(HELLO)
    follower = Follower(CHAT, stream)
    assert follower.passed(stream)


def test_comments_behind_the_last_event_do_not_hide_it() -> None:
    for tail in (b": bye\n\n", b": bye", b": bye\n\n: bye\n\n"):
        follower = Follower(CHAT, HELLO)
        follower.passed(DONE + tail)
        follower.passed(tail)
        assert follower.end() == (Sort.END, None)


def test_a_terminal_event_that_is_torn_is_no_end() -> None:
    """Promise 5: no SDK hands on half an event, so its answer would lack its end."""
    done = sse({"type": "response.completed", "response": {}}, name="response.completed")
    hello = sse({"type": "response.output_text.delta", "delta": "Hi"})
    for cut in range(1, len(done)):
        follower = Follower(RESPONSES, hello)
        follower.passed(done[:cut])
        assert follower.end() == (Sort.CONTENT, None)


def test_an_error_event_that_is_torn_is_no_error_that_anybody_saw() -> None:
    failed = sse({"type": "error", "error": FACTS}, name="error")
    follower = Follower(RESPONSES, sse({"type": "response.output_text.delta", "delta": "Hi"}))
    follower.passed(failed[:-1])
    assert follower.end() == (Sort.CONTENT, None)


def test_an_error_right_before_the_end_is_told() -> None:
    """Some gateways end a failed stream in an orderly way."""
    failed = sse({"error": FACTS})
    for chunks in ([failed, DONE], [failed + DONE], [failed + DONE[:-1]], [failed + DONE + HELLO]):
        follower = Follower(CHAT, HELLO)
        for piece in chunks:
            follower.passed(piece)
        assert follower.end() == (Sort.END, error_in(event({"error": FACTS})))


def test_done_within_a_text_is_no_end() -> None:
    follower = Follower(CHAT, HELLO)
    assert follower.passed(sse(chunk(delta(content="[DONE]"))))
    assert follower.end() == (Sort.CONTENT, None)


@pytest.mark.parametrize("comment", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("newline", NEWLINES)
def test_a_proxy_may_end_the_lines_of_its_comments_otherwise(newline: str, comment: str) -> None:
    """Whoever keeps a connection alive need not know how its events are written."""
    alive = f": alive{comment}{comment}".encode()
    hello, done = sse(chunk(delta(content="Hello")), newline), sse("[DONE]", newline)
    for opening in (hello, alive + hello, hello + alive, alive + hello + alive):
        follower = Follower(CHAT, opening)
        for _ in range(100):
            follower.passed(hello)
            follower.passed(alive)
        assert follower.end() == (Sort.CONTENT, None)
        follower.passed(done + alive)
        assert follower.end() == (Sort.END, None)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_events_are_found_though_the_opening_ends_in_a_comment_of_a_proxy(newline: str) -> None:
    """How events end is looked for again where none seems to."""
    hello, done = sse(chunk(delta(content="Hello")), newline), sse("[DONE]", newline)
    follower = Follower(CHAT, hello + b": alive\r\r")
    heard = [follower.passed(hello) for _ in range(100)]
    assert not heard[0]
    assert heard[-1]
    assert follower.passed(done)
    assert follower.end() == (Sort.END, None)


@pytest.mark.parametrize("newline", NEWLINES)
def test_an_event_of_many_megabytes_costs_no_memory(newline: str) -> None:
    """A picture comes in one event; only its beginning is kept, and it is told what it was."""
    kind = "response.completed"
    begin = f'event: {kind}{newline}data: {{"type":"{kind}","picture":"'.encode()
    follower = Follower(RESPONSES, sse({"type": "response.output_text.delta"}, newline))
    piece = b"x" * 65536
    tracemalloc.start()
    assert not follower.passed(begin)
    assert not any(follower.passed(piece) for _ in range(160))
    assert follower.passed(f'"}}{newline}{newline}'.encode())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400_000
    assert follower.end() == (Sort.END, None)
