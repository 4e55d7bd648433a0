"""How many examples a property is tried with: as many as the profile says, in proportion.

The profiles stand in ``conftest.py``; pytest's ``--hypothesis-profile`` chooses, too.
"""

from __future__ import annotations

from hypothesis import settings

USUAL = 100
"""What Hypothesis takes unless told otherwise, and so does the quick profile."""


def examples(quick: int) -> int:
    """Scale a number of examples by the profile that is loaded."""
    return quick * settings().max_examples // USUAL
