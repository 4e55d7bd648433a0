"""Says what a run was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine(*, server: str) -> dict[str, str]:
    """Describe the machine; never by its name."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "server": server,
    }


def _first(path: str, key: str) -> str:
    """Find the first value of a key in a file of ``/proc``; empty where there is none."""
    file = Path(path)
    if not file.exists():
        return ""
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _memory() -> str:
    kilobytes = _first("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(kilobytes) / 1e6:.0f} GB" if kilobytes else "unknown"
