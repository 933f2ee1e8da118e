"""What everything that is compared has in common: a name, a kind, a description and settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, Protocol

from tickgraph.errors import InputError

Kind = Literal["baseline", "ablation", "model"]


class Compared(Protocol):
    """A forecaster of any part: a row of the evaluation."""

    @property
    def name(self) -> str:
        """Short name, part of a file name."""

    @property
    def kind(self) -> Kind:
        """Its part in the comparison."""

    @property
    def description(self) -> str:
        """One sentence for the report."""

    @property
    def settings(self) -> Mapping[str, object]:
        """All that changes its forecasts; stored forecasts of other settings are not reused."""


def in_order(names: Collection[str], known: Collection[str], what: str = "forecaster") -> list[str]:
    """Names in the order in which they are known; :class:`InputError` if one is not."""
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"Unknown {what} {', '.join(unknown)}. Choose among: {', '.join(known)}.")
    return [name for name in known if name in names]
