"""One form of dates a column, decided from the whole column."""

from __future__ import annotations

import pandas as pd
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.market.calendar import use_exchange

DAYS = pd.to_datetime(["2022-01-03", "2022-01-04", "2022-01-13", "2022-12-30"])


def column(cells):
    return "date|close|volume\n" + "".join(f"{cell}|1|2\n" for cell in cells)


def days_of(source, symbol="AAPL"):
    return source.fetch([symbol]).bars["date"].tolist()


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%Y%m%d",
        "%Y%m%d.0",
        "%Y%m%d%H%M%S",
        "%Y%m%d%H%M",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%d/%m/%y",
        "%m/%d/%y",
        "%d.%m.%y",
        "%y-%m-%d",
        "%-d/%-m/%Y",
        "%-m/%-d/%Y",
        "%-d.%-m.%Y",
        "%Y-%-m-%-d",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d %b %Y",
        "%d %B %Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%b-%d-%Y",
        "%d%b%Y",
        "%Y-%b-%d",
        "%a, %d %b %Y 00:00:00 GMT",
        "%A, %B %d, %Y",
        "%a %b %d %Y 00:00:00 GMT-0500 (Eastern Standard Time)",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M:%S.%f",
        "%m/%d/%Y 16:00:00",
        "%m/%d/%Y 4:00 PM",
        "%Y-%m-%dT00:00:00Z",
        "%Y-%m-%dT00:00:00.000Z",
        "%Y-%m-%d 00:00:00+00:00",
        "%Y-%m-%d 00:00:00 UTC",
        "%Y-%m-%d 16:00:00 EST",
        "%Y-%m-%d 16:00 America/New_York",
        "%Y-%m-%d 00:00:00-05:00",
        "%Y-%m-%d 05:00:00+00:00",
        "%Y-%m-%d 09:00:00+09:00",
        "%Y%m%d 16:00:00 US/Eastern",
        "%Y-%m-%d 00:00:00-05:00[America/New_York]",
    ],
)
def test_a_form_is_read(written, form):
    assert days_of(written(column(DAYS.strftime(form)))) == DAYS.tolist()


@pytest.mark.parametrize(
    ("unit", "hours"),
    [("s", 0), ("s", 14.5), ("s", 21), ("ms", 0), ("ms", 5), ("us", 0), ("ns", 0), ("ns", 5)],
)
def test_time_since_1970_is_read(written, unit, hours):
    moments = DAYS + pd.Timedelta(hours=hours)
    counts = (moments - pd.Timestamp("1970-01-01")) // pd.Timedelta(1, unit)
    assert days_of(written(column(counts))) == DAYS.tolist()


@pytest.mark.parametrize("write", ["{:.0f}", "{:.1f}", "{:.5f}"])
def test_days_of_excel_are_read(written, write):
    counts = (DAYS - pd.Timestamp("1899-12-30")) / pd.Timedelta(1, "D")
    assert days_of(written(column(map(write.format, counts)))) == DAYS.tolist()


def test_zones_that_change_within_a_column_are_read(written):
    cells = ["2022-03-11 00:00:00-05:00", "2022-03-14 00:00:00-04:00", "2022-03-15 16:00 EDT"]
    assert [day.day for day in days_of(written(column(cells)))] == [11, 14, 15]


def test_midnight_of_utc_shown_by_another_clock_is_the_day_in_utc(written):
    days = pd.bdate_range("2022-03-07", "2022-03-18", tz="UTC")
    cells = [str(day) for day in days.tz_convert("America/New_York")]
    assert cells[0] == "2022-03-06 19:00:00-05:00"
    assert days_of(written(column(cells))) == days.tz_localize(None).tolist()


def test_midnight_of_utc_shown_by_another_clock_on_one_day_is_ambiguous(written):
    with pytest.raises(PriceDataError, match=r"AAPL.csv line 2: .*may be|no row tells which day is meant"):
        written(column(["2022-08-30 20:00:00-04:00"])).symbols()


