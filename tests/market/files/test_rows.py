"""Rows that are no bars, and cells that cannot be read."""

from __future__ import annotations

import pandas as pd
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files import FileSource

HEADER = "symbol,date,open,close,volume\n"
GOOD = "AAPL,2022-01-03,1,2,3\n"
MORE = "AAPL,2022-01-04,1,2,3\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (HEADER, "Repeated headers are left out: {} line 3."),
        ("SYMBOL,Date,open,close,volume\n", "Repeated headers are left out: {} line 3."),
        ("Data by somebody\n", "Lines that are no bars are left out: {} line 3 ('Data by somebody')."),
        ("Data by somebody,,,,\n", "Lines that are no bars are left out: {} line 3 ('Data by somebody')."),
        ("AAPL,Total,,,\n", "Lines that are no bars are left out: {} line 3 ('AAPL Total')."),
        ("AAPL,2022-01-04,null,null,null\n", "Rows without prices are left out: {} line 3 (2022-01-04)."),
        ("AAPL,2022-01-04,,,\n", "Rows without prices are left out: {} line 3 (2022-01-04)."),
        ("AAPL,2022-01-04,0.31 Dividend,,\n", "Rows without prices are left out: {} line 3 (2022-01-04)."),
        (
            "AAPL,2022-01-04,4:1 Stock Splits,4:1 Stock Splits,4:1 Stock Splits\n",
            "Rows without prices are left out: {} line 3 (2022-01-04).",
        ),
    ],
)
def test_a_row_that_is_no_bar_is_left_out_and_named(written, line, said):
    source = written(HEADER + GOOD + line + MORE.replace("04", "05"), "p.csv")
    fetched = source.fetch(["AAPL"])
    assert fetched.bars["date"].dt.day.tolist() == [3, 5]
    assert fetched.bars["volume"].dtype == "int64"
    assert said.format(source.path) in fetched.notes
    assert not fetched.rejected


OUTSIDE = "Rows with dates before 1900 or after 2199 are left out: "


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1899-12-30", "2200-01-01"])
@pytest.mark.parametrize("prices", ["1,2,3", ",,"])
def test_a_row_of_a_day_that_no_price_can_be_of_is_left_out_and_named(written, day, prices):
    source = written(HEADER + GOOD + f"AAPL,{day},{prices}\n" + MORE, "p.csv")
    fetched = source.fetch(["AAPL"])
    assert fetched.bars["date"].dt.day.tolist() == [3, 4]
    assert f"{OUTSIDE}{source.path} line 3 ({day})." in fetched.notes
    assert not fetched.rejected


@pytest.mark.parametrize(
    ("form", "day"),
    [
        ("%Y%m%d", "99991231"),
        ("%d/%m/%Y", "31/12/9999"),
        ("%Y-%m-%d 16:00:00-05:00", "9999-12-31 16:00:00-05:00"),
    ],
)
def test_a_day_that_no_price_can_be_of_is_left_out_in_other_forms(written, form, day):
    days = [pd.Timestamp(2022, 1, each).strftime(form) for each in (24, 25, 26)]
    rows = "".join(f"AAPL,{each},1,2,3\n" for each in (*days, day))
    fetched = written(HEADER + rows, "p.csv").fetch(["AAPL"])
    assert fetched.bars["date"].dt.day.tolist() == [24, 25, 26]
    assert any(note.startswith(OUTSIDE) for note in fetched.notes)
    assert not fetched.rejected


def test_a_typed_day_that_no_price_can_be_of_is_left_out(tmp_path):
    days = pd.Series(pd.to_datetime(["2022-01-03", "9999-12-31", "2022-01-04"]).astype("datetime64[us]"))
    pd.DataFrame({"date": days, "close": 2.0, "volume": 3}).to_parquet(tmp_path / "AAPL.parquet")
    fetched = FileSource(tmp_path).fetch(["AAPL"])
    assert fetched.bars["date"].dt.day.tolist() == [3, 4]
    assert f"{OUTSIDE}AAPL.parquet row 2 (9999-12-31 00:00:00)." in fetched.notes
    assert not fetched.rejected


@pytest.mark.parametrize("line", ["\n", ",,,,\n", " , ,,,\n", "\n\n\n"])
def test_a_blank_line_is_left_out(written, line):
    fetched = written(HEADER + GOOD + line + MORE + line, "p.csv").fetch(["AAPL"])
    assert len(fetched.bars) == 2
    assert [note for note in fetched.notes if "adjusted" not in note] == []


