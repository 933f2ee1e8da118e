"""A person's own files: one Parquet or CSV file, or a folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path

import pandas as pd

from tickgraph.errors import PriceDataError
from tickgraph.market.calendar import check_range
from tickgraph.market.source import BAR_COLUMNS, Fetched, select_bars
from tickgraph.market.sources.files.naming import name_symbols

_SUFFIXES = (".parquet", ".csv")
_NAMES = {"ticker": "symbol", "adjclose": "adj_close", "adjusted_close": "adj_close", "timestamp": "date"}
_REQUIRED = ("date", "close", "volume")
_OFFSET = r"(?<=:\d\d)(?:\.\d+)?\s*(?:Z|UTC|[+-]\d\d(?::?\d\d)?)$"  # a time's zone


class FileSource:
    """Bars from files.

    A file has the columns ``date, close, volume`` and, where known, ``open, high, low, adj_close``; ``symbol``
    too, or the file is named after its symbol (``AAPL.csv``). Names are read whatever their case, ``Adj Close``
    included. Without ``adj_close`` the close stands for it: dividends then count as price moves.

    Parameters
    ----------
    path
        A file or a folder.

    Raises
    ------
    PriceDataError
        The path does not exist, or holds no such file.
    """

    name = "files"
    editable = True

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise PriceDataError(f"Price file or folder {self.path} does not exist. Check --source-path.")

    @cached_property
    def _bars(self) -> pd.DataFrame:
        paths = [self.path]
        if self.path.is_dir():
            paths = sorted(p for p in self.path.rglob("*") if p.suffix.lower() in _SUFFIXES)
            if not paths:
                raise PriceDataError(f"No .parquet or .csv file in {self.path}. Check --source-path.")
        return pd.concat([_read(path) for path in paths], ignore_index=True)

    def symbols(self) -> tuple[str, ...]:
        """Every symbol in the files."""
        return tuple(sorted(self._bars["symbol"].unique()))

    def fetch(self, symbols: Sequence[str], first: date | None = None, last: date | None = None) -> Fetched:
        """Give the bars of symbols; one that is in no file is a failure that says so."""
        check_range(first, last)
        have = set(self.symbols())
        missing = {
            symbol: f"{symbol} is not in {self.path} ({len(have)} symbols there)."
            for symbol in symbols
            if symbol not in have
        }
        return Fetched(select_bars(self._bars, symbols, first, last), missing)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:  # pyarrow's and pandas' parsing errors are ValueErrors
        raise PriceDataError(
            f"Cannot read {path}: {_first_line(error)}. Expected a Parquet or CSV file."
        ) from error
    if "date" not in {str(name).lower() for name in table.columns} and table.index.name:
        table = table.reset_index()
    names = {name: str(name).strip().lower().replace(" ", "_") for name in table.columns}
    table = table.rename(columns={name: _NAMES.get(plain, plain) for name, plain in names.items()})
    missing = [name for name in _REQUIRED if name not in table]
    if missing:
        raise PriceDataError(
            f"{path} lacks the columns {', '.join(missing)}. Expected symbol, date, open, high, low, close, "
            "adj_close, volume."
        )
    try:
        if "symbol" not in table:
            table["symbol"] = path.stem
        if table["symbol"].isna().any():  # the text NA too, as pandas reads CSV
            raise PriceDataError(f"{path} has a row without a symbol. Expected one in each row.")
        dates = _days(table["date"])
        numbers = {
            name: pd.to_numeric(table[name if name in table else "close"])
            for name in ("open", "high", "low", "close", "adj_close", "volume")
        }
    except (ValueError, TypeError) as error:
        raise PriceDataError(
            f"{path} holds a date or number that cannot be read: {_first_line(error)}"
        ) from error
    written = table["symbol"].astype(str).astype("category")
    named = name_symbols(
        pd.DataFrame({"name": written, "date": dates, "file": str(path), "close": numbers["close"]}).astype(
            {"file": "category"}
        )
    )
    if named.rejected:
        raise PriceDataError("; ".join(named.rejected.values()))
    bars = pd.DataFrame({"symbol": named.symbols, "date": dates, **numbers})[named.symbols.notna()]
    return bars.astype({"date": "datetime64[us]"})[list(BAR_COLUMNS)]


def _days(column: pd.Series) -> pd.Series:
    """Read dates as the file's own clock shows them: with or without a zone, or as numbers like 20221230."""
    if pd.api.types.is_numeric_dtype(column):
        return pd.to_datetime(column.astype(str), format="%Y%m%d")
    if pd.api.types.is_string_dtype(column):
        column = column.str.replace(_OFFSET, "", regex=True)
    return pd.to_datetime(column).dt.tz_localize(None).dt.normalize()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
