"""Reads single keys from a terminal, without waiting for Enter. Knows no key's meaning."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

Reader = Callable[[float], str]
"""Waits so many seconds for keys; gives what was pressed, or nothing."""


if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def keys() -> Generator[Reader]:
        """Read keys in this block."""

        def read(seconds: float) -> str:
            time.sleep(seconds)
            pressed = ""
            while msvcrt.kbhit():
                pressed += msvcrt.getwch()
            if "\x03" in pressed:
                raise KeyboardInterrupt
            return pressed

        yield read

else:
    import os
    import select
    import termios
    import tty

    @contextmanager
    def keys() -> Generator[Reader]:
        """Read keys in this block; the terminal is as before when it ends."""
        if not sys.stdin.isatty():
            yield _no_keys
            return
        file = sys.stdin.fileno()
        before = termios.tcgetattr(file)

        def read(seconds: float) -> str:
            ready, _, _ = select.select([file], [], [], seconds)
            return os.read(file, 64).decode("ascii", "ignore") if ready else ""

        try:
            tty.setcbreak(file, termios.TCSADRAIN)  # keeps what was pressed before
            yield read
        finally:
            termios.tcsetattr(file, termios.TCSADRAIN, before)


def _no_keys(seconds: float) -> str:
    """Stand in where standard input is no terminal."""
    time.sleep(seconds)
    return ""
