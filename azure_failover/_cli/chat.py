"""``chat "…"``: one streamed answer over the failover transport, and who gave it.

The answer goes to standard output and everything else to standard error. What is not read by a
person is printed once it is complete, since a stream that breaks off begins again.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from azure_failover import Client
from azure_failover._cli.complaints import Complaint, Failure, debug_option
from azure_failover._cli.diagnosis import plain
from azure_failover._cli.printing import Printer
from azure_failover._cli.seconds import Seconds
from azure_failover._cli.source import config_option, load
from azure_failover._cli.surroundings import surroundings
from azure_failover.chat import Usage
from azure_failover.core.errors import RateLimitError, RequestError, StreamBrokenError
from azure_failover.core.ledger import Ledger
from azure_failover.streams import (
    ChatEvent,
    Finished,
    RefusalDelta,
    StreamRestarted,
    TextDelta,
    ToolCallDelta,
)

_HARD_SPACE: Final = "\u00a0"
_ADVICE: Final = "run azure-failover check to see what is wrong"


@click.command(short_help="Ask, print the answer, and say which endpoint gave it.")
@click.argument("message")
@config_option
@click.option("--system", metavar="TEXT", help="Instructions that stand before the message.")
@click.option("--deployment", help="Another deployment of the primary than the configured one.")
@click.option("--no-failover", is_flag=True, help="Ask the first endpoint alone.")
@click.option(
    "--timeout",
    type=Seconds(0, min_open=True),
    metavar="SECONDS",
    help="How long an endpoint may be silent; by default what is configured.",
)
@debug_option
def chat(
    *,
    message: str,
    path: Path | None,
    system: str | None,
    deployment: str | None,
    no_failover: bool,
    timeout: float | None,
) -> None:
    """Ask MESSAGE, print the answer as it comes, and say which endpoint gave it.

    "-" reads the message from standard input. The answer goes to standard output, all else to
    standard error. Into a pipe the answer is printed once it is complete.
    """
    given = sys.stdin.buffer.read() if message == "-" else _bytes(message)
    text = _decoded(given, "the message")
    if not text.strip():
        raise Complaint("the message is empty", "write one, or pipe it in and write -")
    config = load(path).config
    messages: list[Mapping[str, str]] = [{"role": "user", "content": text}]
    if system:
        instructions = _decoded(_bytes(system), "--system")
        messages.insert(0, {"role": "system", "content": instructions})
    printer = Printer(config.redact)
    clock = surroundings().clock
    began = clock()
    with _quiet(), Client(config) as client:
        stream = client.stream(
            messages, deployment=deployment, auto_failover=not no_failover, timeout=timeout
        )
        try:
            with stream:
                usage = _print_answer(stream, printer)
                seconds = clock() - began
                tokens = "" if usage is None else f", {usage.total_tokens} tokens"
                click.echo(f"-- {stream.endpoint}, {seconds:.1f} s{tokens}", err=True)
                _print_attempts(stream.ledger, printer)
        except RequestError as error:
            _print_attempts(error.ledger, printer)
            raise _failure(error, config.redact) from error


def _bytes(argument: str) -> bytes:
    """Give an argument as the shell gave it, whatever Python took its bytes for."""
    return argument.encode("utf-8", "surrogateescape")


def _decoded(text: bytes, what: str) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise Complaint(f"{what} is not UTF-8 text", "convert it, by iconv say") from None


def _failure(error: RequestError, redact: Callable[[str], str]) -> Failure:
    """Tell in a line what went wrong; the attempts were listed before."""
    if isinstance(error, StreamBrokenError):
        return Failure("the answer broke off, and is not whole", "ask again")
    first = str(error).partition("\n")[0].rstrip(":.")
    advice = "wait, or raise the quota" if isinstance(error, RateLimitError) else _ADVICE
    return Failure(plain(redact(first), ""), advice)


def _print_answer(events: Iterable[ChatEvent], printer: Printer) -> Usage | None:
    """Print what comes; give what it cost."""
    usage: Usage | None = None
    held: list[str] | None = None if printer.console.is_terminal else []

    def put(text: str) -> None:
        if held is not None:
            held.append(text)
            return
        shown = "".join(each for each in text if each.isprintable() or each in "\n\t")
        click.echo(shown, nl=False)
        sys.stdout.flush()

    for event in events:
        match event:
            case TextDelta(text=text) | RefusalDelta(text=text):
                put(text)
            case ToolCallDelta():
                pass  # none was offered
            case Finished():
                usage = event.usage
            case StreamRestarted():
                broke = f"{event.broken_endpoint} broke off; {event.endpoint} begins again:"
                if held is not None:
                    held.clear()
                else:
                    click.echo()
                click.echo(f"-- {broke}", err=True)
    click.echo("" if held is None else "".join(held))
    return usage


def _print_attempts(ledger: Ledger | None, printer: Printer) -> None:
    """Print what was tried, if it was more than one endpoint."""
    attempts = () if ledger is None else ledger.attempts
    for number, entry in enumerate(attempts if len(attempts) > 1 else (), 1):
        text = re.sub(r" s$", f"{_HARD_SPACE}s", str(entry))
        for line in printer.folded(text, first=f"   {number}. ", indent="      "):
            click.echo(line.replace(_HARD_SPACE, " "), err=True)


@contextmanager
def _quiet() -> Generator[None]:
    """Keep the package's warnings off the screen: what they say is in the ledger."""
    logger = logging.getLogger("azure_failover")
    handler, spreads = logging.NullHandler(), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = spreads
