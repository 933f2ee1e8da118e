"""The price store at 6,000 symbols x 10 years: python benchmarks/prices.py [--quick] [prices.parquet]

The symbols are made up; their prices are real ones, of the file named or else of the bundled sample, repeated and
scaled so that no two are alike. All figures are of one run. CPU times are beside those on the
clock, which another program's work lengthens. Takes 5 minutes, on a busy machine 20; 2 GB of memory and 1.5 GB of disk.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import options
from made_universe import PRICES, Tiled
from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.market.store import PriceStore, history
from tickgraph.market.store.recent import Recent
from tickgraph.market.store.verdict import FetchedRows
from tickgraph.market.store.writer import Addition

PANEL, TAIL, APPENDED = 11, 80, 20
COLUMNS = ["symbol", "date", *PANEL_COLUMNS]


@dataclass(frozen=True)
class Scale:
    """Symbols, sessions of each, panels that are read, and files that are rewritten."""

    symbols: int = 6000
    sessions: int = 2520
    panels: int = 150
    rewritten: int = 300
    repeats: int = 300


QUICK = Scale(symbols=60, sessions=300, panels=3, rewritten=5, repeats=3)


def line(text: str, value: str, more: str = "") -> None:
    print(f"{text:<66}{value:>12}{more}", flush=True)


def timed(call, *args) -> float:
    began = time.perf_counter()
    call(*args)
    return time.perf_counter() - began


def reads(text: str, call, picks) -> None:
    """Median and 99th percentile of reading a panel, each of other symbols."""
    call(picks[0])
    used = time.process_time()
    times = sorted(timed(call, symbols) for symbols in picks)
    used = (time.process_time() - used) / len(picks)
    worst = times[int(len(times) * 0.99)]
    line(
        text,
        f"{statistics.median(times) * 1e3:.1f} ms",
        f"   p99 {worst * 1e3:.1f} ms, CPU {used * 1e3:.1f} ms",
    )


def updating(text: str, store: PriceStore, source: Tiled) -> None:
    """An update, less the time in which the source made up its bars."""
    source.seconds, used = 0.0, time.process_time()
    took = timed(store.update, source, source.names)
    used = time.process_time() - used - source.seconds
    line(text, f"{took - source.seconds:.1f} s", f"   CPU {used:.1f} s")


def append(store: PriceStore, source: Tiled) -> None:
    """Append the source's newest session of every symbol, without comparing what came before."""
    last, source.end = source.days[source.end - 1].item().date(), source.end + 1
    rows = FetchedRows.of(source.fetch(source.names, last).bars)
    with store.writing("tiled") as writer:
        writer.append({name: Addition(rows.after(name, last), "tiled") for name in source.names})


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def by_duckdb(files: list[str], recent: list[str], symbols, since) -> dict:
    query = (
        "SELECT symbol, date, open, high, low, close, adj_close, volume FROM read_parquet(?) "
        "WHERE date >= ? AND symbol IN ?"
    )
    groups = [group for group in (files, recent) if group]
    values = [value for group in groups for value in (group, since, list(symbols))]
    return CONNECTION.execute(" UNION ALL ".join([query] * len(groups)), values).fetchnumpy()


def by_polars(files: list[str], recent: list[str], symbols, since) -> pl.DataFrame:
    kinds = dict.fromkeys(COLUMNS[2:], pl.Float64)
    parts = [
        pl.scan_parquet(group)
        .filter((pl.col("date") >= since) & pl.col("symbol").is_in(list(symbols)))
        .select(COLUMNS)
        .cast(kinds)
        for group in (files, recent)
        if group
    ]
    return pl.concat(parts).collect()


def by_pyarrow(files: list[str], symbols, since) -> pa.Table:
    filters = [("symbol", "in", list(symbols)), ("date", ">=", since)]
    return pa.concat_tables(pq.read_table(file, columns=COLUMNS, filters=filters) for file in files)


def write_years(source: Tiled, folder: Path) -> dict[int, Path]:
    """The other layout: a file a year with all symbols, sorted by symbol."""
    folder.mkdir()
    years, paths = source.days[: source.end].astype("datetime64[Y]").astype(int) + 1970, {}
    for year in sorted(set(years.tolist())):
        rows = np.flatnonzero(years == year)
        whole = source.end
        source.end = int(rows[-1]) + 1
        parts = [
            pa.Table.from_pandas(source.bars(name, int(rows[0])), preserve_index=False)
            for name in source.names
        ]
        source.end = whole
        paths[year] = folder / f"{year}.parquet"
        write_year(pa.concat_tables(parts).combine_chunks(), paths[year])
    return paths


def write_year(table: pa.Table, path: Path) -> None:
    encoding = {
        **dict.fromkeys(PRICES, "BYTE_STREAM_SPLIT"),
        "date": "DELTA_BINARY_PACKED",
        "volume": "DELTA_BINARY_PACKED",
    }
    pq.write_table(
        table, path, compression="zstd", write_page_checksum=True, row_group_size=16384,
        use_dictionary=["symbol"], column_encoding=encoding,
    )  # fmt: skip


def panels(store: PriceStore, source: Tiled, picks, title: str) -> None:
    folder, since = store.root / source.name, source.days[source.end - TAIL].item()
    recent = [str(path) for path in (folder / "recent").glob("*.parquet")]
    files = {name: str(folder / f"{name}.parquet") for name in source.names}
    print(f"\na panel of {PANEL} symbols x {TAIL} sessions, {title}")
    reads(
        "  ours (PyArrow), a process that goes on reading",
        lambda s: store.panel("tiled", s, sessions=TAIL),
        picks,
    )
    reads(
        "  ours (PyArrow), the first read of a process",
        lambda s: PriceStore(store.root).panel("tiled", s, sessions=TAIL),
        picks,
    )
    reads("  whole histories, ours", lambda s: store.panel("tiled", s), picks)
    reads("  Polars on the same files", lambda s: by_polars([files[n] for n in s], recent, s, since), picks)
    reads("  DuckDB on the same files", lambda s: by_duckdb([files[n] for n in s], recent, s, since), picks)


