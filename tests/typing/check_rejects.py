"""Checks that mypy rejects exactly the marked lines of ``rejects.py``, each for its reason."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REJECTS = Path(__file__).with_name("rejects.py")


def main() -> int:
    """Compare what mypy says with the marks; give the exit code."""
    wanted = {
        (number, mark[1])
        for number, line in enumerate(REJECTS.read_text(encoding="utf-8").splitlines(), 1)
        if (mark := re.search(r"# error: ([a-z-]+)$", line))
    }
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(REJECTS)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = {
        (int(number), code)
        for number, code in re.findall(r"rejects\.py:(\d+): error: .*\[([a-z-]+)\]", said)
    }
    for number, code in sorted(wanted - found):
        sys.stdout.write(f"rejects.py:{number}: mypy does not reject this with [{code}]\n")
    for number, code in sorted(found - wanted):
        sys.stdout.write(f"rejects.py:{number}: mypy rejects this unexpectedly with [{code}]\n")
    if wanted == found:
        sys.stdout.write(f"mypy rejects all {len(wanted)} wrong uses\n")
    return wanted != found


if __name__ == "__main__":
    sys.exit(main())
