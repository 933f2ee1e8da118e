"""From a table to bars: which rows are bars, and which cells cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError, SymbolError
from tickgraph.market.sources.files.dates import Dates, UnreadableDatesError, read_dates
from tickgraph.market.sources.files.dialects import Meaning, choose_columns, dialects, plain
from tickgraph.market.sources.files.numbers import AmbiguousNumberError, Numbers, read_numbers
from tickgraph.market.sources.files.table import SHOWN, Malformed, Remark, Table, encoded
from tickgraph.market.spelling import spelled
from tickgraph.wording import quoted

NUMBERS: tuple[Meaning, ...] = ("open", "high", "low", "close", "adj_close", "volume")
_PRICES = NUMBERS[:-1]
_NEEDED = ("close", "adj_close", "volume")  # an open, high or low that cannot be read costs nothing
_NO_BARS = "Lines that are no bars are left out"
_NOT_ADJUSTED = "No adjusted close: unless the close is adjusted already, dividends count as price moves"
_OUTSIDE = "Rows with dates before 1900 or after 2199 are left out"
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TableBars:
    """What was read of one table.

    ``bars`` has the columns ``name, date, open, high, low, close, adj_close, volume``; ``name`` is categorical, as it
    is written. ``rejected`` says by name why its bars are left out.
    """

    bars: pd.DataFrame
    remarks: list[Remark] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)


def read_bars(table: Table) -> TableBars:
    """Read a table's bars.

    A row that surely is no bar is left out, and a remark names its line. Such are blank lines, repeated headers,
    footers, rows without any price and rows of dates that no prices are of. Where a needed cell cannot be read, its
    symbol is rejected.

    Raises
    ------
    PriceDataError
        A column is missing, or its form cannot be told.
    """
    return _Reader(table).read()


class _Reader:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._places, self._remarks = choose_columns(table)
        self._rejected: dict[str, str] = {}
        self._codes, self._names = self._written_names()

    def read(self) -> TableBars:
        dates, numbers = self._dates(), self._numbers()
        kept = self._bars_among(dates, numbers)
        kept &= self._named(kept)
        for line in self._table.malformed:
            self._judge(line)
        codes, used = pd.factorize(self._codes[kept], sort=True)
        bars: dict[str, Any] = {
            "name": pd.Categorical.from_codes(
                codes, pd.Index([self._names[code] for code in used], dtype="str")
            ),
            "date": dates.days[kept].astype("datetime64[us]"),
        }
        lacking = np.full(int(kept.sum()), np.nan)
        for meaning in NUMBERS:
            column = "close" if meaning == "adj_close" and meaning not in numbers else meaning
            bars[meaning] = numbers[column].values[kept] if column in numbers else lacking
        if self._table.unit == "line":
            bars["volume"] = _counted(bars["volume"])
        return TableBars(pd.DataFrame(bars), self._remarks, self._rejected)

    def _written_names(self) -> tuple[NDArray[np.int64], list[str]]:
        """``[n]`` place of each row's name, and the names; -1 where a row has none."""
        if "symbol" not in self._places:
            name = self._table.constants.get("symbol") or name_of_file(self._table)
            return np.zeros(len(self._table), np.int64), [name]
        column = self._table.columns[self._places["symbol"]]
        codes, values = encoded(column if column.type != pa.null() else column.cast(pa.string()))
        words = [str(value).strip() for value in values.to_pylist()]
        names = [name for name in dict.fromkeys(words) if name]
        places = {name: place for place, name in enumerate(names)}
        return np.array([*(places.get(word, -1) for word in words), -1])[codes], names

    def _dates(self) -> Dates:
        place = self._places.get("date")
        if place is None:
            name, column = (
                "date",
                pa.chunked_array([pa.array([self._table.constants["date"]] * len(self._table))]),
            )
        else:
            name, column = self._table.names[place], self._table.columns[place]
        try:
            dates = read_dates(column)
        except UnreadableDatesError as error:
            raise PriceDataError(
                f"{self._table.where(error.row)}: column {name!r} cannot be read: {error.reason}. "
                "Write dates as 2022-12-30."
            ) from None
        if dates.note:
            self._remarks.append(Remark(dates.note[0].upper() + dates.note[1:], self._table.file))
        return dates

    def _numbers(self) -> dict[Meaning, Numbers]:
        columns: dict[str, pa.ChunkedArray] = {
            m: self._table.columns[self._places[m]] for m in NUMBERS if m in self._places
        }
        try:
            numbers = read_numbers(columns)
        except AmbiguousNumberError as error:
            place = self._places[error.column]  # type: ignore[index]
            cell = self._table.cell(place, error.row)
            raise PriceDataError(
                f"{self._table.where(error.row)}: column {self._table.names[place]!r} holds {cell!r}: no row tells "
                "whether its comma or point groups thousands or is the decimal sign. Write 1234, or 1.2340."
            ) from None
        adjusted = numbers.get("adj_close")
        if adjusted is None or not (
            np.isfinite(adjusted.values.astype(float)).any() or adjusted.unreadable.any()
        ):
            self._remarks.append(Remark(_NOT_ADJUSTED, self._table.file))
            numbers.pop("adj_close", None)
        return {meaning: numbers[meaning] for meaning in NUMBERS if meaning in numbers}

    def _bars_among(self, dates: Dates, numbers: dict[Meaning, Numbers]) -> _Mask:
        """Tell bars from other rows; returns ``[n]`` which are bars."""
        table = self._table
        prices = [numbers[meaning].values.astype(np.float64) for meaning in _PRICES if meaning in numbers]
        priced = np.logical_or.reduce([np.isfinite(each) for each in prices])
        dated = ~np.isnat(dates.days)
        kept, bare = priced & dated, dated & ~priced
        for row in map(int, np.flatnonzero(bare & numbers["close"].unreadable)):
            bare[row] = self._tells_event(row)  # else its close should have been a number
            kept[row] = not bare[row]
        self._remark_rows("Rows without prices are left out", bare, lambda row: f"({dates.days[row]})")
        place = self._places.get("date", 0)
        self._remark_rows(_OUTSIDE, dates.outside, lambda row: f"({table.cell(place, row)})")
        for row in map(int, np.flatnonzero(~dated & ~dates.outside)):
            if not priced[row]:
                self._remark_no_bar(row)
            elif dates.unreadable[row]:
                form = f"which is no date like {dates.form}, the form of the others. Write it so"
                self._refuse(row, "date", form)
            else:
                self._refuse(row, "date", "and the row has prices. Write its date")
        for meaning, column in numbers.items():
            unreadable = column.unreadable & kept
            if meaning in _NEEDED:
                why = "which cannot be read as a number. Write it as 31.54, or remove the row"
                for row in map(int, np.flatnonzero(unreadable)):
                    self._refuse(row, meaning, why)
            else:
                place = self._places[meaning]
                what = f"Column {table.names[place]!r} has cells that are no numbers, and count as missing"
                self._remark_rows(what, unreadable, lambda row, place=place: f"({table.cell(place, row)!r})")  # type: ignore[misc]
        return kept & self._daily(kept)

    def _remark_rows(self, what: str, rows: _Mask, about: Callable[[int], str]) -> None:
        """Remark on the first of some rows, and count the others: there may be millions."""
        first = np.flatnonzero(rows)[:SHOWN].tolist()
        more = int(rows.sum()) - len(first)
        for row in first:
            self._remarks.append(Remark(what, f"{self._table.where(row)} {about(row)}", more))
            more = 0

    def _remark_no_bar(self, row: int) -> None:
        cells = [self._table.cell(column, row).strip() for column in range(len(self._table.columns))]
        place = self._places.get("date", 0)
        if not any(cells):
            return
        if plain(cells[place]) == plain(self._table.names[place]):
            self._remarks.append(Remark("Repeated headers are left out", self._table.where(row)))
        else:
            text = quoted(" ".join(cell for cell in cells if cell))
            self._remarks.append(Remark(_NO_BARS, f"{self._table.where(row)} ({text})"))

    def _tells_event(self, row: int) -> bool:
        """Whether a row without prices tells of a dividend or a split."""
        words = " ".join(self._table.cell(self._places[m], row) for m in NUMBERS if m in self._places)
        return re.search(dialects()["cells"]["events"], words, re.IGNORECASE) is not None

    def _daily(self, kept: _Mask) -> _Mask:
        """``[n]`` whether a row is of one day, by a column that says how long a bar is."""
        if "period" not in self._places:
            return kept
        codes, values = encoded(self._table.columns[self._places["period"]])
        words = (str(value).strip().casefold() for value in values.to_pylist())
        of_a_day = np.array([*(word in dialects()["cells"]["daily"] for word in words), True])[codes]
        for row in map(int, np.flatnonzero(kept & ~of_a_day)):
            self._refuse(row, "period", "so these bars are not daily. Daily bars have D there")
        return of_a_day

    def _named(self, kept: _Mask) -> _Mask:
        """``[n]`` whether a row has a symbol, and one that is not rejected."""
        nameless = np.flatnonzero(kept & (self._codes < 0))
        if len(nameless):
            column = self._table.names[self._places["symbol"]]
            more = f", and so are {len(nameless) - 1:,} more" if len(nameless) > 1 else ""
            reason = (
                f"{self._table.where(int(nameless[0]))} is without a symbol in column {column!r}{more}. "
                "Expected one in each row. pandas loses tickers such as NA and NAN unless told keep_default_na=False."
            )
            if 2 * len(nameless) > kept.sum():  # a symbol may stand in the first row of its group only
                raise PriceDataError(reason)
            self._rejected[f"{self._table.file} ({column})"] = reason
        rejected = [place for place, name in enumerate(self._names) if name in self._rejected]
        return (self._codes >= 0) & ~np.isin(self._codes, rejected)

    def _refuse(self, row: int, meaning: Meaning, why: str) -> None:
        name = self._names[self._codes[row]] if self._codes[row] >= 0 else ""
        if name in self._rejected:
            return
        place = self._places.get(meaning, 0)
        column, cell = self._table.names[place], self._table.cell(place, row)
        self._rejected[name] = f"{self._table.where(row)}: column {column!r} holds {quoted(cell)}, {why}."

    def _judge(self, line: Malformed) -> None:
        """Leave out a footer, and reject the symbol of a torn row: both have other numbers of cells than the header."""
        where = f"{self._table.file} line {line.line}"
        if not any(line.cells):
            return
        if "\n" in line.text.rstrip():
            raise PriceDataError(
                f"{where}: a quotation mark is opened and not closed on the line: {quoted(line.text)}. "
                "The rows after it cannot be told from each other."
            )
        numbers = [cell for cell in line.cells if re.search(r"\d", cell) and not re.search("[A-Za-z]", cell)]
        if len(numbers) < 2:
            self._remarks.append(Remark(_NO_BARS, f"{where} ({quoted(line.text)})"))
            return
        place = self._places.get("symbol")
        name = self._names[0] if place is None else ""
        if place is not None and place < len(line.cells):
            name = line.cells[place]
        self._rejected.setdefault(
            name or self._table.file,
            f"{where} has {len(line.cells)} cells where the header has {len(self._table.names)}: {quoted(line.text)}. "
            "It is cut off, or a value holds the separator.",
        )


