"""What this process uses, by ``/proc``: memory, and sockets of TCP. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc/self")


def rss() -> int:
    """Give the resident memory in bytes."""
    return int((PROC / "statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sockets() -> int:
    """Count open sockets of TCP, in whatever state."""
    found = {f"socket:[{inode}]" for name in ("tcp", "tcp6") for inode in _inodes(name)}
    count = 0
    for descriptor in (PROC / "fd").iterdir():
        try:
            count += str(descriptor.readlink()) in found
        except FileNotFoundError:  # the descriptor by which the folder was listed
            continue
    return count


def _inodes(name: str) -> list[str]:
    table = PROC / "net" / name
    if not table.exists():
        return []
    return [line.split()[9] for line in table.read_text(encoding="ascii").splitlines()[1:]]
