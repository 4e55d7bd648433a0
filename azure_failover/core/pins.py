"""Which server-made state a request refers to, and so where it has to stay. No I/O.

A body is parsed only if a pattern finds a key in it that may refer to something: most do not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

_Mark: TypeAlias = tuple[str, str]
"""What refers to state, and the state's id; the id is empty if there is none."""
_Json: TypeAlias = Mapping[str, Any]

_ESCAPED: Final = rb"[a-z_]*+\\u00[567]"
"""How a key begins that writes one of its letters as an escape."""
_RESPONSES_HINT: Final = re.compile(
    rb'"(?=[cefipv\\])(?:'
    rb"(?:previous_response_id|conversation|encrypted_content|file_id|container(?:_id)?|id)"
    rb'"\s*+:\s*+"|(?:file_ids|vector_store_ids)"\s*+:\s*+\[|' + _ESCAPED + rb")"
)
_CHAT_HINT: Final = re.compile(
    rb'"(?=[af\\])(?:file_id"\s*+:\s*+"|audio"\s*+:\s*+\{|' + _ESCAPED + rb")"
)
_ITEM_PREFIXES: Final = frozenset(
    {
        "amsg",  # agent_message
        "apc",  # apply_patch_call
        "apco",  # apply_patch_call_output
        "ci",  # code_interpreter_call
        "cmp",  # compaction
        "ctc",  # custom_tool_call
        "ctco",  # custom_tool_call_output
        "cu",  # computer_call
        "cuo",  # computer_call_output
        "fc",  # function_call
        "fco",  # function_call_output
        "fs",  # file_search_call
        "ig",  # image_generation_call
        "lsh",  # local_shell_call
        "lsho",  # local_shell_call_output
        "mac",  # multi_agent_call
        "maco",  # multi_agent_call_output
        "mcp",  # mcp_call
        "mcpa",  # mcp_approval_response
        "mcpl",  # mcp_list_tools
        "mcpr",  # mcp_approval_request
        "msg",  # message
        "rs",  # reasoning
        "sh",  # shell_call
        "sho",  # shell_call_output
        "tsc",  # tool_search_call
        "tso",  # tool_search_output
        "ws",  # web_search_call
    }
)
"""How the ids of output items begin, before the underscore, as seen on the wire."""

_PARSER: Final = json.JSONDecoder(parse_int=float)
"""Numbers are read as floats: Python refuses integers of many digits, JSON does not."""


@attrs.frozen
class Marks:
    """What binds a request to the resource that holds its state.

    Attributes:
        ids: The ids of that state, the most specific first; empty if the state rides in the
            request itself, as encrypted reasoning may.
        what: What the most specific marker is called, for people.
    """

    ids: tuple[str, ...]
    what: str


def pin_marks(body: bytes, kind: Literal["responses", "chat"]) -> Marks | None:
    """Find what server-made state a request to create a response or a chat completion refers to.

    Responses: ``previous_response_id``, ``conversation``, items that refer to or came from the
    server, ``encrypted_content``, files, vector stores, containers, ``prompt``. Chat: files and
    earlier audio. Null and empty values refer to nothing; nor does a container of the type
    ``auto`` without files, which is made afresh.

    Returns:
        None if there is no marker, or if the body is not JSON.
    """
    hint, read = _READERS[kind]
    if hint.search(body) is None:
        return None
    found = [*read(_mapping(_parsed(body)))]
    if not found:
        return None
    ids = tuple(dict.fromkeys(identifier for _, identifier in found if identifier))
    return Marks(ids, found[0][0])


def referenced_ids(body: bytes) -> tuple[str, ...]:
    """Give all that may be ids in a request to a route that holds state (files, batches, threads).

    Returns:
        The strings, in order, whose key is ``id`` or ends in ``_id``, ``_ids`` or ``_file``, at
        any depth, those in lists among them, but for ``metadata``, which is the caller's own;
        nothing if the body is not JSON.
    """
    found: list[str] = []
    ahead: list[tuple[bool, object]] = [(False, _parsed(body))]
    while ahead:
        is_id, value = ahead.pop()
        if isinstance(value, str):
            if is_id and value:
                found.append(value)
        elif isinstance(value, list):
            items = cast("list[object]", value)
            ahead += ((is_id, item) for item in reversed(items))
        elif isinstance(value, dict):
            members = cast("dict[str, object]", value)
            ahead += (
                (_is_id_key(key), member)
                for key, member in reversed(members.items())
                if key != "metadata"
            )
    return tuple(found)


def _is_id_key(key: str) -> bool:
    return key == "id" or key.endswith(("_id", "_ids", "_file"))