def main() -> None:
    began, asked = time.perf_counter(), options.with_prices(__doc__).parse_args()
    path, scale = asked.prices, QUICK if asked.quick else Scale()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, PyArrow {pa.__version__}"
    )
    print(
        f"{scale.symbols:,} made-up symbols x {scale.sessions:,} sessions; "
        f"prices of {path or 'the bundled sample'}, repeated\n"
    )
    root = Path(tempfile.mkdtemp(prefix="prices-"))
    try:
        measure(root, Tiled(path, scale.symbols, scale.sessions, APPENDED + 1), scale)
    finally:
        shutil.rmtree(root)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\n{time.perf_counter() - began:.0f} s in all, at most {peak:.1f} GB of memory", file=sys.stderr)


def measure(root: Path, source: Tiled, scale: Scale) -> None:
    store, chance = PriceStore(root / "store"), np.random.default_rng(0)
    picks = [tuple(chance.choice(source.names, PANEL, replace=False)) for _ in range(scale.panels)]
    updating("update of an empty store: whole histories", store, source)
    stored = size(store.root)
    line("size on disk", f"{stored / 1e6:.0f} MB", f"   {stored / scale.symbols / 1e3:.0f} kB a symbol")
    plain, one = pa.BufferOutputStream(), source.names[scale.symbols // 2]
    pq.write_table(pa.Table.from_pandas(source.bars(one), preserve_index=False), plain, compression="zstd")
    own = (store.root / "tiled" / f"{one}.parquet").stat().st_size
    line(
        f"  {one}, and with the format's default encodings",
        f"{own / 1e3:.0f} kB",
        f"   {plain.tell() / 1e3:.0f} kB",
    )
    groups(source, one, scale.repeats)
    panels(store, source, picks, "nothing appended yet")

    print("\na new session of every symbol")
    source.end += 1
    updating("  update: read what is stored, compare, check, append", store, source)
    writing = timed(rewrite_recent, store)
    line("  of that, writing: one file for all symbols", f"{writing * 1e3:.0f} ms")
    some = source.names[: scale.rewritten]
    bars = [source.bars(name) for name in some]
    rewriting = timed(lambda: [store.write("again", each) for each in bars]) * scale.symbols / len(some)
    line(
        f"  against rewriting every file (from {len(some)} of them)",
        f"{rewriting:.0f} s",
        f"   {rewriting / writing:.0f} x",
    )
    shutil.rmtree(store.root / "again")
    source.end += 1
    source.restated = frozenset(source.names[::60])
    updating(f"  update in which {len(source.restated)} symbols were restated", store, source)
    while source.end < scale.sessions + APPENDED:
        append(store, source)
    recent = Recent.load(store.root / "tiled" / "recent" / "sessions.parquet", "tiled")
    line(f"  recent file of {recent.rows:,} rows", f"{size(store.root / 'tiled' / 'recent') / 1e6:.1f} MB")
    line("  writing it", f"{timed(rewrite_recent, store) * 1e3:.0f} ms")
    panels(store, source, picks, "20 sessions appended")
    line(
        "\nfolding them into the histories",
        f"{timed(lambda: store.fold('tiled', always=True)):.0f} s",
    )

    paths = write_years(source, root / "years")
    newest = [str(each) for each in list(paths.values())[-1:]]
    since = source.days[source.end - TAIL].item()
    print("\nthe other layout: a file a year with all symbols, sorted by symbol")
    line("  size on disk", f"{size(root / 'years') / 1e6:.0f} MB")
    reads("  PyArrow, the panel of 80 sessions", lambda s: by_pyarrow(newest, s, since), picks[:40])
    reads("  Polars", lambda s: by_polars(newest, [], s, since), picks[:40])
    reads("  DuckDB", lambda s: by_duckdb(newest, [], s, since), picks[:40])
    year = pq.read_table(newest[0])
    line(
        "  appending a session: rewriting the year", f"{timed(write_year, year, root / 'year.parquet'):.1f} s"
    )
    every = [str(each) for each in paths.values()]
    reads(
        "  DuckDB, whole histories of the 11",
        lambda s: by_duckdb(every, [], s, source.days[0].item()),
        picks[:20],
    )


def groups(source: Tiled, symbol: str, repeats: int) -> None:
    """One symbol's file with its rows in groups of different sizes."""
    print("\na history in memory, by the rows of its groups")
    table = pa.Table.from_pandas(source.bars(symbol), preserve_index=False)
    for rows in (256, 512, 4096):
        data = history.parquet_bytes(table, {}, [*range(0, len(table), rows), len(table)], ["symbol"])

        def read(last: bool, data: bytes = data) -> None:
            file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            every = range(file.metadata.num_row_groups)
            file.read_row_groups([every[-1]] if last else list(every), columns=COLUMNS[1:], use_threads=False)

        end, whole = (
            statistics.median(timed(read, last) for _ in range(repeats)) * 1e3 for last in (True, False)
        )
        line(
            f"  {rows:,} rows", f"{len(data) / 1e3:.0f} kB", f"   last group {end:.2f} ms, all {whole:.2f} ms"
        )


def rewrite_recent(store: PriceStore) -> None:
    with store.writing("tiled") as writer:
        writer._write_recent(writer._recent.table())


CONNECTION = duckdb.connect()

if __name__ == "__main__":
    main()
