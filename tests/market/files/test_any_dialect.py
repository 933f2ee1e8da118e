"""Any table of prices in any dialect is read as it was written, or refused by the name of its file."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import examples
from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files import FileSource
from tickgraph.market.sources.files.dialects import dialects

NAMES = dialects()["columns"]
SYMBOLS = ["AAPL", "NA", "TRUE", "F", "BRK-B", "MSFT", "LOW", "ALL", "NAN", "INF"]
DATES = [rule["form"] for rule in dialects()["dates"]] + [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT00:00:00Z",
    "%Y-%m-%d 16:00:00 EST",
    "%Y-%m-%d 00:00:00-05:00",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%A, %d %B %Y",
    "%Y%m%d%H%M%S",
    "%-d/%-m/%Y",
    "%-m/%-d/%y",
    "excel",
    "s",
    "ms",
    "us",
    "ns",
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]


@st.composite
def tables(draw):
    """Bars with all columns: some symbols, some sessions."""
    symbols = draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3, unique=True))
    first = draw(st.dates(pd.Timestamp("1995-01-01").date(), pd.Timestamp("2025-12-31").date()))
    days = pd.bdate_range(first, periods=draw(st.integers(1, 12)))
    digits = draw(st.integers(0, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    frame = pd.DataFrame([(symbol, day) for symbol in symbols for day in days], columns=["symbol", "date"])
    scale = 10 ** draw(st.integers(0, 4))
    for name in ("open", "high", "low", "close", "adj_close"):
        frame[name] = np.round(random.uniform(0.5, 2, len(frame)) * scale, digits)
    frame["volume"] = random.integers(0, 10 ** draw(st.integers(1, 10)), len(frame))
    return frame.astype({"volume": "int64"})


def heading(draw, meaning):
    """One of the names of a meaning, dressed up."""
    if meaning == "symbol":
        name = draw(
            st.sampled_from([name for name in NAMES["symbol"] if name not in dialects()["perhaps"]["symbol"]])
        )
    else:
        name = draw(st.sampled_from(NAMES[meaning]))
    dress = draw(st.sampled_from(["{}", "{}", " {} ", "<{}>", "5. {}", "{}*", "{}.", "_{}_"]))
    return dress.format(draw(st.sampled_from([name, name.upper(), name.title()])))


def written_dates(days, form):
    if form == "excel":
        return (days - pd.Timestamp("1899-12-30")).dt.days.astype(str)
    if form in ("s", "ms", "us", "ns"):
        return ((days - pd.Timestamp("1970-01-01")) // pd.Timedelta(1, form)).astype(str)
    return days.dt.strftime(form)


def written_number(value, decimal, group, currency):
    text = f"{value:,}" if group else (f"{value:.15g}" if isinstance(value, float) else str(value))
    swapped = text.replace(",", "\0").replace(".", decimal).replace("\0", group)
    return currency + swapped


def can_write(encoding, text):
    return text.encode(encoding, "replace").decode(encoding) == text


@st.composite
def texts(draw):
    """A table, and a text file of it: name and bytes."""
    frame = draw(tables())
    decimal = draw(st.sampled_from(".,"))
    separator = draw(st.sampled_from(",;\t|"))
    group = draw(st.sampled_from(["", "", "", "," if decimal == "." else ".", " ", "'"]))
    currency = draw(st.sampled_from(["", "", "", "$", "€ "]))
    by_column = frame["symbol"].nunique() > 1 or draw(st.booleans())
    cells = pd.DataFrame(index=frame.index)
    if by_column:
        cells["symbol"] = frame["symbol"]
    cells["date"] = written_dates(frame["date"], draw(st.sampled_from(DATES)))
    left_out = draw(st.sets(st.sampled_from(["open", "high", "low", "adj_close"])))
    for name in ("open", "high", "low", "close", "adj_close", "volume"):
        if name not in left_out:
            sign = "" if name == "volume" else currency
            values = frame[name].tolist()
            cells[name] = [written_number(value, decimal, group, sign) for value in values]
    order = draw(st.permutations(list(cells)))
    header = [heading(draw, name) for name in order]
    rows = cells[order].to_numpy().tolist()
    if draw(st.booleans()):  # as pandas numbers its rows
        header, rows = ["", *header], [[str(number), *row] for number, row in enumerate(rows)]

    def line(row):
        return separator.join(f'"{cell}"' if separator in cell else cell for cell in row)

    lines = [line(header), *map(line, rows)]
    if draw(st.booleans()):
        lines.insert(draw(st.integers(1, len(lines))), draw(st.sampled_from(["", line(header)])))
    if draw(st.booleans()):
        lines.append(draw(st.sampled_from(["", "Source: somebody", separator * (len(header) - 1)])))
    if draw(st.booleans()):
        lines.insert(0, draw(st.sampled_from([f"sep={separator}", "Prices of a page", ""])))
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    text = ends.join(lines) + ends
    encoding = draw(st.sampled_from([one for one in ENCODINGS if can_write(one, text)]))
    stem = "prices" if by_column else frame["symbol"].iloc[0]
    return frame.drop(columns=left_out), f"{stem}.csv", text.encode(encoding)


@st.composite
def typed(draw):
    """A table, and a frame of it as somebody may put it into Parquet."""
    frame = draw(tables())
    told = frame.copy()
    zone = draw(st.sampled_from([None, "UTC", "America/New_York", "Asia/Tokyo"]))
    kind = draw(st.sampled_from(["datetime64[us]", "datetime64[ns]", "text", "date", "number", "zone"]))
    if kind == "text":
        told["date"] = told["date"].dt.strftime("%Y-%m-%d")
    elif kind == "date":
        told["date"] = told["date"].dt.date
    elif kind == "number":
        told["date"] = told["date"].dt.strftime("%Y%m%d").astype("int64")
    elif kind == "zone" and zone:
        told["date"] = told["date"].dt.tz_localize(zone)
    told["symbol"] = told["symbol"].astype(draw(st.sampled_from(["str", "object", "category"])))
    told["volume"] = told["volume"].astype(draw(st.sampled_from(["int64", "float64", "Int64", "uint64"])))
    told = told.rename(columns={name: heading(draw, name) for name in told})
    columns = list(told)
    index = draw(st.sampled_from([[], [columns[1]], columns[:2], columns[1::-1]]))
    return frame, told.set_index(index) if index else told


def read(source):
    """What the source gave and all that it said; no error but a PriceDataError, none that was not foreseen."""
    try:
        fetched = source.fetch(source.symbols())
    except PriceDataError as error:
        fetched, said = None, str(error)
    else:
        said = " ".join(fetched.rejected.values())
    assert "unforeseen" not in said
    return fetched, said


def holds(source, frame, file):
    """Hold what the source gives to the table; returns what it said if it gave nothing, naming the file."""
    fetched, said = read(source)
    if fetched is None:
        assert file in said
        return said
    assert not fetched.rejected
    want = frame.sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
    bars = fetched.bars
    assert bars["symbol"].tolist() == want["symbol"].tolist()
    assert bars["date"].tolist() == want["date"].tolist()
    for name in set(want) - {"symbol", "date"}:
        np.testing.assert_allclose(bars[name].to_numpy(float), want[name].to_numpy(float), rtol=1e-12)
    assert bars[[name for name in ("open", "high", "low") if name not in want]].isna().all(axis=None)
    return None


QUICK = settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(texts(), st.sampled_from(["", ".gz", ".zip"]))
def test_any_text_is_read_as_it_was_written_or_refused(table, packing):
    frame, name, content = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name + packing)
        if packing == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(name, content)
        elif packing:
            path.write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)
        holds(FileSource(path), frame, name)


@QUICK
@given(typed())
def test_any_parquet_file_is_read_as_it_was_written_or_refused(table):
    frame, told = table
    with tempfile.TemporaryDirectory() as folder:
        told.to_parquet(Path(folder, "prices.parquet"))
        assert holds(FileSource(Path(folder, "prices.parquet")), frame, "prices.parquet") is None


@QUICK
@given(texts(), st.data())
def test_a_damaged_text_is_read_in_part_or_refused(table, data):
    _, name, content = table
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(bytes(damaged))
        read(FileSource(path))
