"""Streams of both clients over scripted bodies: what breaks, what begins again, what is raised."""

from __future__ import annotations

import gzip
from typing import Any

import anyio
import httpx
import pytest
from scripted_streams import COLOURS, CONFIG, DONE, Blocking, Script, chunk, event, run, whole

from azure_failover import (
    AllEndpointsFailed,
    BadRequestError,
    ConfigError,
    Finished,
    InvalidResponseError,
    RateLimitError,
    RequestError,
    Runtime,
    ServerSentEvent,
    ServiceUnavailableError,
    StreamBrokenError,
    StreamRestarted,
    TextDelta,
    failover_options,
)
from azure_failover.events import FailoverEvent, StreamMoved

pytestmark = [
    pytest.mark.parametrize("colour", COLOURS),
    # httpx's generators leave those that they iterate to be collected, which trio remarks upon.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

BREAK = httpx.ReadError("reset")
BROKEN: list[Any] = [chunk("one "), chunk("two"), BREAK]
FINISHED = Finished(finish_reason="stop", usage=None, finish_reasons=("stop",))
FAILURE = event({"error": {"code": "server_error", "message": "it is over"}})


async def given(stream: Any) -> list[Any]:
    """Read a stream to its end."""
    return [event async for event in stream]


async def whole_of(stream: Any) -> list[Any]:
    """Enter a stream and read it to its end."""
    async with stream:
        return await given(stream)


def config(**policy: Any) -> dict[str, Any]:
    return CONFIG | {"policy": policy}


def test_a_stream_gives_text_and_says_when_it_is_complete(colour: str) -> None:
    script = Script(east=whole("Hello", " you"))

    async def scenario(client: Any) -> None:
        stream = client.stream("Hi", temperature=0)
        assert "not entered" in repr(stream)
        assert script.asked == []
        async with stream:
            assert "open" in repr(stream)
            assert stream.text == ""
            assert await anext(stream) == TextDelta("Hello")
            assert stream.text == "Hello"
            assert await given(stream) == [TextDelta(" you"), FINISHED]
            assert stream.endpoint == "east"
            assert stream.restarts == ()
            assert [entry.endpoint for entry in stream.ledger.attempts] == ["east"]
        assert await given(stream) == []
        assert "complete" in repr(stream)
        assert (await stream.completion()).text == stream.text == "Hello you"

    run(colour, scenario, script)
    assert script.closings == [1]


def test_a_stream_asks_for_its_usage_unless_the_caller_says_otherwise(colour: str) -> None:
    script = Script(east=whole("a"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi"), client.stream("Hi", stream_options=None, stream=True):
            pass
        with pytest.raises(ValueError, match="call chat"):
            client.stream("Hi", stream=False)
        with pytest.raises(ValueError, match="messages is empty"):
            client.stream([])
        with pytest.raises(ConfigError, match="timeout"):
            client.stream("Hi", timeout=-1)

    run(colour, scenario, script)
    first, second = (httpx.Response(200, content=r.content).json() for r in script.requests)
    assert first["stream"] is second["stream"] is True
    assert first["stream_options"] == {"include_usage": True}
    assert "stream_options" not in second
    assert "messages" in second


def test_the_completion_of_a_stream_reads_what_is_left(colour: str) -> None:
    script = Script(east=whole("Hello", " you"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            await anext(stream)
            answer = await stream.completion()
            assert (answer.text, answer.finish_reason, answer.endpoint) == (
                "Hello you",
                "stop",
                "east",
            )
            assert answer.raw["object"] == "chat.completion"
            assert answer.ledger == stream.ledger
            assert await given(stream) == []

    run(colour, scenario, script)


@pytest.mark.parametrize(
    "broke",
    [BREAK, httpx.ReadTimeout("silent"), FAILURE, b""],
    ids=["reset", "stall", "error event", "no end"],
)
def test_a_stream_that_breaks_begins_again_elsewhere_and_says_so(
    colour: str, broke: bytes | Exception
) -> None:
    """Promise 5: nothing is replayed behind the caller's back; what is void is named."""
    script = Script(east=[chunk("one "), chunk("two"), broke], west=whole("uno ", "dos"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            events = await given(stream)
            assert (stream.text, stream.endpoint) == ("uno dos", "west")
            (restarted,) = stream.restarts
            assert [type(event) for event in events[:2]] == [TextDelta, TextDelta]
            assert events[2:] == [restarted, TextDelta("uno "), TextDelta("dos"), FINISHED]
            assert (restarted.broken_endpoint, restarted.endpoint) == ("east", "west")
            assert restarted.discarded_text == "one two"
            assert "one two" not in repr(restarted)
            assert (await stream.completion()).text == "uno dos"
            first, second = stream.ledger.attempts
            assert (first.endpoint, second.endpoint) == ("east", "west")
            assert first.error
            assert second.error is None
            assert second.started >= first.started

    run(colour, scenario, script)
    assert script.closings == [1, 1]
    assert script.asked == ["east", "west"]


def test_events_that_came_with_a_break_are_given_before_it(colour: str) -> None:
    """The text that is called void is the text that was given."""
    script = Script(east=[chunk("one ") + chunk("two") + FAILURE], west=whole("uno"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            assert await anext(stream) == TextDelta("one ")
            assert stream.text == "one "
            assert await anext(stream) == TextDelta("two")
            restarted = await anext(stream)
            assert restarted.discarded_text == "one two"
            assert stream.text == ""
            assert isinstance(restarted.error, ServiceUnavailableError)
            assert await given(stream) == [TextDelta("uno"), FINISHED]

    run(colour, scenario, script)


def test_a_stream_may_begin_again_as_long_as_there_are_endpoints(colour: str) -> None:
    script = Script(east=BROKEN, west=BROKEN, north=whole("three"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            events = await given(stream)
            assert [event.endpoint for event in stream.restarts] == ["west", "north"]
            assert events[-2:] == [TextDelta("three"), FINISHED]
            tried = [entry.endpoint for entry in stream.ledger.attempts]
            assert tried == ["east", "west", "north"]
            assert stream.ledger.endpoint == "north"

    run(colour, scenario, script)
    assert script.closings == [1, 1, 1]


def test_without_an_endpoint_left_a_break_is_raised(colour: str) -> None:
    """Promise 5: a cut stream is an error, never a short answer."""
    script = Script(east=BROKEN, west=BROKEN, north=BROKEN)

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            with pytest.raises(StreamBrokenError, match="no endpoint is left") as caught:
                await given(stream)
            for again in (stream.completion(), given(stream)):
                with pytest.raises(StreamBrokenError):
                    await again
        error = caught.value
        assert str(error).startswith("the stream of north broke off (ReadError: reset)")
        assert error.text == "one two"
        assert isinstance(error.__cause__, httpx.ReadError)
        assert error.ledger is not None
        assert [entry.endpoint for entry in error.ledger.attempts] == ["east", "west", "north"]
        assert all("ReadError" in str(entry) for entry in error.ledger.attempts)
        assert all(str(entry) in str(error) for entry in error.ledger.attempts)
        assert error.ledger == stream.ledger

    run(colour, scenario, script)
    assert script.closings == [1, 1, 1]


@pytest.mark.parametrize(
    ("policy", "params", "why"),
    [
        ({"on_stream_break": "raise"}, {}, 'on_stream_break is "raise"'),
        ({}, {"auto_failover": False}, "auto_failover is off"),
    ],
    ids=["policy", "auto_failover"],
)
def test_who_wants_no_restart_gets_the_error(
    colour: str, policy: dict[str, Any], params: dict[str, Any], why: str
) -> None:
    script = Script(east=BROKEN)

    async def scenario(client: Any) -> None:
        async with client.stream("Hi", **params) as stream:
            assert [await anext(stream), await anext(stream)] == [
                TextDelta("one "),
                TextDelta("two"),
            ]
            with pytest.raises(StreamBrokenError, match=why) as caught:
                await anext(stream)
            assert caught.value.text == stream.text == "one two"

    run(colour, scenario, script, config(**policy))
    assert script.asked == ["east"]


def test_options_around_the_block_count_for_all_of_it(colour: str) -> None:
    script = Script(east=BROKEN)

    async def scenario(client: Any) -> None:
        stream = client.stream("Hi")
        with failover_options(auto_failover=False):
            await stream.__aenter__()
        with pytest.raises(StreamBrokenError, match="auto_failover is off"):
            await given(stream)

    run(colour, scenario, script)


def test_options_override_what_the_policy_says_of_breaks(colour: str) -> None:
    """In both directions."""
    script = Script(east=BROKEN, west=whole("uno"))

    def scenario_of(choice: Any) -> Any:
        async def scenario(client: Any) -> None:
            stream = client.stream("Hi")
            with failover_options(on_stream_break=choice):
                await stream.__aenter__()
            if choice == "restart":
                assert (await given(stream))[-2:] == [TextDelta("uno"), FINISHED]
            else:
                with pytest.raises(StreamBrokenError, match='on_stream_break is "raise"'):
                    await given(stream)

        return scenario

    run(colour, scenario_of("raise"), script, config(on_stream_break="restart"))
    assert script.asked == ["east"]
    run(colour, scenario_of("restart"), script, config(on_stream_break="raise"))
    assert script.asked == ["east", "east", "west"]


@pytest.mark.parametrize("late", [False, True])
def test_the_deadline_covers_restarts(colour: str, late: bool) -> None:
    """Promise 9: nothing starts after the deadline."""
    now = [0.0]
    seconds = 9.9 if late else 4.0
    broken: list[Any] = [chunk("one"), lambda: now.__setitem__(0, seconds), BREAK]
    script = Script(east=broken, west=whole("uno"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            if late:
                with pytest.raises(StreamBrokenError, match="the deadline of 10 s leaves no time"):
                    await given(stream)
            else:
                await given(stream)
                assert stream.text == "uno"
                assert stream.ledger.attempts[1].started == seconds

    run(colour, scenario, script, config(deadline=10), runtime=Runtime(clock=lambda: now[0]))
    assert script.asked == (["east"] if late else ["east", "west"])


def test_a_restart_that_fails_is_told_in_the_error(colour: str) -> None:
    script = Script(
        east=BROKEN, west=httpx.ConnectError("refused"), north=httpx.Response(503, json={})
    )

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            with pytest.raises(StreamBrokenError, match="all 2 endpoints failed") as caught:
                await given(stream)
        assert isinstance(caught.value.__cause__, httpx.ReadError)
        assert isinstance(caught.value.__context__, AllEndpointsFailed)
        assert caught.value.ledger is not None
        tried = [entry.endpoint for entry in caught.value.ledger.attempts]
        assert tried == ["east", "west", "north"]

    run(colour, scenario, script)
    assert script.closings == [1]


def test_a_request_that_is_at_fault_does_not_begin_again(colour: str) -> None:
    refused = event({"error": {"code": "content_filter", "message": "no"}})
    script = Script(east=[chunk("one"), refused])

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            with pytest.raises(BadRequestError, match="content_filter: no") as caught:
                await given(stream)
            assert (caught.value.status, caught.value.code) == (400, "content_filter")
            assert caught.value.body == {"error": {"code": "content_filter", "message": "no"}}
            assert caught.value.ledger == stream.ledger
            assert stream.text == "one"

    run(colour, scenario, script)
    assert script.closings == [1]


def test_an_answer_that_is_an_error_is_raised_on_entering(colour: str) -> None:
    body = {"error": {"code": "429", "message": "slow down"}}
    script = Script(east=httpx.Response(429, json=body, headers={"retry-after": "7"}))

    async def scenario(client: Any) -> None:
        stream = client.stream("Hi")
        with pytest.raises(RateLimitError, match="slow down") as caught:
            await stream.__aenter__()
        assert caught.value.retry_after == 7
        with pytest.raises(RateLimitError, match="slow down"):
            await given(stream)

    run(colour, scenario, script)


def test_an_error_in_place_of_content_is_raised_on_entering(colour: str) -> None:
    """It is the error that chat would raise, whatever status it hides behind."""
    asked = Script(east=[event({"error": {"code": "rate_limit_exceeded", "message": "slow"}})])
    failed = Script(east=[FAILURE], west=[FAILURE], north=[FAILURE])

    async def throttled(client: Any) -> None:
        with pytest.raises(RateLimitError, match="east failed in its stream with 429: .*slow"):
            await client.stream("Hi").__aenter__()

    async def down(client: Any) -> None:
        with pytest.raises(AllEndpointsFailed) as caught:
            await client.stream("Hi").__aenter__()
        assert isinstance(caught.value.__cause__, ServiceUnavailableError)
        assert caught.value.ledger is not None
        assert len(caught.value.ledger.attempts) == 3

    run(colour, throttled, asked)
    run(colour, down, failed)
    assert (asked.closings, failed.closings) == ([1], [1, 1, 1])


def test_a_restart_is_told_only_once_its_content_is_there(colour: str) -> None:
    script = Script(east=BROKEN, west=[FAILURE], north=[FAILURE])

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            with pytest.raises(StreamBrokenError, match="of east broke off") as caught:
                await given(stream)
        assert stream.restarts == ()
        assert caught.value.text == stream.text == "one two"
        assert caught.value.ledger is not None
        tried = [entry.endpoint for entry in caught.value.ledger.attempts]
        assert tried == ["east", "west", "north"]

    run(colour, scenario, script)
    assert script.closings == [1, 1, 1]


def test_a_restart_that_is_refused_in_its_stream_is_told_in_the_error(colour: str) -> None:
    """Who has half an answer is told so, whatever the next endpoint hides its no behind."""
    refused = event({"error": {"code": "rate_limit_exceeded", "message": "slow"}})
    script = Script(east=BROKEN, west=[refused])

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            with pytest.raises(StreamBrokenError, match="with 429: rate_limit_exceeded") as caught:
                await given(stream)
        assert caught.value.text == "one two"
        assert isinstance(caught.value.__cause__, httpx.ReadError)
        assert stream.restarts == ()

    run(colour, scenario, script)
    assert script.closings == [1, 1]


def test_when_all_endpoints_fail_before_content_the_error_is_that_of_chat(colour: str) -> None:
    script = Script(
        east=httpx.ConnectError("refused"),
        west=httpx.ReadTimeout("late"),
        north=httpx.Response(503, json={}),
    )

    async def scenario(client: Any) -> None:
        errors: list[RequestError] = []
        for call in (client.stream("Hi").__aenter__, lambda: client.chat("Hi")):
            client.reset()
            with pytest.raises(AllEndpointsFailed) as caught:
                await call()
            errors.append(caught.value)
        first, second = (
            [str(entry)[:20] for entry in e.ledger.attempts] for e in errors if e.ledger
        )
        assert first == second

    run(colour, scenario, script)


@pytest.mark.parametrize(
    ("response", "what"),
    [
        ((200, {"content-type": "application/json"}), "application/json"),
        ((200, {"x-a": "b"}), "a body of no type"),
        ((302, {"location": "https://a"}), "a body of no type"),
    ],
    ids=["json", "nothing", "redirect"],
)
def test_an_answer_that_is_no_event_stream_is_said_to_be_what_it_is(
    colour: str, response: tuple[int, dict[str, str]], what: str
) -> None:
    async def scenario(client: Any) -> None:
        with pytest.raises(InvalidResponseError, match=f"east answered .* with {what}"):
            async with client.stream("Hi"):
                pass

    status, headers = response
    run(colour, scenario, Script(east=httpx.Response(status, headers=headers, content=b"{}")))


@pytest.mark.parametrize(
    ("piece", "why"),
    [
        (b"data: {oops\n\n", "a chunk is no JSON"),
        (b"data: [1]\n\n", "a chunk is no JSON object"),
        (event({"choices": 5}), "choices is no list"),
        (event({"choices": [{"delta": {"content": ["a"]}}]}), "content is no text"),
        (event({"choices": [{"index": "a"}]}), "index is no number"),
        (b"", "ended without choices"),
    ],
)
def test_a_chunk_that_cannot_be_read_is_an_invalid_response(
    colour: str, piece: bytes, why: str
) -> None:
    script = Script(east=[event({"choices": [], "id": "x"}), piece, DONE])

    async def scenario(client: Any) -> None:
        with pytest.raises(InvalidResponseError, match=f"of east cannot be read: .*{why}"):
            await whole_of(client.stream("Hi"))

    run(colour, scenario, script)
    assert script.closings == [1]


def test_what_comes_after_the_end_is_not_looked_at(colour: str) -> None:
    script = Script(east=[*whole("one")[:-1], DONE + chunk("more") + b"data: {oops\n\n", BREAK])

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            assert await given(stream) == [TextDelta("one"), FINISHED]
        assert (await stream.completion()).text == "one"

    run(colour, scenario, script)
    assert script.closings == [1]


def test_a_stream_that_is_left_early_is_closed_once_and_not_read_on(colour: str) -> None:
    """Promise 12: no connection leaks."""
    script = Script(east=whole("a", "b", "c"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            await anext(stream)
            assert script.bodies[0].closings == 0
            await stream.aclose()
            assert script.bodies[0].closings == 1
            for attempt in (given(stream), stream.completion()):
                with pytest.raises(RuntimeError, match="closed before its end"):
                    await attempt
        assert "closed" in repr(stream)
        async with client.stream("Hi") as stream:
            await anext(stream)

    run(colour, scenario, script)
    assert script.closings == [1, 1]
    assert [body.read for body in script.bodies] == [1, 1]


def test_a_stream_is_entered_once_and_before_it_is_read(colour: str) -> None:
    async def scenario(client: Any) -> None:
        stream = client.stream("Hi")
        for attempt in (given(stream), stream.completion()):
            with pytest.raises(RuntimeError, match="not open"):
                await attempt
        with pytest.raises(RuntimeError, match="not open"):
            _ = stream.endpoint
        async with stream:
            with pytest.raises(RuntimeError, match="once"):
                await stream.__aenter__()
            assert len(await given(stream)) == 2

    run(colour, scenario, Script(east=whole("a")))


def test_texts_give_the_first_choice_alone(colour: str) -> None:
    pieces = [chunk("a"), chunk("other", index=1), chunk("b"), chunk(finish="stop"), DONE]

    async def scenario(client: Any) -> None:
        async with client.stream("Hi", n=2) as stream:
            assert await given(stream.texts()) == ["a", "b"]

    run(colour, scenario, Script(east=pieces))


def test_texts_cannot_hide_a_restart(colour: str) -> None:
    """Promise 5: text that was given cannot be taken back, so a break is raised."""
    script = Script(east=BROKEN, west=whole("uno"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            texts = stream.texts()
            assert [await anext(texts), await anext(texts)] == ["one ", "two"]
            with pytest.raises(StreamBrokenError, match="cannot be taken back") as caught:
                await anext(texts)
            assert caught.value.text == "one two"

    run(colour, scenario, script)
    assert script.asked == ["east"]


def test_texts_begin_again_while_there_is_no_text_to_take_back(colour: str) -> None:
    call = event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c"}]}}]})
    script = Script(east=[call, BREAK], west=whole("uno"))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            assert await given(stream.texts()) == ["uno"]
            assert len(stream.restarts) == 1

    run(colour, scenario, script)


def test_raw_events_of_any_operation_come_as_they_are(colour: str) -> None:
    pieces = [
        event({"type": "response.created"}, "response.created"),
        event({"type": "response.output_text.delta", "delta": "a"}, "response.output_text.delta"),
        event({"type": "response.completed"}, "response.completed"),
    ]
    script = Script(east=[*pieces])

    async def scenario(client: Any) -> None:
        async with client.stream_request("responses", {"input": "Hi"}) as stream:
            events = await given(stream)
        assert [event.event for event in events] == [
            "response.created",
            "response.output_text.delta",
            "response.completed",
        ]
        assert events[1].data == '{"type": "response.output_text.delta", "delta": "a"}'

    run(colour, scenario, script)
    assert script.requests[0].url.path == "/openai/responses"
    assert httpx.Response(200, content=script.requests[0].content).json() == {
        "input": "Hi",
        "stream": True,
    }


def test_the_hook_is_told_of_a_restart_without_what_was_said(colour: str) -> None:
    told: list[FailoverEvent] = []
    script = Script(east=BROKEN, west=whole("three"))

    async def scenario(client: Any) -> None:
        await whole_of(client.stream("Hi"))

    run(colour, scenario, script, on_event=told.append)
    assert [type(event).__name__ for event in told] == [
        "AttemptFailed",
        "EndpointFailed",
        "StreamMoved",
    ]
    assert told[-1] == StreamMoved(endpoint="west", origin="east", reason="ReadError: reset")
    assert "two" not in str(told)


def test_raw_events_say_where_they_begin_again(colour: str) -> None:
    begun = event({"type": "response.output_text.delta", "delta": "a"})
    failed = event({"type": "response.failed", "response": {"error": {"code": "server_error"}}})
    done = event({"type": "response.completed"})
    script = Script(east=[begun, failed], west=[begun, done])

    async def scenario(client: Any) -> None:
        async with client.stream_request("responses", {"input": "Hi"}) as stream:
            kinds: list[Any] = [type(event) for event in await given(stream)]
        assert kinds == [ServerSentEvent, StreamRestarted, ServerSentEvent, ServerSentEvent]
        assert stream.restarts[0].discarded_text == ""

    run(colour, scenario, script)


def test_a_request_that_names_state_does_not_begin_again_elsewhere(colour: str) -> None:
    """Promise 8: what one endpoint holds no other has."""
    begun = event({"type": "response.output_text.delta", "delta": "a"})
    script = Script(east=[begun, BREAK])

    async def scenario(client: Any) -> None:
        payload = {"input": "Hi", "previous_response_id": "resp_1"}
        async with client.stream_request("responses", payload) as stream:
            with pytest.raises(StreamBrokenError, match="of east broke off"):
                await given(stream)

    run(colour, scenario, script)
    assert script.asked == ["east"]


@pytest.mark.parametrize(
    ("payload", "asked"),
    [({}, True), ({"stream": False}, False), ({"stream_format": "sse"}, None)],
)
def test_a_raw_stream_is_asked_for_unless_the_payload_says_otherwise(
    colour: str, payload: dict[str, Any], asked: bool | None
) -> None:
    script = Script(east=[event({"a": 1})])

    async def scenario(client: Any) -> None:
        async with client.stream_request("images/generations", payload, deployment="x") as stream:
            assert await given(stream) == [ServerSentEvent(data='{"a": 1}')]

    run(colour, scenario, script)
    assert httpx.Response(200, content=script.requests[0].content).json().get("stream") is asked
    assert "/deployments/x/" in script.requests[0].url.path


def test_the_end_of_a_compressed_stream_is_looked_for_as_well(colour: str) -> None:
    def zipped(*pieces: Any) -> httpx.Response:
        body = gzip.compress(b"".join(pieces))
        headers = {"content-type": "text/event-stream; charset=utf-8", "content-encoding": "gzip"}
        return httpx.Response(200, headers=headers, content=body)

    script = Script(east=zipped(chunk("one")), west=zipped(*whole("uno")))

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            assert (await stream.completion()).text == "uno"
            assert stream.restarts[0].broken_endpoint == "east"

    run(colour, scenario, script)


def test_no_key_is_shown_in_what_is_raised(colour: str) -> None:
    """Promise 6: nothing that is said shows a credential."""
    script = Script(east=[chunk("a"), httpx.ReadError("sent key-east")])

    async def scenario(client: Any) -> None:
        async with client.stream("Hi", auto_failover=False) as stream:
            with pytest.raises(StreamBrokenError) as caught:
                await given(stream)
        assert "key-east" not in str(caught.value)
        assert "key-east" not in str(stream.ledger)

    run(colour, scenario, script)


def test_a_task_that_is_cancelled_closes_its_stream(colour: str) -> None:
    """What was cut in the middle is not taken for an end or a break."""
    script = Script(east=[chunk("one"), *whole("two")], west=whole("uno"))

    async def scenario(client: Any) -> None:
        if isinstance(client, Blocking):
            return
        async with client.stream("Hi") as stream:
            await anext(stream)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anext(stream)
            assert script.closings == [1]
            with pytest.raises(RuntimeError, match="closed before its end"):
                await anext(stream)

    run(colour, scenario, script)
    assert script.asked in ([], ["east"])