def name_of_file(table: Table) -> str:
    """The symbol after which a file is named.

    Raises
    ------
    PriceDataError
        Its name is a word, such as ``prices.csv``, or no symbol.
    """
    rules, stem = dialects(), table.stem.casefold()
    if stem in rules["words"]["files"] or re.match(r"part(?![a-z])", stem):
        raise PriceDataError(
            f"{table.file} has no column with symbols, and its name is no symbol. Name the file after its symbol "
            "(AAPL.csv), or write a column 'symbol'."
        )
    fits = (re.fullmatch(rule["pattern"], table.stem, re.IGNORECASE) for rule in rules["files"])
    parts = next((fit.groupdict() for fit in fits if fit), {"symbol": table.stem})
    name = f"{parts['exchange']}:{parts['symbol']}" if parts.get("exchange") else parts["symbol"]
    try:
        spelled(name)
    except SymbolError as error:
        raise PriceDataError(
            f"{table.file}: {error} Name the file after its symbol (AAPL.csv), or write a column 'symbol'."
        ) from None
    return name


def _counted(volume: NDArray[np.generic]) -> NDArray[np.generic]:
    """Whole numbers as integers, where all of them are such."""
    if volume.dtype != np.float64 or not len(volume):
        return volume
    whole = (np.abs(volume) < 2**53) & (volume == np.floor(volume))
    return volume.astype(np.int64) if whole.all() else volume
