"""Which tools an answer calls, and with what. Pure and deterministic.

A model decides by itself; a region calls what `tool_choice` forces it to, or the tools whose
names stand in the last message where that is the user's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import frozen

from azure_failover.emulator._call import as_body, as_list

if TYPE_CHECKING:
    from azure_failover.emulator._call import Body, Call


@frozen
class FunctionCall:
    """A call of a function; its arguments are JSON."""

    identity: str
    name: str
    arguments: str


def function_calls(call: Call, said: str, *, is_users_turn: bool) -> list[FunctionCall]:
    """Give the calls that an answer consists of; none where it is a text.

    It is the user's turn where nothing came after what the user `said`, such as a tool's result.
    """
    arguments = json.dumps({"region": call.region.name, "said": said})
    return [
        FunctionCall(call.store.new_id("call_", 24), name, arguments)
        for name in _names(call.body, said, is_users_turn=is_users_turn)
    ]


def _names(body: Body, said: str, *, is_users_turn: bool) -> list[str]:
    known = [_name(as_body(tool)) for tool in as_list(body.get("tools"))]
    known = [name for name in known if name]
    choice = body.get("tool_choice") or "auto"
    forced = _name(as_body(choice))
    if forced:
        return [name for name in known if name == forced]
    wanted = [name for name in known if name in said]
    if choice == "required":
        wanted = wanted or known[:1]
    elif choice != "auto" or not is_users_turn:
        return []
    return wanted[:1] if body.get("parallel_tool_calls") is False else wanted


def _name(tool: Body) -> str:
    """Return a function's name: chat completions nest it, the Responses API does not."""
    if tool.get("type") != "function":
        return ""
    return str(as_body(tool.get("function", tool)).get("name", ""))
