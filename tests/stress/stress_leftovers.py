"""What a run may leave behind or say in passing: sockets, threads, warnings, errors in the log."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

_DESCRIPTORS = Path("/proc/self/fd")


@attrs.frozen
class Belongings:
    """The open sockets and the running threads of this process."""

    sockets: frozenset[str]
    threads: frozenset[threading.Thread]

    @classmethod
    def now(cls) -> Belongings:
        """Look around. Where there is no ``/proc``, sockets are not seen."""
        gc.collect()
        return cls(frozenset(_sockets()), frozenset(threading.enumerate()))

    def flaws_since(self, before: Belongings) -> Iterator[str]:
        """Name what was not there before."""
        if sockets := self.sockets - before.sockets:
            yield f"{len(sockets)} sockets left open: {sorted(sockets)}"
        if threads := self.threads - before.threads:
            yield f"threads left running: {sorted(thread.name for thread in threads)}"


def _sockets() -> Iterator[str]:
    for link in _DESCRIPTORS.iterdir() if _DESCRIPTORS.exists() else ():
        with suppress(OSError):  # the listing's own descriptor is gone by now
            target = str(link.readlink())
            if target.startswith("socket:"):
                yield target


def pool_flaws(name: str, transport: Any) -> Iterator[str]:
    """Name what a pool of httpcore still lends out, although nobody asks it for anything.

    Left out is what httpcore loses by itself, in both generations: a connection whose task was
    cancelled between its being made and its first request (a test shows that with bare httpx).
    """
    pool = transport._pool
    unused = ", NEW, Request Count: 0"
    lent = [
        it
        for it in pool.connections
        if not (it.is_idle() or it.is_closed() or it.info().endswith(unused))
    ]
    if lent:
        yield f"{name}: {len(lent)} connections not given back: {lent}"
    if pool._requests:
        yield f"{name}: {len(pool._requests)} requests still in the pool"


class Alarms(logging.Handler):
    """Collects what should not be heard while a run lasts.

    Args:
        tolerated: How warnings begin that may be heard.
    """

    def __init__(self, tolerated: tuple[str, ...] = ()) -> None:
        super().__init__(logging.ERROR)
        self._tolerated = tolerated
        self.heard: list[str] = []
        self._stack = ExitStack()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of the level ERROR or above."""
        self.heard.append(f"logged: {self.format(record)}")

    def __enter__(self) -> Self:
        stack = self._stack
        logging.getLogger().addHandler(self)
        stack.callback(logging.getLogger().removeHandler, self)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        for place, name in (
            (warnings, "showwarning"),
            (sys, "unraisablehook"),
            (threading, "excepthook"),
        ):
            stack.callback(setattr, place, name, getattr(place, name))
        warnings.showwarning = self._warned
        sys.unraisablehook = self._unraisable
        threading.excepthook = self._died
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        gc.collect()
        self._stack.close()

    def _warned(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if not str(message).startswith(self._tolerated):
            self.heard.append(f"warned: {category.__name__}: {message}")

    def _unraisable(self, what: Any) -> None:
        self.heard.append(f"unraisable: {what.exc_value!r} in {what.object!r}: {what.err_msg}")

    def _died(self, what: Any) -> None:
        self.heard.append(f"a thread died: {what.exc_value!r}")
