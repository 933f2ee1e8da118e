"""What a person should know of what was read, said once for many files and rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tickgraph.wording import listed

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
    more
        How many more places there are that are not named.
    """

    what: str
    where: str
    more: int = 0


def sentences(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """Say each thing once, with the first places where it was noticed and how many more there are."""
    places: dict[str, dict[str, None]] = {}
    more: dict[str, int] = {}
    for remark in remarks:
        places.setdefault(remark.what, {})[remark.where] = None
        more[remark.what] = more.get(remark.what, 0) + remark.more
    return tuple(f"{what}: {listed(list(where), SHOWN, more[what])}." for what, where in places.items())