def test_the_line_is_the_files_own_however_many_lines_were_left_out_before(written):
    text = "a remark\n" + HEADER + "\n" + GOOD + "Footer\nFooter\n" + MORE + "MSFT,2022-01-03,1,dear,3\n"
    assert (
        "p.csv line 8: column 'close' holds 'dear'" in written(text, "p.csv").fetch(["AAPL"]).rejected["MSFT"]
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "MSFT,2022-01-03,1,dear,3\n",
            "line 3: column 'close' holds 'dear', which cannot be read as a number",
        ),
        (
            "MSFT,2022-01-03,1,2,many\n",
            "line 3: column 'volume' holds 'many', which cannot be read as a number",
        ),
        (
            "MSFT,yesterday,1,2,3\n",
            "line 3: column 'date' holds 'yesterday', which is no date like 2022-12-30",
        ),
        ("MSFT,2022-01-03,1,inf,3\n", "line 3: column 'close' holds 'inf', which cannot be read as a number"),
        (
            "MSFT,2022-01-03,1,1e400,3\n",
            "line 3: column 'close' holds '1e400', which cannot be read as a number",
        ),
        ("MSFT,,1,2,3\n", "line 3: column 'date' holds '', and the row has prices"),
        ("MSFT,2022-01-03,1,2\n", "line 3 has 4 cells where the header has 5: 'MSFT,2022-01-03,1,2'"),
        ("MSFT,2022-01-03,1,3,154.39,2\n", "line 3 has 6 cells where the header has 5"),
    ],
)
def test_a_cell_that_cannot_be_read_rejects_its_symbol_and_the_others_are_read(written, line, said):
    fetched = written(HEADER + GOOD + line + MORE, "p.csv").fetch(["AAPL", "MSFT"])
    assert len(fetched.bars) == 2
    assert said in fetched.rejected["MSFT"]
    assert "p.csv" in fetched.rejected["MSFT"]


def test_an_open_that_cannot_be_read_costs_nothing_and_is_named(written):
    fetched = written(HEADER + "AAPL,2022-01-03,dear,2,3\n", "p.csv").fetch(["AAPL"])
    assert fetched.bars["open"].isna().all()
    assert any(
        "Column 'open' has cells that are no numbers" in note and "line 2 ('dear')" in note
        for note in fetched.notes
    )


@pytest.mark.parametrize("period", ["60", "W", "1h"])
def test_bars_that_say_that_they_are_not_daily_are_rejected(written, period):
    text = f"<TICKER>,<PER>,<DATE>,<CLOSE>,<VOL>\nAAPL,D,20220103,2,3\nMSFT,{period},20220103,2,3\n"
    fetched = written(text, "p.txt").fetch(["AAPL"])
    assert f"line 3: column '<PER>' holds {period!r}, so these bars are not daily" in fetched.rejected["MSFT"]


def test_a_row_of_parquet_is_named_by_its_number(tmp_path):
    frame = pd.DataFrame(
        {"symbol": ["AAPL", "MSFT"], "date": pd.Timestamp("2022-01-03"), "close": ["1", "dear"], "volume": 2}
    )
    frame.to_parquet(tmp_path / "p.parquet")
    fetched = FileSource(tmp_path / "p.parquet").fetch(["AAPL"])
    assert "p.parquet row 2: column 'close' holds 'dear'" in fetched.rejected["MSFT"]


@pytest.mark.parametrize("kind", [bool, "datetime64[us]"])
def test_a_column_of_another_type_is_named(tmp_path, kind):
    frame = pd.DataFrame(
        {"date": pd.Timestamp("2022-01-03"), "close": pd.Series([1]).astype(kind), "volume": 2}
    )
    frame.to_parquet(tmp_path / "AAPL.parquet")
    with pytest.raises(PriceDataError, match=r"AAPL\.parquet row 1: column 'close' holds"):
        FileSource(tmp_path / "AAPL.parquet").symbols()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("date,close,volume\n", "has a header and no rows"),
        ("<!DOCTYPE html><html></html>", "it is a page of HTML"),
        ('{"date": 1}', "it is JSON"),
        ("1.5,2,3\n1.5,2,3\n", "has no line with names of columns in its first"),
        ("date,open\n2022-01-03,1\n", "lacks the columns close, volume. Found 'date', 'open'"),
        (b"PAR1 not really", "it is damaged"),
        (b"\x1f\x8bnot really", "it is damaged or cut off"),
        (b"PK\x03\x04not really", "the archive is damaged"),
        (bytes(100), "has no line with names of columns"),
    ],
)
def test_a_file_that_is_no_table_of_prices_says_what_it_is(written, content, said):
    with pytest.raises(PriceDataError) as caught:
        written(content).symbols()
    assert said in str(caught.value)
    assert "AAPL.csv" in str(caught.value)
    assert "unforeseen" not in str(caught.value)


def test_all_rows_unreadable_is_an_error_that_counts_what_is_not_shown(written):
    rows = "".join(f"S{number},2022-01-03,1,dear,3\n" for number in range(12))
    with pytest.raises(PriceDataError, match=r"line 2: column 'close' holds 'dear'.* And 7 more"):
        written(HEADER + rows, "p.csv").symbols()


def test_a_quotation_mark_that_is_not_closed_is_an_error_and_no_footer(written):
    """It swallows the rows after it."""
    rows = '"AAPL,2022-01-04,1,2,3\n' + GOOD * 3
    with pytest.raises(PriceDataError, match=r"p\.csv line 3: a quotation mark is opened and not closed"):
        written(HEADER + GOOD + rows, "p.csv").symbols()


def test_of_many_rows_without_prices_the_first_are_named_and_the_others_counted(written):
    rows = "".join(f"AAPL,2022-01-{day:02},,,\n" for day in range(4, 24))
    notes = written(HEADER + GOOD + rows, "p.csv").fetch(["AAPL"]).notes
    said = next(note for note in notes if note.startswith("Rows without prices"))
    assert said.count("p.csv line") == 5
    assert said.endswith("p.csv line 7 (2022-01-08) and 15 more.")
