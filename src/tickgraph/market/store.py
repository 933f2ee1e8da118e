"""The local price store: one Parquet file per source and symbol, between every source and everything else."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickgraph.atomic import names_in, storage_errors, write_atomically
from tickgraph.errors import PriceDataError, SourceUnavailableError, StorageError
from tickgraph.market import quality
from tickgraph.market.calendar import check_range
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.market.source import BAR_COLUMNS, PriceSource, empty_bars, select_bars
from tickgraph.market.universe import canonical

Stamp = tuple[int, int, int] | None

OVERLAP_DAYS = 10  # refetched with every update, to notice a restated history
RESTATED = 1e-5  # relative change of an adjusted close; float32 sources round at 6e-8

_FETCHED_AT = b"tickgraph.fetched_at"
# What reading a damaged or foreign file raises, depending on which of its bytes are wrong.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class StoredSymbol:
    """What the store holds of a symbol."""

    symbol: str
    first: date
    last: date
    sessions: int
    fetched_at: str


@dataclass
class UpdateReport:
    """What an update did.

    Attributes
    ----------
    added
        New sessions by symbol; 0 where nothing was newer.
    failures
        Why a symbol could not be updated; what was stored of it is kept.
    findings
        What the checks found in the new prices.
    repaired
        Symbols whose stored file was damaged or foreign and was replaced by a whole history.
    """

    added: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    findings: list[quality.Finding] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)


class PriceStore:
    """Prices on disk; those of different sources are never mixed.

    Parameters
    ----------
    root
        Folder; prices of a symbol are in ``root/{source}/{symbol}.parquet``.
    now
        Clock; None is the system's.
    """

    def __init__(self, root: Path, now: Callable[[], datetime] | None = None) -> None:
        self.root = Path(root)
        self.now = now or _system_time

    def symbols(self, source: str) -> tuple[str, ...]:
        """Symbols stored from a source; :class:`StorageError` if the folder cannot be listed."""
        found = (name for name in names_in(self.root / source) if name.endswith(".parquet"))
        return tuple(sorted(name.removesuffix(".parquet") for name in found))

    def write(self, source: str, bars: pd.DataFrame) -> None:
        """Replace the stored history of every symbol in ``bars``, each file atomically.

        Raises
        ------
        StorageError
            Disk full, read-only folder or no permission; what was stored is intact.
        """
        stamp = self.now().astimezone(UTC).isoformat(timespec="seconds").encode()
        for symbol, rows in bars.groupby("symbol", sort=False):
            table = pa.Table.from_pandas(rows[list(BAR_COLUMNS)], preserve_index=False)
            table = table.replace_schema_metadata({**(table.schema.metadata or {}), _FETCHED_AT: stamp})
            buffer = pa.BufferOutputStream()
            pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
            write_atomically(self._path(source, str(symbol)), buffer.getvalue().to_pybytes())

    def read(
        self, source: str, symbols: Sequence[str], first: date | None = None, last: date | None = None
    ) -> pd.DataFrame:
        """Bars of stored symbols.

        Raises
        ------
        PriceDataError
            A symbol is not stored, or its file is damaged.
        InputError
            ``first`` is after ``last``.
        """
        check_range(first, last)
        symbols = [canonical(symbol) for symbol in symbols]
        tables = [self._read_one(source, symbol) for symbol in symbols]
        return (
            select_bars(pd.concat(tables, ignore_index=True), symbols, first, last)
            if tables
            else empty_bars()
        )

    def panel(
        self, source: str, symbols: Sequence[str], first: date | None = None, last: date | None = None
    ) -> PricePanel:
        """Prices of stored symbols side by side; errors as in :meth:`read`."""
        check_range(first, last)
        start = np.datetime64(first or date.min, "D")
        end = np.datetime64(last or date.max, "D")
        parts: dict[str, dict[str, NDArray[Any]]] = {}
        for symbol in dict.fromkeys(map(canonical, symbols)):
            table = self._table(source, symbol, ("symbol", "date", *PANEL_COLUMNS))
            try:
                days = table.column("date").to_numpy().astype("datetime64[D]")
                prices = {name: table.column(name).to_numpy().astype(np.float64) for name in PANEL_COLUMNS}
            except _UNREADABLE as error:
                raise self._damaged(self._path(source, symbol), source, symbol) from error
            rows = (start <= days) & (days <= end)
            parts[symbol] = {"date": days[rows], **{name: values[rows] for name, values in prices.items()}}
        return PricePanel.side_by_side(parts, source)

    def stamp(self, source: str, symbol: str) -> Stamp:
        """Identity of a symbol's file, which changes whenever it is replaced; None without one."""
        path = os.path.join(self.root, source, f"{canonical(symbol)}.parquet")  # noqa: PTH118  on every request
        try:
            status = os.stat(path)  # noqa: PTH116
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"Cannot look at {path}: {error.strerror}. Check its disk.") from error
        return status.st_mtime_ns, status.st_size, status.st_ino

    def info(self, source: str) -> list[StoredSymbol]:
        """What is stored from a source, read from the files' footers."""
        return [self._info_one(source, symbol) for symbol in self.symbols(source)]

    def update(
        self,
        source: PriceSource,
        symbols: Sequence[str],
        *,
        last: date | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> UpdateReport:
        """Bring symbols up to date from a source.

        A stored symbol is asked only for what is new and a few days before. If those days differ from the
        stored ones, a split or dividend restated the history, and the symbol is fetched whole; a source whose
        rows a person may have edited is always taken whole. New prices with errors are refused by symbol, and
        what was stored stays.

        Raises
        ------
        SourceUnavailableError
            The source cannot be reached and a symbol is not stored at all.
        StorageError
            The store cannot be written.
        """
        report = UpdateReport()
        if source.editable:
            self._fetch_whole(source, symbols, last, report, progress)
            return report
        held = {stored.symbol: stored for stored in map(self._held(source.name), symbols) if stored}
        fresh = [symbol for symbol in symbols if symbol not in held]
        damaged = set(fresh) & set(self.symbols(source.name))
        self._fetch_whole(source, fresh, last, report, progress)
        report.repaired += sorted(damaged & set(report.added))
        by_start: dict[date, list[str]] = {}
        for symbol, stored in held.items():
            by_start.setdefault(stored.last - timedelta(days=OVERLAP_DAYS), []).append(symbol)
        for start, group in by_start.items():
            self._extend(source, group, start, last, report, progress)
        return report

    def _fetch_whole(
        self,
        source: PriceSource,
        symbols: Sequence[str],
        last: date | None,
        report: UpdateReport,
        progress: Callable[[str], None] | None,
    ) -> None:
        if not symbols:
            return
        fetched = source.fetch(symbols, None, last)
        report.failures |= fetched.failures
        bars, findings = quality.usable(fetched.bars)
        self._refuse(findings, report)
        for symbol, rows in bars.groupby("symbol", sort=False):
            self.write(source.name, rows)
            report.added[str(symbol)] = len(rows)
            if progress:
                progress(str(symbol))

    def _extend(
        self,
        source: PriceSource,
        symbols: Sequence[str],
        start: date,
        last: date | None,
        report: UpdateReport,
        progress: Callable[[str], None] | None,
    ) -> None:
        if last is not None and start > last:
            report.added |= dict.fromkeys(symbols, 0)
            return
        try:
            fetched = source.fetch(symbols, start, last)
        except SourceUnavailableError as error:
            report.failures |= dict.fromkeys(symbols, str(error))
            return
        report.failures |= fetched.failures
        silent = set(symbols) - set(fetched.failures) - set(fetched.bars["symbol"])
        report.added |= dict.fromkeys(sorted(silent), 0)
        restated = []
        for symbol, rows in fetched.bars.groupby("symbol", sort=False):
            name = str(symbol)
            stored = self._read_one(source.name, name)
            if _is_restated(stored, rows):
                restated.append(name)
                continue
            new = rows[rows["date"] > stored["date"].max()]
            if len(new):
                merged = pd.concat([stored, new], ignore_index=True)
                accepted, findings = quality.usable(merged)
                recent = [found for found in findings if found.session >= str(start)]
                self._refuse(recent, report)
                if accepted.empty:
                    continue
                self.write(source.name, accepted)
            report.added[name] = len(new)
            if progress:
                progress(name)
        try:
            self._fetch_whole(source, restated, last, report, progress)
        except SourceUnavailableError as error:
            report.failures |= dict.fromkeys(restated, str(error))

    def _refuse(self, findings: list[quality.Finding], report: UpdateReport) -> None:
        report.findings += findings
        for found in findings:
            if found.severity == "error":
                report.failures.setdefault(found.symbol, f"bad prices: {found}")

    def _held(self, source: str) -> Callable[[str], StoredSymbol | None]:
        stored = set(self.symbols(source))

        def held(symbol: str) -> StoredSymbol | None:
            try:
                return self._info_one(source, symbol) if symbol in stored else None
            except PriceDataError:
                return None

        return held

    def _path(self, source: str, symbol: str) -> Path:
        folder = (self.root / source).resolve()
        path = (folder / f"{canonical(symbol)}.parquet").resolve()
        if path.parent != folder or not folder.is_relative_to(self.root.resolve()):
            raise PriceDataError(f"{path} lies outside the price store {self.root}.")
        return path

    def _open(self, source: str, symbol: str) -> pq.ParquetFile:
        path = self._path(source, symbol)
        try:
            with storage_errors(path):
                data = path.read_bytes()
        except FileNotFoundError:
            raise PriceDataError(
                f"No prices of {symbol} are stored from source {source!r} in {self.root}. "
                f"Run: tickgraph prices update --symbols {symbol} --source {source}"
            ) from None
        except IsADirectoryError:
            raise self._damaged(path, source, symbol) from None
        try:
            return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        except _UNREADABLE as error:
            raise self._damaged(path, source, symbol) from error

    def _read_one(self, source: str, symbol: str) -> pd.DataFrame:
        table = self._table(source, symbol, BAR_COLUMNS)
        try:
            bars: pd.DataFrame = table.to_pandas(ignore_metadata=True)[list(BAR_COLUMNS)]
        except _UNREADABLE as error:
            raise self._damaged(self._path(source, symbol), source, symbol) from error
        return bars

    def _table(self, source: str, symbol: str, columns: Sequence[str]) -> pa.Table:
        file = self._open(source, symbol)
        try:
            table = file.read(columns=list(columns))
            whole = sorted(table.column_names) == sorted(columns)
            own = whole and table.column("symbol").unique().to_pylist() == [canonical(symbol)]
        except _UNREADABLE as error:
            raise self._damaged(self._path(source, symbol), source, symbol) from error
        if not own:
            raise self._damaged(self._path(source, symbol), source, symbol)
        return table

    def _info_one(self, source: str, symbol: str) -> StoredSymbol:
        file = self._open(source, symbol)
        try:
            dates = file.read(columns=["date"]).column("date").to_numpy().astype("datetime64[D]")
            stamp = (file.schema_arrow.metadata or {}).get(_FETCHED_AT, b"").decode()
        except _UNREADABLE as error:
            raise self._damaged(self._path(source, symbol), source, symbol) from error
        if not len(dates):
            raise self._damaged(self._path(source, symbol), source, symbol)
        return StoredSymbol(symbol, dates.min().item(), dates.max().item(), len(dates), stamp)

    @staticmethod
    def _damaged(path: Path, source: str, symbol: str) -> PriceDataError:
        return PriceDataError(
            f"Price file {path} is damaged or foreign. Delete it and run: "
            f"tickgraph prices update --symbols {symbol} --source {source}"
        )


def _system_time() -> datetime:
    return datetime.now(UTC)


def _is_restated(stored: pd.DataFrame, fetched: pd.DataFrame) -> bool:
    """Whether an adjusted close that both hold has changed."""
    both = stored[["date", "adj_close"]].merge(
        fetched[["date", "adj_close"]], on="date", suffixes=("", "_new")
    )
    old, new = both["adj_close"].to_numpy(np.float64), both["adj_close_new"].to_numpy(np.float64)
    return bool((np.abs(new / old - 1) > RESTATED).any())