def test_midnight_of_the_exchange_in_parquet_by_a_western_clock_is_the_day_at_the_exchange(tmp_path):
    from tickgraph.market.sources.files import FileSource

    days = pd.bdate_range("2022-03-07", "2022-03-18", tz="America/New_York")
    frame = pd.DataFrame({"date": days.tz_convert("America/Los_Angeles"), "close": 1.0, "volume": 2})
    frame.to_parquet(tmp_path / "AAPL.parquet")
    assert days_of(FileSource(tmp_path)) == days.tz_localize(None).tolist()


def test_midnight_of_another_exchange_in_utc_is_the_day_there(written):
    days = pd.bdate_range("2022-03-07", "2022-03-18", tz="Asia/Tokyo")
    cells = [str(day) for day in days.tz_convert("UTC")]
    assert cells[0] == "2022-03-06 15:00:00+00:00"  # a Sunday
    use_exchange("XTKS")
    assert days_of(written(column(cells), "7203.csv"), "7203") == days.tz_localize(None).tolist()


def test_the_order_of_day_and_month_is_told_by_weekdays_and_said(written):
    days = pd.bdate_range("2022-01-03", "2022-01-12")
    source = written(column(days.strftime("%d/%m/%Y")))
    assert days_of(source) == days.tolist()
    notes = source.fetch(["AAPL"]).notes
    assert any("Dates such as '03/01/2022' are read as 2022-01-03" in note for note in notes)


@pytest.mark.parametrize(
    "cells",
    [
        ["03/01/2022", "04/01/2022"],
        ["1.2.2022"],
        ["02/07/22", "03/07/22"],  # 2 and 3 July are a weekend; so a coin's, or 7 February and 7 March
        ["01/02/03"],
    ],
)
def test_where_no_row_tells_the_order_nothing_is_read(written, cells):
    with pytest.raises(
        PriceDataError,
        match=r"AAPL\.csv line 2: column 'date' cannot be read: .* may be .* or .*Write dates as",
    ):
        written(column(cells)).symbols()


@pytest.mark.parametrize(
    "cell",
    [
        "2021-W01-1",
        "2021-004",
        "yesterday",
        "12",
        "2022-13-45",
        "2022-01",
        "2022-01-03 25:00",
        "2022-01-03 XYZ",
        "Foo 2022-01-03",
        "0001-01-01",
        "99999999",
        "31/31/2022",
        "30 Dez 2022",
    ],
)
def test_what_is_no_date_is_named_with_its_line(written, cell):
    with pytest.raises(PriceDataError, match=r"AAPL\.csv line 2: column 'date'") as caught:
        written(column([cell])).symbols()
    assert repr(cell) in str(caught.value)
    assert "2022-12-30" in str(caught.value)


def test_one_cell_in_another_form_rejects_its_symbol_only(written):
    rows = "".join(f"{symbol},2022-01-0{day},1,2\n" for symbol in ("AAPL", "MSFT") for day in (3, 4, 5))
    fetched = written("symbol,date,close,volume\n" + rows + "MSFT,06/01/2022,1,2\n", "p.csv").fetch(["AAPL"])
    assert len(fetched.bars) == 3
    assert (
        "p.csv line 8: column 'date' holds '06/01/2022', which is no date like 2022-12-30"
        in fetched.rejected["MSFT"]
    )


def test_bars_of_hours_are_not_made_one_bar_in_silence(written):
    bars = written(column(["2022-01-03 10:30", "2022-01-03 11:30"])).fetch(["AAPL"]).bars
    assert bars["date"].tolist() == [pd.Timestamp("2022-01-03")] * 2  # the checks name them


def test_two_forms_in_one_column_are_named_where_neither_is_rare(written):
    cells = ["2022-01-03", "2022-01-04", "05/01/2022", "06/01/2022"]
    with pytest.raises(PriceDataError, match="'2022-01-03' and '05/01/2022' are written in two forms"):
        written(column(cells)).symbols()
