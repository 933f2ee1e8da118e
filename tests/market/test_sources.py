from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tickgraph.errors import InputError, PriceDataError
from tickgraph.market.range_variance import range_variance, usable_range
from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.sources import open_source
from tickgraph.market.sources.files import FileSource
from tickgraph.market.store import PriceStore


def test_the_sample_has_42_symbols_under_todays_names(sample):
    assert len(sample.symbols()) == 42
    assert "XYZ" in sample.symbols()


def test_the_sample_says_what_it_lacks(sample):
    fetched = sample.fetch(["AAPL", "SPY"], date(2022, 12, 29), date(2022, 12, 30))
    assert list(fetched.bars.columns) == list(BAR_COLUMNS)
    assert fetched.bars["symbol"].tolist() == ["AAPL", "AAPL"]
    assert "SPY is not in the bundled sample" in fetched.failures["SPY"]


@pytest.mark.parametrize("name", ["sample", "yahoo"])
def test_an_empty_date_range_is_an_error(name):
    with pytest.raises(InputError, match="Empty date range"):
        open_source(name).fetch(["AAPL"], date(2022, 2, 1), date(2022, 1, 1))


def test_unknown_sources_and_missing_paths_are_errors(tmp_path):
    with pytest.raises(InputError, match="Unknown price source"):
        open_source("bloomberg")
    with pytest.raises(InputError, match=r"needs a path: .* source_path in tickgraph\.toml"):
        open_source("files")
    with pytest.raises(PriceDataError, match="does not exist"):
        open_source("files", tmp_path / "none.csv")
    with pytest.raises(PriceDataError, match=r"No \.parquet or \.csv"):
        FileSource(tmp_path).symbols()


@pytest.fixture
def bars(sample):
    return sample.fetch(["AAPL", "JPM"], date(2022, 12, 1), None).bars


def same(fetched, bars):
    got, want = fetched.bars, bars
    assert got["symbol"].tolist() == want["symbol"].tolist()
    assert (got["date"].to_numpy() == want["date"].to_numpy()).all()
    for name in BAR_COLUMNS[2:]:
        assert got[name].to_numpy(float) == pytest.approx(want[name].to_numpy(float), rel=1e-6)


def test_one_long_parquet_file(bars, tmp_path):
    bars.to_parquet(tmp_path / "bars.parquet")
    same(FileSource(tmp_path / "bars.parquet").fetch(["AAPL", "JPM"]), bars)


def test_a_folder_of_csv_files_as_people_have_them(bars, tmp_path):
    names = {
        "date": "Date",
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
        "adj_close": "Adj Close",
        "volume": "Volume",
    }
    for symbol, rows in bars.groupby("symbol"):
        rows.drop(columns="symbol").rename(columns=names).to_csv(tmp_path / f"{symbol}.csv", index=False)
    source = FileSource(tmp_path)
    assert source.symbols() == ("AAPL", "JPM")
    same(source.fetch(["AAPL", "JPM"]), bars)
    assert "MSFT is not in" in source.fetch(["MSFT"]).failures["MSFT"]


def test_without_adjusted_closes_the_close_stands_in(bars, tmp_path):
    bars.drop(columns="adj_close").to_csv(tmp_path / "bars.csv", index=False)
    fetched = FileSource(tmp_path / "bars.csv").fetch(["AAPL"])
    assert (fetched.bars["adj_close"] == fetched.bars["close"]).all()


@pytest.mark.parametrize("name", ["sample", "files", "yahoo", "tiingo"])
def test_every_source_gives_panels_whose_ranges_count(name, bars, tmp_path, request):
    bars.to_csv(tmp_path / "bars.csv", index=False)
    source = FileSource(tmp_path / "bars.csv") if name == "files" else request.getfixturevalue(name)
    store = PriceStore(tmp_path / "prices")
    assert store.update(source, ["AAPL", "JPM"]).findings == []
    panel = store.panel(source.name, ["AAPL", "JPM"])
    assert usable_range(panel)[1:].all()
    assert (panel.high >= panel.low).all()
    assert len(panel.sessions) > 20


