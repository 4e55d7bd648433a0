"""Writes the page of the documentation from a record, and what a terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from versus.bars import AT_A_TIME, IN_MEMORY, Reading, readings
from versus.crowd import AT_ONCE
from versus.layers import BY_HAND
from versus.losses import losses
from versus.record import Record
from versus.roster import Card
from versus.scenarios.healthy import TIMES
from versus.tables import bars_table, failures, more, scenario_tables
from versus.team import Sizes

HEAD: Final = """\
# Measured against what you would use instead

Written by `nox -s bench -- --full`. Do not edit.

Each subject is one small file in `benchmarks/versus/subjects`, configured as its own documentation
advises ([below](#how-each-is-configured)). It runs in a process and an environment of its own, and
sends the same kilobyte of chat. The subjects of a scenario take turns in short slices, so that all
of them see the same machine. Figures are medians; in brackets the least and the greatest median of
eight parts of the run. *Adds*, *share* and *times* are against what a subject builds on: `httpx`,
`httpx2`, or the SDK alone; they are medians of quotients, each of two slices of the same turn, so
that what the machine does to both cancels out. *By hand* is the transport that many write
themselves: it tries the endpoints in order and keeps nothing in mind.
"""

GLANCE: Final = """
## At a glance

![What a healthy call costs more](benchmarks-healthy.svg)

![What is left of the throughput](benchmarks-throughput.svg)

![Calls while the primary is dead](benchmarks-dead.svg)

![Until the primary is in use again](benchmarks-recovery.svg)
"""

_FULL: Final = Sizes()
ABOUT: Final = {
    "memory": f"""Healthy, in memory

A transport answers from memory, so that only Python is measured. Only subjects that take a
transport are here. Each of them has {_FULL.crews} processes, one after the other: where things lie
in memory is a process's luck, and alone makes a percent or two.
""",
    "layers": """What ours adds is made of

A thread of one process calls through transports that do more and more of what ours does, ten calls
at a time, in turn; *of by hand* is in units of what the transport written by hand adds. To re-point
a request at all, by hand, takes most of what ours takes; what ours adds beyond it buys health,
silence, ledgers and labels.
""",
    "loopback": """Healthy, over loopback

One call at a time, over a kept connection.
""",
    "tls": """Healthy, over TLS

As above, over TLS.
""",
    "concurrency": """Healthy, many calls at once

Tasks in one event loop, over connections that are open. *Share* is what is left of the throughput
of what the subject builds on, by CPU time: one event loop makes no more calls than that allows, and
what other processes do is not in it. Over sockets ours also watches the connection until the
request is sent, and reads a JSON answer within the attempt, so that one which breaks off moves on
as well; the client then reads it again, from memory.
""",
    "crowd": f"""What ours adds to one of many calls

As [above](#what-ours-adds-is-made-of), for tasks of one event loop, {AT_ONCE} calls at a time, and
through the whole of a pool and its HTTP parser; only the network answers from memory, since what a
socket takes varies more than what a step does. A step costs more than it does alone, most likely
since {AT_ONCE - 1} other calls run in between and leave little in the processor's caches.
Only httpx2 is here: with so many connections the pool of httpx takes several
times as long, and that by turns more and less, so that the steps cannot be told from it.
""",
    "dead": f"""The primary is dead

A client that has used the primary loses it, and makes {_FULL.sequential} calls one after the other,
or {_FULL.side_by_side} calls, 64 at a time. Cells: wall time for each call; how often the dead
endpoint was asked; lost calls. Timeouts are {_FULL.timeout:g} s to connect and to read; who is not
done after {_FULL.patience:g} s is stopped. *503*: it answers so. *Refused*: nothing listens.
*Black hole*: it takes requests and never answers. *No accept*: connecting hangs. In italics the
oracle, who knows beforehand.
""",
    "recovery": f"""The primary comes back

One call every 50 ms. After an outage of {_FULL.outage:g} s the primary is well again: how long
until it answers a call?
""",
    "streams": """Streams

The first content comes after a pause of 50 ms. What an event behind it costs includes reading its
JSON.
""",
    "cuts": """Streams that are cut

The primary breaks a stream, or ends the response in good order though the stream is not whole; the
backup is well. What the caller sees:
""",
    "endurance": f"""Many requests

{_FULL.requests:,} requests, or as many as can be made in {_FULL.spell:g} s; the primary answers one
of 20 with 503. Cells: resident memory at the
end, and by how much it has grown since the first quarter; sockets left over once the client is
closed.
""",
    "imports": """Import

A fresh interpreter imports `FailoverTransport`, or what the subject needs. Ours imports most of
itself when the first transport is built: that is a row of its own.
""",
}
"""What the page says of each scenario, below its title."""


def page(record: Record) -> str:
    """Write the page."""
    parts = [HEAD, _machines(record), GLANCE, _bars(record), _losses(record)]
    for name, table in scenario_tables(record).items():
        parts.append(f"\n## {ABOUT[name]}\n{table}")
    if failed := failures(record):
        parts.append("\n## Not measured to the end\n\n" + "\n".join(failed) + "\n")
    parts.append(_configurations(record))
    return "".join(parts)


def text(record: Record) -> str:
    """Write what a terminal shows."""
    tables = [f"{name}\n{table}" for name, table in scenario_tables(record).items()]
    return "\n".join([*tables, bars_table(record), *failures(record)])


def _machines(record: Record) -> str:
    lines: list[str] = []
    for name, run in record.runs.items():
        of = run.machine
        scenarios = [
            scenario
            for scenario, subjects in record.scenarios.items()
            if any(measured.run == name for measured in subjects.values())
        ]
        lines.append(
            f"- {run.date} UTC: {of['processor']}, {of['cores']} cores, {of['memory']}, "
            f"{of['system']}, Python {of['python']}; healthy endpoints by {of['server']}, failing "
            f"ones by a server of our own. Measured: {', '.join(scenarios)}."
        )
    return "\n## Where, and when\n\n" + "\n".join(lines) + "\n"


def _bars(record: Record) -> str:
    found = readings(record)
    met = sum(each.holds for each in found)
    return (
        f"\n## What must hold\n\n{met} of {len(found)} bars are met. Where an outage is measured "
        f"several times, the worst one counts.\n\n{bars_table(record)}{_why(record, found)}"
    )


def _why(record: Record, found: Sequence[Reading]) -> str:
    """Say why what a healthy call costs is over its bar, if that can be seen from the layers."""
    reasons = ""
    if _missed(found, IN_MEMORY) and (by_hand := _by_hand(record, "layers")):
        reasons += (
            "\nWhy a healthy call in memory costs more than the bars allow is shown "
            f"[below](#what-ours-adds-is-made-of), step by step. By hand alone adds {by_hand} on "
            "this machine, and keeps nothing in mind.\n"
        )
    if _missed(found, AT_A_TIME) and (by_hand := _by_hand(record, "crowd")):
        reasons += (
            "\nThe same for one of many calls at once is shown [further below]"
            f"(#what-ours-adds-to-one-of-many-calls): there by hand adds {by_hand}.\n"
        )
    return reasons


def _missed(found: Sequence[Reading], kind: str) -> bool:
    return any(kind in each.what and not each.holds for each in found)


def _by_hand(record: Record, scenario: str) -> str:
    """Tell what the transport written by hand adds."""
    return ", ".join(
        f"{more(times)} to {record.subjects[card.base].title}"
        for name, card in record.subjects.items()
        if (times := record.figure(scenario, name, BY_HAND + TIMES)) is not None
    )


def _losses(record: Record) -> str:
    found = losses(record)
    if not found:
        return "\n## Where we do not win\n\nNowhere in these figures.\n"
    return (
        "\n## Where we do not win\n\nWho fails over, loses no call, and is better than ours under "
        "the same client: in the median by 2 %, and in every part of the run.\n\n"
        + "\n".join(f"- {each}" for each in found)
        + "\n"
    )


def _configurations(record: Record) -> str:
    parts = [_configuration(card) for card in record.subjects.values()]
    return "\n## How each is configured\n" + "".join(parts)


def _configuration(card: Card) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    return (
        f"\n### {card.title}\n\n{versions} (Python {card.python}). Advice: {card.advice}\n\n"
        f"```python\n{card.configuration}\n```\n"
    )
