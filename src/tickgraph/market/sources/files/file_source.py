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
from tickgraph.market.renames import symbols_of_rows
from tickgraph.market.source import BAR_COLUMNS, Fetched, empty_bars, select_bars
from tickgraph.market.sources.files.dialects import by_symbol
from tickgraph.market.sources.files.file_bars import TableBars, read_bars
from tickgraph.market.sources.files.folders import LeftOut, PriceFile, price_files
from tickgraph.market.sources.files.table import Remark, is_typed, read_typed, sentences
from tickgraph.market.sources.files.text import NoTableError, read_text
from tickgraph.market.spelling import Symbol

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

    def symbols(self) -> tuple[Symbol, ...]:
        """Every symbol in the files."""
        return tuple(sorted(self._contents.bars["symbol"].unique()))

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        """Give the bars of symbols; one that is in no file is a failure that says so."""
        check_range(first, last)
        contents, known = self._contents, set(self.symbols())
        missing: dict[str, str] = {
            symbol: f"{symbol} is not in {self.path} ({len(known)} symbols there)."
            for symbol in symbols
            if symbol not in known
        }
        bars = select_bars(contents.bars, symbols, first, last)
        return Fetched(bars, missing, notes=contents.notes, rejected=dict(contents.rejected))

    @cached_property
    def _contents(self) -> _Contents:
        tables: list[tuple[str, TableBars]] = []
        remarks: list[Remark] = []
        rejected: dict[str, str] = {}
        for file in price_files(self.path):
            if isinstance(file, LeftOut):
                rejected[file.name] = f"{file.name} is left out: {file.reason}."
                continue
            try:
                tables += [(file.name, table) for table in _read(file)]
            except NoTableError as error:
                # People keep notes beside prices.
                if self.path.is_dir() and file.name.lower().endswith(".txt"):
                    remarks.append(Remark("Files without a table are left out", file.name))
                else:
                    rejected[file.name] = str(error)
            except Exception as error:  # noqa: BLE001  one file fails alone, foreseen or not
                rejected[file.name] = reason_of(file.name, error)
        for _, table in tables:
            remarks += table.remarks
            rejected = table.rejected | rejected
        bars, notes = empty_bars(), sentences(remarks)
        if tables:
            written = _together(tables, set(rejected))
            rows = symbols_of_rows(written["name"], written["date"], written["close"])
            bars = written.assign(symbol=rows.symbols)[rows.symbols.notna().to_numpy()]
            notes = (*notes, *rows.notes)
            if rows.rejected:
                files = written.drop_duplicates("name").set_index("name")["file"]
                rejected |= {name: f"{files[name]}: {reason}" for name, reason in rows.rejected.items()}
        if bars.empty:
            reasons = list(rejected.values()) or [f"{self.path} holds no prices."]
            more = f" And {len(reasons) - 5:,} more." if len(reasons) > 5 else ""
            raise PriceDataError(" ".join(reasons[:5]) + more)
        return _Contents(bars[list(BAR_COLUMNS)].reset_index(drop=True), notes, rejected)


def _read(file: PriceFile) -> list[TableBars]:
    try:
        with file.open() as opened:
            head = opened.read(6)
        table = read_typed(file) if is_typed(head, file.name) else read_text(file)
    except _DAMAGE as error:
        raise PriceDataError(
            f"Cannot read {file.name}: it is damaged or cut off. Write or fetch it again."
        ) from error
    return [read_bars(part) for part in by_symbol(table)]


def _together(tables: list[tuple[str, TableBars]], rejected: set[str]) -> pd.DataFrame:
    """Bars of all tables, without those of a name that is rejected in one of them: it would have holes."""
    bars = pd.concat([table.bars.drop(columns="name") for _, table in tables], ignore_index=True)
    names = union_categoricals([table.bars["name"] for _, table in tables])
    codes, files = pd.factorize(pd.Index([file for file, _ in tables], dtype="str"))
    sizes = [len(table.bars) for _, table in tables]
    bars = bars.assign(name=names, file=pd.Categorical.from_codes(np.repeat(codes, sizes), files))
    if not rejected.intersection(names.categories):
        return bars
    return bars[~names.isin(list(rejected))].reset_index(drop=True)