def test_a_file_with_closes_alone_works_and_says_what_it_lost(bars, tmp_path):
    bars.drop(columns=["open", "high", "low"]).to_csv(tmp_path / "closes.csv", index=False)
    source, store = FileSource(tmp_path / "closes.csv"), PriceStore(tmp_path / "prices")
    report = store.update(source, ["AAPL", "JPM"])
    assert [(found.symbol, found.kind) for found in report.findings] == [
        ("AAPL", "no range"),
        ("JPM", "no range"),
    ]
    assert report.findings[0].detail.startswith("none of ")
    assert "forecasts of how far the price moves are less exact" in report.findings[0].detail
    panel = store.panel("files", ["AAPL", "JPM"])
    assert np.isnan([panel.open, panel.high, panel.low]).all()
    np.testing.assert_allclose(range_variance(panel), panel.log_returns() ** 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.parquet", b"PAR1 not really", "Cannot read .*broken.parquet"),
        ("empty.csv", b"", "Cannot read .*empty.csv"),
        ("thin.csv", b"date,open\n2022-01-03,1\n", "lacks the columns close, volume"),
        ("AAPL.csv", b"date,close,volume\nyesterday,1,2\n", "cannot be read"),
        ("AAPL.csv", b"date,close,volume\n2022-01-03,dear,2\n", "cannot be read"),
        ("bad.csv", b"symbol,date,close,volume\n../x,2022-01-03,1,2\n", "is not a symbol"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PriceDataError, match=message):
        FileSource(tmp_path / name).symbols()


@pytest.mark.parametrize(
    "header",
    [
        "Ticker,Timestamp,Close,AdjClose,Volume",
        "SYMBOL, Date ,close,adjusted_close,VOLUME",
        "symbol,date,Close,Adj Close,volume",
    ],
)
def test_columns_are_found_by_their_usual_names(tmp_path, header):
    (tmp_path / "bars.csv").write_text(f"{header}\nbrk.b,2022-01-03,300,299,5\n")
    row = FileSource(tmp_path / "bars.csv").fetch(["BRK-B"]).bars.iloc[0]
    assert (row["symbol"], row["close"], row["adj_close"], row["volume"]) == ("BRK-B", 300, 299, 5)


@pytest.mark.parametrize(
    "written",
    [
        "2022-01-04",
        "20220104",
        "2022-01-04 00:00:00-05:00",
        "2022-01-04T00:00:00+01:00",
        "2022-01-04T00:00:00.000Z",
        "2022-01-04 20:00:00-05:00",
    ],
)
def test_a_date_is_the_one_that_the_file_shows(tmp_path, written):
    (tmp_path / "AAPL.csv").write_text(f"date,close,volume\n{written},1,2\n")
    assert FileSource(tmp_path).fetch(["AAPL"]).bars["date"].tolist() == [pd.Timestamp("2022-01-04")]


def test_zones_that_change_within_a_file_are_read(tmp_path):
    rows = "2022-03-11 00:00:00-05:00,1,2\n2022-03-14 00:00:00-04:00,1,2\n"
    (tmp_path / "AAPL.csv").write_text("date,close,volume\n" + rows)
    days = FileSource(tmp_path).fetch(["AAPL"]).bars["date"]
    assert days.tolist() == [pd.Timestamp("2022-03-11"), pd.Timestamp("2022-03-14")]


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Tokyo"])
def test_a_parquet_index_of_dates_is_read_in_any_zone(tmp_path, zone):
    index = pd.DatetimeIndex(["2022-01-04"], tz=zone, name="Date")
    pd.DataFrame({"Close": [1.0], "Volume": [2]}, index=index).to_parquet(tmp_path / "AAPL.parquet")
    assert FileSource(tmp_path).fetch(["AAPL"]).bars["date"].tolist() == [pd.Timestamp("2022-01-04")]


def test_a_row_without_a_symbol_is_not_given_one(tmp_path):
    rows = "AAPL,2022-01-03,1,2\n,2022-01-04,1,2\nAAPL,2022-01-05,1,2\n,2022-01-05,1,2\n"
    (tmp_path / "bars.csv").write_text("symbol,date,close,volume\n" + rows)
    fetched = FileSource(tmp_path).fetch(["AAPL"])
    assert fetched.bars["date"].dt.day.tolist() == [3, 5]
    (reason,) = fetched.rejected.values()
    assert "bars.csv line 3 is without a symbol in column 'symbol', and so are 1 more" in reason


def test_a_file_most_of_whose_rows_have_no_symbol_is_refused(tmp_path):
    rows = "AAPL,2022-01-03,1,2\n,2022-01-04,1,2\n,2022-01-05,1,2\n"
    (tmp_path / "bars.csv").write_text("symbol,date,close,volume\n" + rows)
    with pytest.raises(PriceDataError, match=r"bars\.csv line 3 is without a symbol"):
        FileSource(tmp_path).symbols()


def test_one_damaged_file_of_a_folder_is_named_and_the_others_are_read(bars, tmp_path):
    bars.to_parquet(tmp_path / "good.parquet")
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "good.parquet").read_bytes()[:-20])
    fetched = FileSource(tmp_path).fetch(["AAPL", "JPM"])
    same(fetched, bars)
    assert "Cannot read torn.parquet: it is damaged" in fetched.rejected["torn.parquet"]


def test_dates_of_a_fetch_are_both_included(bars, tmp_path):
    bars.to_parquet(tmp_path / "bars.parquet")
    got = FileSource(tmp_path).fetch(["JPM"], date(2022, 12, 6), date(2022, 12, 8)).bars
    assert got["date"].dt.day.tolist() == [6, 7, 8]
    with pytest.raises(InputError, match="Empty date range"):
        FileSource(tmp_path).fetch(["JPM"], date(2022, 12, 8), date(2022, 12, 6))
