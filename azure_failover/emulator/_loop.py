"""A daemon thread with its own asyncio loop, and the errors that happened on it.

It knows nothing of HTTP. Commands from other threads are carried out one after the other, and
none returns before the loop has done it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PATIENCE = 10.0
"""Seconds after which a loop that does not obey is broken; obeying takes milliseconds."""


class LoopThread:
    """Runs `opened`, then commands, then `closing`, all on one loop."""

    def __init__(
        self, *, opened: Callable[[], None], closing: Callable[[], Awaitable[None]]
    ) -> None:
        self._opened = opened
        self._closing = closing
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return self._thread is threading.current_thread()

    def report(self, error: BaseException) -> None:
        """Keep an error until the thread is stopped."""
        self._errors.append(error)

    def start(self) -> None:
        """Start the thread; return once `opened` is done, and raise what it raised."""
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="azure-failover-emulator", daemon=True
        )
        self._thread.start()
        try:
            started.result(_PATIENCE)
        except BaseException:
            self.stop()
            raise

    def command(self, act: Callable[[], None], settle: Callable[[], Awaitable[None]]) -> None:
        """Do `act` on the loop and wait for `settle`; where no loop runs, do `act` here.

        On the loop's own thread `act` is done at once and nothing is waited for.
        """
        if self.is_current:
            act()
            return
        with self._lock:
            if self._loop is None:
                act()
                return

            async def obey() -> None:
                act()
                await settle()

            asyncio.run_coroutine_threadsafe(obey(), self._loop).result(_PATIENCE)

    def stop(self) -> list[BaseException]:
        """End the loop and join the thread; return the errors and forget them.

        Raises:
            RuntimeError: Called from the loop's own thread, or the thread does not end.
        """
        if self.is_current:
            raise RuntimeError("a fleet cannot be closed from within a Scripted fault")
        with self._lock:
            if self._loop is not None and self._stop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
                self._loop = None
            if self._thread is not None:
                self._thread.join(_PATIENCE)
                if self._thread.is_alive():
                    raise RuntimeError("the emulator's thread does not end")
                self._thread = None
        errors, self._errors = self._errors, []
        return errors

    def _run(self, started: Future[None]) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            try:
                runner.run(self._main(started))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that closes
                if started.done():
                    self.report(error)
                else:
                    started.set_exception(error)

    async def _main(self, started: Future[None]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_error)
        stop = asyncio.Event()
        try:
            self._opened()
            self._stop, self._loop = stop, loop
            started.set_result(None)
            await stop.wait()
        finally:
            await self._closing()

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.report(error if isinstance(error, BaseException) else RuntimeError(context["message"]))
