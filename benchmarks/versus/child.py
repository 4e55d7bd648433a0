"""A process that takes orders as lines of JSON and answers each with a line."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent.parent
HIDDEN: Final = ("AZURE_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "LITELLM_", "PYTHON")
"""How the variables begin by which subjects could be set from outside."""
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
LINE: Final = 1 << 16


class ChildFailedError(Exception):
    """The process has ended, is too late, or says that it could not do what it was ordered to."""


def environment() -> dict[str, str]:
    """Give the variables for a child: ours, without what could set a subject."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(HIDDEN) and name.upper() not in PROXIES
    }
    paths = [str(HERE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, paths)))}


class Child:
    """The process.

    Args:
        command: What to run.
        log: Where its stderr goes; made if it does not exist.

    Its first answer comes without an order, when it is ready.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        self._received = b""
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - the harness's own commands
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(),
                cwd=log.parent,
            )

    def ask(self, do: str | None = None, *, within: float = 60.0, **rest: Any) -> Any:
        """Order something and wait for the answer."""
        self.order(do, **rest)
        return self.answer(within)

    def order(self, do: str | None = None, **rest: Any) -> None:
        """Order something whose :meth:`answer` is to be fetched later."""
        order = rest if do is None else {"do": do, **rest}
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildFailedError(self._last_words()) from error

    def answer(self, within: float) -> Any:
        """Wait for the answer to the last order.

        Raises:
            ChildFailedError: There is none in time, or it tells of an error.
        """
        assert self._process.stdout is not None
        ends = time.monotonic() + within
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(max(0.0, ends - time.monotonic())):
                    raise ChildFailedError(f"no answer within {within:.0f} s")
                received = os.read(self._process.stdout.fileno(), LINE)
                if not received:
                    raise ChildFailedError(self._last_words())
                self._received += received
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ChildFailedError(answer["error"])
        return answer["ok"]

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"ended: {lines[-1] if lines else 'without a word'}"

    def close(self) -> None:
        """End the process, by force if it does not end by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
