"""A person's own files as a source of prices."""

from __future__ import annotations

import csv
import lzma
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

from tickgraph.errors import PriceDataError, reason_of
from tickgraph.market.calendar import check_range
from tickgraph.market.renames import Named, name_rows
from tickgraph.market.source import BAR_COLUMNS, Fetched, empty_bars, select_bars
from tickgraph.market.sources.files.dialects import by_symbol
from tickgraph.market.sources.files.file_bars import Read, read_bars
from tickgraph.market.sources.files.folders import Piece, Stray, find_pieces
from tickgraph.market.sources.files.table import Remark, sentences
from tickgraph.market.sources.files.text import NoTableError, read_text
from tickgraph.market.sources.files.typed import is_typed, read_typed

_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, csv.Error, UnicodeError, pa.ArrowException)


@dataclass(frozen=True)
class _Contents:
    bars: pd.DataFrame
    notes: tuple[str, ...]
    rejected: dict[str, str]


class FileSource:
    """Bars from files.

    A file has the columns ``date, close, volume`` and, where known, ``open, high, low, adj_close``; ``symbol``
    too, or the file is named after its symbol (``AAPL.csv``). Names of columns, dates and numbers are read as people's
    files have them: ``docs/sources.md`` has the tables. Without an adjusted close the close stands for it: dividends
    then count as price moves, and a note says so.

    What cannot be read is named in :attr:`Fetched.rejected`; the rest is read.

    Parameters
    ----------
    path
        A file or a folder.

    Raises
    ------
    PriceDataError
        The path does not exist, or nothing there can be read.
    """

    name = "files"
    editable = True

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise PriceDataError(f"Price file or folder {self.path} does not exist. Check --source-path.")

    def symbols(self) -> tuple[str, ...]:
        """Every symbol in the files."""
        return tuple(sorted(self._contents.bars["symbol"].unique()))

    def fetch(self, symbols: Sequence[str], first: date | None = None, last: date | None = None) -> Fetched:
        """Give the bars of symbols; one that is in no file is a failure that says so."""
        check_range(first, last)
        have = set(self.symbols())
        missing = {
            symbol: f"{symbol} is not in {self.path} ({len(have)} symbols there)."
            for symbol in symbols
            if symbol not in have
        }
        held = self._contents
        bars = select_bars(held.bars, symbols, first, last)
        return Fetched(bars, missing, notes=held.notes, rejected=dict(held.rejected))

    @cached_property
    def _contents(self) -> _Contents:
        reads: list[tuple[str, Read]] = []
        remarks: list[Remark] = []
        rejected: dict[str, str] = {}
        for piece in find_pieces(self.path):
            if isinstance(piece, Stray):
                rejected[piece.file] = f"{piece.file} is left out: {piece.reason}."
                continue
            try:
                reads += [(piece.file, read) for read in _read(piece)]
            except NoTableError as error:
                # People keep notes beside prices.
                if self.path.is_dir() and piece.file.lower().endswith(".txt"):
                    remarks.append(Remark("Files without a table are left out", piece.file))
                else:
                    rejected[piece.file] = str(error)
            except Exception as error:  # noqa: BLE001  one file fails alone, foreseen or not
                rejected[piece.file] = reason_of(piece.file, error)
        for _, read in reads:
            remarks += read.remarks
            rejected = read.rejected | rejected
        bars, notes = empty_bars(), sentences(remarks)
        if reads:
            written = _together(reads, set(rejected))
            named = name_symbols(written[["name", "date", "file", "close"]])
            bars = written.assign(symbol=named.symbols)[named.symbols.notna().to_numpy()]
            notes, rejected = (*notes, *named.notes), rejected | named.rejected
        if bars.empty:
            reasons = list(rejected.values()) or [f"{self.path} holds no prices."]
            more = f" And {len(reasons) - 5:,} more." if len(reasons) > 5 else ""
            raise PriceDataError(" ".join(reasons[:5]) + more)
        return _Contents(bars[list(BAR_COLUMNS)].reset_index(drop=True), notes, rejected)


def _read(piece: Piece) -> list[Read]:
    try:
        with piece.open() as file:
            head = file.read(6)
        table, levels = read_typed(piece) if is_typed(head, piece.file) else read_text(piece)
    except _DAMAGE as error:
        raise PriceDataError(
            f"Cannot read {piece.file}: it is damaged or cut off. Write or fetch it again."
        ) from error
    return [read_bars(part) for part in by_symbol(table, levels)]


def _together(reads: list[tuple[str, Read]], rejected: set[str]) -> pd.DataFrame:
    """Bars of all tables, without those of a name that is rejected in one of them: it would have holes."""
    bars = pd.concat([read.bars.drop(columns="name") for _, read in reads], ignore_index=True)
    names = union_categoricals([read.bars["name"] for _, read in reads])
    sizes = [len(read.bars) for _, read in reads]
    files = pd.Index([file for file, _ in reads], dtype="str")
    codes, different = pd.factorize(files)
    bars = bars.assign(name=names, file=pd.Categorical.from_codes(np.repeat(codes, sizes), different))
    if not rejected.intersection(names.categories):
        return bars
    return bars[~names.isin(list(rejected))].reset_index(drop=True)


__all__ = ["Named", "name_symbols"]


def name_symbols(rows: pd.DataFrame) -> Named:
    """Give each row of the files its symbol, by its name and its day.

    Parameters
    ----------
    rows
        ``[n]`` rows of all files that were read. Column ``name`` is categorical: the name as it is written. Column
        ``date`` is its day (datetime64). Column ``file`` is categorical: the file it is from. Column ``close`` is its
        price, which tells whether two names are one company.
    """
    found = name_rows(rows["name"], rows["date"], rows["close"])
    rejected = found.rejected
    if rejected:
        first = rows.drop_duplicates("name").set_index("name")["file"]
        rejected = {name: f"{first[name]}: {reason}" for name, reason in rejected.items()}
    return Named(found.symbols, found.notes, rejected)
