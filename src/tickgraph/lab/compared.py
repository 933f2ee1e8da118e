"""What every forecaster that is compared has: name, kind, description and settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from tickgraph.errors import InputError

Kind = Literal["baseline", "ablation", "model"]
"""What a forecaster is in a comparison."""


@dataclass(frozen=True)
class Compared:
    """A row of an evaluation.

    Attributes
    ----------
    name
        Short, part of a file name.
    kind
        Its part in the comparison.
    description
        One sentence for the report.
    settings
        All that changes its forecasts; stored forecasts of other settings are not reused.
    """

    name: str
    kind: Kind
    description: str
    settings: Mapping[str, object]


def in_order(names: Collection[str], known: Collection[str], what: str = "forecaster") -> list[str]:
    """Names in the order in which they are known; :class:`InputError` if one is not."""
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"Unknown {what} {', '.join(unknown)}. Choose among: {', '.join(known)}.")
    return [name for name in known if name in names]
