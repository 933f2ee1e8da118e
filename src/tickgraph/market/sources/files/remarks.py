"""What a person should know of what was read, said once for many files and rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 5


@dataclass(frozen=True)
class Remark:
    """One thing that was noticed.

    Attributes
    ----------
    what
        A sentence; what is noticed in many files or rows has the same one.
    where
        File, or file and line.
    """

    what: str
    where: str


def sentences(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """Say each thing once, with the first places where it was noticed and how many more there are."""
    places: dict[str, dict[str, None]] = {}
    for remark in remarks:
        places.setdefault(remark.what, {})[remark.where] = None
    return tuple(f"{what}: {listed(list(where))}." for what, where in places.items())


def listed(items: list[str]) -> str:
    """Join the first items, and say how many more there are."""
    more = f" and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more
