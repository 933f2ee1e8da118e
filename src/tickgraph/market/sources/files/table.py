"""A file's columns as they are written, and what a person should know of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.wording import listed

SHOWN = 5  # places that a remark names


@dataclass(frozen=True)
class Malformed:
    """A line of text with more or fewer cells than the header."""

    line: int
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Columns of one file: ``[c]`` columns of ``[n]`` cells."""

    file: str  # as messages name it
    names: list[str]  # [c] as they are written; empty for a column without one
    columns: list[pa.ChunkedArray]  # [c]; those of a text file hold text, the empty text included
    second: list[str] = field(default_factory=list)  # [c] the header's second line, as pandas writes one
    unit: Literal["line", "row"] = "row"  # what a message calls a row
    first: int = 1  # number of the first row: a text file's lines count from 1, header included
    constants: dict[str, str] = field(
        default_factory=dict
    )  # of all rows, by meaning: a folder is symbol=AAPL
    stem: str = ""  # the file's name without its ending
    malformed: tuple[Malformed, ...] = ()  # lines that could not be split into the columns

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def where(self, row: int) -> str:
        """Name a row as a person counts it in the file: ``prices.csv line 12``."""
        place = self.first + int(row)
        return f"{self.file} {self.unit} {place + int(np.searchsorted(self._before, place, side='right'))}"

    @cached_property
    def _before(self) -> NDArray[np.int64]:
        """``[m]`` for each malformed line, the place among the rows before which it stands."""
        return np.array([bad.line - count for count, bad in enumerate(self.malformed)], np.int64)

    def cell(self, column: int, row: int) -> str:
        """One cell as text."""
        value = self.columns[column][int(row)].as_py()
        return "" if value is None else str(value)


@dataclass(frozen=True)
class Remark:
    """One thing that was noticed."""

    what: str  # a sentence; what is noticed in many files or rows has the same one
    where: str  # file, or file and line
    more: int = 0  # how many more places there are that are not named


def sentences(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """Say each thing once, with the first places where it was noticed and how many more there are."""
    places: dict[str, dict[str, None]] = {}
    more: dict[str, int] = {}
    for remark in remarks:
        places.setdefault(remark.what, {})[remark.where] = None
        more[remark.what] = more.get(remark.what, 0) + remark.more
    return tuple(f"{what}: {listed(list(where), SHOWN, more[what])}." for what, where in places.items())


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def encoded(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Split a column into ``[n]`` codes and ``[u]`` different values; the code of an empty cell is -1."""
    whole = column.dictionary_encode().unify_dictionaries()
    if not whole.num_chunks:
        return np.array([], np.int64), pa.array([], column.type)
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in whole.chunks]
    return np.concatenate(codes).astype(np.int64), whole.chunk(0).dictionary
