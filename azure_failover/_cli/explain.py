"""``explain URL``: where would this request go, in which order, and why?"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

import attrs
import click
import httpx

from azure_failover._cli.complaints import Complaint, debug_option
from azure_failover._cli.printing import Printer
from azure_failover._cli.source import config_option, load
from azure_failover.core.config import Config
from azure_failover.core.explanation import Explanation, Stop
from azure_failover.transport._httpx import FailoverTransport


@click.command(short_help="Tell where a request would go, and why.")
@click.argument("url")
@config_option
@click.option("-X", "--method", default="POST", show_default=True, help="The request's method.")
@click.option(
    "-d",
    "--data",
    help="Its JSON body; @FILE reads a file, @- reads standard input.",
    metavar="JSON",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@debug_option
def explain(*, url: str, path: Path | None, method: str, data: str | None, as_json: bool) -> None:
    """Tell where a request for URL would go, in which order, and why.

    URL is one of a configured endpoint, or a path behind the primary's address, such as
    /openai/v1/responses. Sends nothing, and knows of no failure: all endpoints count as healthy.
    """
    loaded = load(path)
    request = _request(method, _absolute(url, loaded.config), _body(data))
    found = FailoverTransport(loaded.config).explain(request)
    printer = Printer(loaded.config.redact)
    if as_json:
        printer.json(attrs.asdict(found))
    else:
        _print(found, printer)


def _absolute(url: str, config: Config) -> str:
    return f"{config.primary.endpoint}{url}" if url.startswith("/") else url


def _body(data: str | None) -> bytes:
    if data is None:
        return b""
    if data == "@-":
        body = sys.stdin.buffer.read()
    elif data.startswith("@"):
        try:
            body = Path(data[1:]).read_bytes()
        except OSError as error:
            what = f"the data cannot be read: {error.strerror}"
            raise Complaint(what, "check the file") from error
    else:
        body = data.encode("utf-8", "surrogateescape")
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        advice = """give the request's body, such as -d '{"model": "gpt-4.1-mini"}'"""
        raise Complaint("the data is not JSON", advice) from None
    return body


def _request(method: str, url: str, body: bytes) -> httpx.Request:
    """Build the request; what cannot be one is never quoted, since a URL may hold a key."""
    if not (method.isascii() and method.isalpha()):
        raise Complaint("this is no method", "write -X GET, POST or the like")
    headers = {"content-type": "application/json"} if body else {}
    with suppress(httpx.InvalidURL, ValueError):
        request = httpx.Request(method.upper(), url, content=body or None, headers=headers)
        if request.url.scheme in ("http", "https") and request.url.host:
            return request
    advice = "write https://…/openai/…, or a path such as /openai/v1/responses"
    raise Complaint("this is no URL", advice)


def _print(found: Explanation, printer: Printer) -> None:
    about = f"{found.operation or 'the request'} ({found.form})" if found.form else "the request"
    printer.paragraph(f"{about}: {found.reason}", indent="  ", first="", style="bold")
    for number, stop in enumerate(found.stops, 1):
        _print_stop(f"  {number}. ", stop, printer)
    for stop in found.barred:
        _print_stop("  -  ", stop, printer)


def _print_stop(begin: str, stop: Stop, printer: Printer) -> None:
    note = f"  ({stop.note})" if stop.note else ""
    printer.line(begin, (stop.endpoint, "bold"), (note, "yellow"))
    printer.line(f"     {stop.url}")
