"""How many examples a property is tried on: a few in the suite, many in an hour of ``make fuzz``."""

from __future__ import annotations

import os

FACTOR = int(os.environ.get("FUZZ", "1"))
"""Examples of a long run, as a multiple of the suite's."""


def examples(usual: int) -> int:
    """How many examples a property is tried on, where the suite tries so many."""
    return usual * FACTOR