def _responses_marks(request: _Json) -> Iterator[_Mark]:
    """Give the markers of a request to create a response, the most specific first."""
    items = [_mapping(item) for item in _list(request.get("input"))]
    parts = [part for item in items for part in _parts(item)]
    tools = [_mapping(tool) for tool in _list(request.get("tools"))]
    yield from _named("previous_response_id", request.get("previous_response_id"))
    conversation = request.get("conversation")
    yield from _named("conversation", conversation, _mapping(conversation).get("id"))
    for item in items:
        yield from _item_marks(item)
    for holder in (*items, *parts):
        if _text(holder.get("encrypted_content")):
            yield "encrypted_content", ""
    for part in parts:
        yield from _named("file_id", part.get("file_id"))
    for tool in tools:
        yield from _tool_marks(tool)
    prompt = _mapping(request.get("prompt"))
    yield from _named("prompt", prompt.get("id"))
    for variable in _mapping(prompt.get("variables")).values():
        yield from _named("file_id", _mapping(variable).get("file_id"))


def _item_marks(item: _Json) -> Iterator[_Mark]:
    """Give the marker of an input item: a reference (whose type may be left out), or its own id."""
    identifier, kind = _text(item.get("id")), item.get("type")
    if kind == "item_reference" or (kind is None and "role" not in item):
        yield from _named("item_reference", identifier)
    else:
        prefix, underscore, _ = identifier.partition("_")
        if underscore and prefix in _ITEM_PREFIXES:
            yield "id of an input item", identifier


def _tool_marks(tool: _Json) -> Iterator[_Mark]:
    """Give the markers of a hosted tool; a function's schema holds none."""
    container, shell = tool.get("container"), _mapping(tool.get("environment"))
    yield from _named("vector_store_ids", *_list(tool.get("vector_store_ids")))
    yield from _named("container", container, shell.get("container_id"))
    for place in (_mapping(container), shell):
        yield from _named("file_ids", *_list(place.get("file_ids")))
    yield from _named("file_id", _mapping(tool.get("input_image_mask")).get("file_id"))


def _chat_marks(request: _Json) -> Iterator[_Mark]:
    """Give the markers of a request for a chat completion, the most specific first."""
    messages = [_mapping(message) for message in _list(request.get("messages"))]
    for message in messages:
        yield from _named("audio", _mapping(message.get("audio")).get("id"))
    for message in messages:
        for part in _parts(message):
            yield from _named("file_id", part.get("file_id"))
            yield from _named("file_id", _mapping(part.get("file")).get("file_id"))


_READERS: Final[dict[str, tuple[re.Pattern[bytes], Callable[[_Json], Iterator[_Mark]]]]] = {
    "responses": (_RESPONSES_HINT, _responses_marks),
    "chat": (_CHAT_HINT, _chat_marks),
}


def _named(what: str, *values: object) -> Iterator[_Mark]:
    """Give a marker for each value that is an id."""
    return ((what, text) for text in map(_text, values) if text)


def _parts(holder: _Json) -> list[_Json]:
    """Give the content parts of a message, or of what a tool put out."""
    output = holder.get("output")
    found = (*_list(holder.get("content")), *_list(output), output)
    return [_mapping(part) for part in found]


def _parsed(body: bytes) -> object:
    try:
        return _PARSER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _mapping(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


class IdScanner:
    """Finds the values of ``"id"`` members in JSON or server-sent events that come in chunks.

    However the bytes are split, the ids are the same. Keys and values with escapes are passed
    over, as are values of more than 256 bytes and members with much white space inside, so that
    less than 1 kB is kept from chunk to chunk.
    """

    _MEMBER: Final = re.compile(
        rb'"(?<!\\")id"[ \t\r\n]{0,16}+:[ \t\r\n]{0,16}+"([^"\\\x00-\x1f]{1,256}+)"'
    )
    _LONGEST: Final = len('"id"') + 16 + len(":") + 16 + len('""') + 256

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Take the next bytes; give the ids that they complete, in order, repeats among them."""
        is_line = chunk.endswith(b"\n")  # which no key goes across
        if is_line and not self._tail and chunk.find(b'"id"') < 0:
            return []
        data = (self._tail or b" ") + chunk
        if data.find(b'"id"') < 0:
            self._tail = b"" if is_line else data[-len('"id"') :]
            return []
        found: list[str] = []
        done = 1
        for match in self._MEMBER.finditer(data, 1):
            found.append(match[1].decode(errors="replace"))
            done = match.end()
        self._tail = data[max(done - 1, len(data) - self._LONGEST - 1) :]
        return found
