"""What it costs to rename the deployment in a body, against other ways to do it.

Every way gets the same bodies, interleaved in one run; CPU time of one call, median and spread,
and the most memory that one call held. Run ``--quick`` for a smoke test with small bodies.

The other ways: *parse* reads the whole body and finds the name, but not where it stands;
*rewrite* also writes it anew, which changes other bytes; *tokens* and *brackets* step over the
whole body with one match for each string and bracket, or for all up to the next bracket.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from azure_failover.core.body import rename_deployment
from azure_failover.core.pins import IdScanner, pin_marks

NAMES = {"gpt-4.1-mini": "mini-west"}
MODEL = "gpt-4.1-mini"
TEXT = 'The quick brown fox says "hello" and\njumps over the lazy dog. '
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
TOKEN = re.compile(STRING + rb"|[][{}]", re.DOTALL)
BRACKET = re.compile(rb'(?:[^"\][{}]++|' + STRING + rb")*+([\][{}])", re.DOTALL)
FORM_TYPE = "multipart/form-data; boundary=0123456789abcdef"

Body = tuple[str, bytes]
Way = Callable[[bytes], object]


def chat(count: int, text: str, **more: object) -> bytes:
    """Make a chat request of ``count`` messages, with its keys in the order of openai-python."""
    messages = [{"role": "user", "content": text} for _ in range(count)]
    return json.dumps({"messages": messages, "model": MODEL, **more}).encode()


def images(size: int, *, is_first: bool = False) -> bytes:
    """Make a chat request with three pictures."""
    picture = base64.b64encode(random.Random(0).randbytes(size // 4)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, *[part] * 3]}
    ]
    model, rest = {"model": MODEL}, {"messages": messages, "temperature": 0.2}
    return json.dumps(model | rest if is_first else rest | model).encode()


def bodies(size: int) -> list[Body]:
    """Make the bodies, the large ones about ``size`` bytes long."""
    half = size // 2
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    plain = [{"name": "m", "a": [{"b": 1}, {"c": [2]}]}] * (half // 48)
    named = [{"model": "m", "a": [{"b": 1}, {"c": [2]}]}] * (half // 48)
    return [
        ("chat 1 kB", chat(1, TEXT * 13)),
        ("chat 32 kB", chat(50, TEXT * 9, tools=[tool] * 10)),
        ("images", images(size)),
        ("images, model first", images(size, is_first=True)),
        ("messages", chat(size // 310, TEXT * 4, tools=[tool] * 10)),
        (
            "embedding inputs",
            json.dumps({"input": [TEXT * 2] * (size // 140), "model": MODEL}).encode(),
        ),
        (
            "token ids",
            json.dumps({"input": [[*range(500)]] * (size // 2400), "model": MODEL}).encode(),
        ),
        ("objects, model between", json.dumps({"x": plain, "model": MODEL, "y": plain}).encode()),
        ("objects with models", json.dumps({"x": named, "model": MODEL, "y": named}).encode()),
    ]


def form(size: int) -> bytes:
    """Make a form with an audio file, as httpx writes it."""
    line, audio = b"--0123456789abcdef", random.Random(0).randbytes(size)
    head = b'\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + MODEL.encode() + b"\r\n"
    file = b'\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return line + head + line + file + audio + b"\r\n" + line + b"--\r\n"


def rewrite(body: bytes) -> bytes:
    """Parse a body and write it anew with the other name."""
    data: dict[str, Any] = json.loads(body)
    return json.dumps(data | {"model": NAMES[data["model"]]}).encode()


def all_tokens(body: bytes) -> int:
    """Step over a whole body, one match for each string and each bracket."""
    depth = 0
    for match in TOKEN.finditer(body):
        token = match[0]
        if token in {b"{", b"["}:
            depth += 1
        elif token in {b"}", b"]"}:
            depth -= 1
    return depth


def all_brackets(body: bytes) -> int:
    """Step over a whole body, one match for all up to the next bracket."""
    depth = 0
    for match in BRACKET.finditer(body):
        depth += 1 if match[1] in {b"{", b"["} else -1
    return depth


def scan(body: bytes) -> list[str]:
    """Look for ids in chunks of 16 kB."""
    scanner = IdScanner()
    chunks = (body[start : start + 16_384] for start in range(0, len(body), 16_384))
    return [found for chunk in chunks for found in scanner.feed(chunk)]


WAYS: dict[str, Way] = {
    "parse": json.loads,
    "rewrite": rewrite,
    "tokens": all_tokens,
    "brackets": all_brackets,
    "ours": lambda body: rename_deployment(body, NAMES),
}
PINS: dict[str, Way] = {
    "parse": json.loads,
    "pins, responses": lambda body: pin_marks(body, "responses"),
    "pins, chat": lambda body: pin_marks(body, "chat"),
    "ids": scan,
}
FORMS: dict[str, Way] = {
    "search": lambda body: body.find(b"\r\n--no"),
    "ours": lambda body: rename_deployment(body, NAMES, content_type=FORM_TYPE),
}


def measure(ways: dict[str, Way], body: bytes, rounds: int) -> dict[str, list[float]]:
    """Give CPU ms per call; a round of many calls if the body is small."""
    calls = max(1, 200_000 // len(body))
    results: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + 1):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            begin = time.process_time()
            for _ in range(calls):
                ways[name](body)
            if number:
                results[name].append((time.process_time() - begin) / calls * 1e3)
    return results


def peak(way: Way, body: bytes) -> float:
    """Give the most memory that one call holds, in units of the body's length."""
    tracemalloc.start()
    way(body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / len(body)


def print_table(ways: dict[str, Way], found: list[Body], rounds: int) -> None:
    """Measure and print a table."""
    print(f"\n{'ms (least-most), memory':34}" + "".join(f"{name:>29}" for name in ways))
    for name, body in found:
        results = measure(ways, body, rounds)
        cells = [
            f"{statistics.median(values):9.3f} ({min(values):.3f}-{max(values):.3f})".rjust(24)
            + f"{peak(ways[key], body):4.1f}x"
            for key, values in results.items()
        ]
        print(f"{name:24}{len(body):10,d}" + "".join(f"{cell:>29}" for cell in cells))


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small bodies, as a smoke test")
    options = parser.parse_args()
    size, rounds = (200_000, 3) if options.quick else (20_000_000, 5)
    print(f"Python {sys.version.split()[0]}, {rounds} rounds; CPU time of one call")
    found = bodies(size)
    print_table(WAYS, found, rounds)
    print_table(PINS, found, rounds)
    print_table(FORMS, [("form with a file", form(size))], rounds)


if __name__ == "__main__":
    main()
