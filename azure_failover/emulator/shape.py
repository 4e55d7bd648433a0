"""What an event stream looks like on the wire, as a value; it never writes one itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import Attribute, field, frozen, validators

_NATURAL = validators.ge(0)


def _as_sizes(split: int | Iterable[int] | None) -> tuple[int, ...] | None:
    if split is None:
        return None
    return (split,) if isinstance(split, int) else tuple(split)


def _at_least_one(shape: object, attribute: Attribute[int], number: int | None) -> None:
    if number is not None:
        validators.ge(1)(shape, attribute, number)


def _positive(_: object, __: object, split: tuple[int, ...] | None) -> None:
    if split is not None and (not split or min(split) < 1):
        raise ValueError(f"split is {split}: expected one size or more, each at least 1")


@frozen(kw_only=True)
class StreamShape:
    r"""How a region writes its event streams; all of it is allowed by the standards.

    The event stream's own rules are those of the HTML standard, section 9.2. `split` and `join`
    act on every chunked body, the rest on event streams alone.

    Args:
        newline: What ends each line.
        multi_line: Spread the JSON of an event over several `data` lines, to be joined by `\n`.
        space: Whether a space follows the colon of a field.
        utf8: Write characters beyond ASCII as they are rather than as `\u` escapes.
        bom: Begin with a byte order mark.
        comments: How many lines that are comments come before each event: the last right above
            it, those before it set apart by a blank line.
        split: The most bytes of the body in a chunk, each chunk being one write; several sizes
            are used in turn, from the first again after each pause and every `join` events.
        join: How many events are in a chunk, unless there is a pause between them; None for all.
        preamble_delay: Seconds between the headers and the first event.
        first_token_delay: Seconds before the first event that bears content.
        pace: Seconds before each further event that bears content.
        tokens: How many events a text, or the arguments of a tool call, is spread over, at most
            one for each character; None for one for each word.

    Raises:
        ValueError: A number is too small, or no line ends so.
    """

    newline: Literal["\n", "\r\n", "\r"] = field(
        default="\n", validator=validators.in_(("\n", "\r\n", "\r"))
    )
    multi_line: bool = False
    space: bool = True
    utf8: bool = False
    bom: bool = False
    comments: int = field(default=0, validator=_NATURAL)
    split: tuple[int, ...] | None = field(default=None, converter=_as_sizes, validator=_positive)
    join: int | None = field(default=1, validator=_at_least_one)
    preamble_delay: float = field(default=0, validator=_NATURAL)
    first_token_delay: float = field(default=0, validator=_NATURAL)
    pace: float = field(default=0, validator=_NATURAL)
    tokens: int | None = field(default=None, validator=_at_least_one)
