"""Kinds of forecasters that are compared, and their choice by name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from tickgraph.errors import InputError

Kind = Literal["baseline", "ablation", "model"]
"""What a forecaster is in a comparison."""


def in_order(names: Collection[str], known: Collection[str], what: str = "forecaster") -> list[str]:
    """Names in the order in which they are known; :class:`InputError` if one is not."""
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"Unknown {what} {', '.join(unknown)}. Choose among: {', '.join(known)}.")
    return [name for name in known if name in names]
