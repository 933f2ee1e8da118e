"""The dialects that people download, a few lines of each."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from downloaded_prices import ADJUSTED, PLAIN
from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files import FileSource


@pytest.mark.parametrize("dialect", ADJUSTED)
def test_a_dialect_with_adjusted_closes_is_read(written, dialect):
    fetched = written(ADJUSTED[dialect]).fetch(["AAPL"])
    bars = fetched.bars
    assert bars["date"].dt.strftime("%m-%d").tolist() == ["01-03", "01-04"]
    assert bars["close"].tolist() == [10.5, 11.5]
    assert bars["adj_close"].tolist() == [10, 11]
    assert bars["volume"].tolist() == [100, 200]
    assert not fetched.rejected


@pytest.mark.parametrize("dialect", PLAIN)
def test_a_dialect_without_adjusted_closes_is_read_and_that_is_said(written, dialect):
    fetched = written(PLAIN[dialect]).fetch(["AAPL"])
    bars = fetched.bars
    assert bars["date"].dt.day.iloc[0] == 3
    assert bars["close"].tolist() == bars["adj_close"].tolist() == [10.5, 11.5]
    assert bars["volume"].tolist() == [100, 200]
    assert bars["open"].tolist() == [9, 9]
    assert any("No adjusted close" in note for note in fetched.notes)


@pytest.mark.parametrize(
    "header",
    [
        ["Price,Close,Close,Volume,Volume", "Ticker,AAPL,MSFT,AAPL,MSFT", "Date,,,,"],
        [",Close,Close,Volume,Volume", ",AAPL,MSFT,AAPL,MSFT", "Date,,,,"],
        [",Close,Close,Volume,Volume", ",AAPL,MSFT,AAPL,MSFT"],
        ["Price,Close,Close,Volume,Volume", "Ticker,AAPL,MSFT,AAPL,MSFT"],
    ],
)
def test_a_wide_table_of_yfinance_is_taken_apart(written, header):
    rows = "2022-01-03,10,20,100,200\n2022-01-04,11,,110,\n"
    fetched = written("\n".join(header) + "\n" + rows, "wide.csv").fetch(["AAPL", "MSFT"])
    assert fetched.bars["symbol"].tolist() == ["AAPL", "AAPL", "MSFT"]
    assert fetched.bars["close"].tolist() == [10, 11, 20]
    assert any("Rows without prices" in note and "line" in note for note in fetched.notes)


def test_a_wide_table_with_the_tickers_above_is_taken_apart(written):
    text = "Ticker,AAPL,AAPL,MSFT,MSFT\nPrice,Close,Volume,Close,Volume\nDate,,,,\n2022-01-03,10,100,20,200\n"
    bars = written(text, "wide.csv").fetch(["AAPL", "MSFT"]).bars
    assert bars[["symbol", "close", "volume"]].to_numpy().tolist() == [["AAPL", 10, 100], ["MSFT", 20, 200]]


FRAME = pd.DataFrame(
    {
        "symbol": ["AAPL", "AAPL", "MSFT"],
        "date": pd.to_datetime(["2022-01-03", "2022-01-04", "2022-01-03"]),
        "close": [10.0, 11, 20],
        "volume": [100, 110, 200],
    }
)
WIDE = FRAME.pivot(index="date", columns="symbol")


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.set_index(["symbol", "date"]),
        FRAME.set_index(["date", "symbol"]),
        FRAME.set_index("date"),
        FRAME.set_index("date").rename_axis(None),
        FRAME.astype({"symbol": "category", "close": "float32"}),
        FRAME.assign(date=FRAME["date"].dt.tz_localize("America/New_York")),
        FRAME.assign(date=FRAME["date"].dt.tz_localize("America/New_York").dt.tz_convert("UTC")),
        FRAME.assign(date=FRAME["date"].dt.date),
        FRAME.assign(date=FRAME["date"].dt.strftime("%Y/%m/%d")).assign(empty=None),
        FRAME[:2].assign(date=[20220103, 20220104]).set_index("date"),
        FRAME.astype({"volume": "Int64"}),
        FRAME.astype(str),
        WIDE,
        WIDE.swaplevel(axis=1).sort_index(axis=1),
    ],
    ids=[
        "symbol and date",
        "date and symbol",
        "date",
        "unnamed",
        "categories",
        "zone",
        "utc",
        "days",
        "text",
        "a range of numbers",
        "nullable",
        "all text",
        "wide",
        "wide by ticker",
    ],
)
def test_a_frame_of_pandas_in_parquet_is_read(tmp_path, frame):
    frame.to_parquet(tmp_path / "frame.parquet")
    bars = FileSource(tmp_path / "frame.parquet").fetch(["AAPL", "MSFT"]).bars
    assert bars["symbol"].tolist() == ["AAPL", "AAPL", "MSFT"][: len(bars)]
    assert len(bars) == (3 if frame.columns.nlevels == 2 else len(frame))
    assert bars["date"].dt.day.tolist() == [3, 4, 3][: len(bars)]
    assert bars["close"].tolist() == [10, 11, 20][: len(bars)]


@pytest.mark.parametrize(
    "types",
    [
        {
            "symbol": pa.dictionary(pa.int32(), pa.string()),
            "close": pa.decimal128(12, 4),
            "date": pa.date32(),
        },
        {"symbol": pa.large_string(), "volume": pa.int32(), "date": pa.timestamp("ns")},
        {"symbol": pa.binary(), "volume": pa.uint64(), "date": pa.timestamp("s", "UTC")},
        {"symbol": pa.string_view(), "close": pa.float32(), "date": pa.string()},
        {"date": pa.int64()},
    ],
)
def test_the_types_of_other_programs_are_read(tmp_path, types):
    table = pa.table({"symbol": ["AAPL"], "date": ["2022-01-03"], "close": [10.0], "volume": [100]})
    for name, kind in types.items():
        column = table[name]
        if name == "date" and kind == pa.int64():
            column = pa.chunked_array([[20220103]])
        elif name == "date" and kind != pa.string():
            column = column.cast(pa.timestamp("s")).cast(kind)
        table = table.set_column(table.column_names.index(name), name, column.cast(kind))
    pq.write_table(table, tmp_path / "typed.parquet")
    row = FileSource(tmp_path / "typed.parquet").fetch(["AAPL"]).bars.iloc[0]
    assert (row["date"], row["close"], row["volume"]) == (pd.Timestamp("2022-01-03"), 10, 100)


TEXT = "Date,Close,Volume,Größe\r\n2022-01-03,10,100,1\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
def test_encodings_are_told_by_their_bytes(written, encoding):
    assert written(TEXT, encoding=encoding).fetch(["AAPL"]).bars["close"].tolist() == [10]


def test_a_letter_of_windows_far_down_the_file_is_read(written):
    rows = "2022-01-03,10,100,a\n" * 20_000 + "2022-01-04,10,100,ü\n"
    bars = written("Date,Close,Volume,x\n" + rows, encoding="cp1252").fetch(["AAPL"]).bars
    assert bars["date"].iloc[-1] == pd.Timestamp("2022-01-04")


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
def test_lines_end_in_any_way(written, ends):
    assert (
        len(
            written("Date,Close,Volume\n2022-01-03,1,2\n2022-01-04,1,2\n".replace("\n", ends))
            .fetch(["AAPL"])
            .bars
        )
        == 2
    )


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
@pytest.mark.parametrize("folder", [True, False])
def test_packed_files_are_read(tmp_path, ending, folder):
    path = tmp_path / f"AAPL.csv.{ending}"
    FRAME[:2].drop(columns="symbol").to_csv(path, index=False)
    assert FileSource(tmp_path if folder else path).symbols() == ("AAPL",)


@pytest.mark.parametrize("symbol", ["NA", "NAN", "NULL", "TRUE", "INF", "NONE", "nan", "ALL"])
def test_words_of_programs_are_tickers_in_a_column_of_symbols(written, symbol):
    text = f"symbol,date,close,volume\n{symbol},2022-01-03,NA,NULL\n{symbol},2022-01-04,1,2\nAAPL,2022-01-03,1,2\n"
    fetched = written(text, "bars.csv").fetch([symbol.upper()])
    assert fetched.bars["close"].tolist() == [1]


def test_of_two_columns_with_one_meaning_the_first_in_the_table_counts(written):
    text = "Ticker,symbol,timestamp,date,close,adj_close,volume,Adjusted Close\nX,AAPL,1,2022-01-03,3,2,1,9\n"
    fetched = written(text).fetch(["AAPL"])
    assert fetched.bars["adj_close"].tolist() == [2]
    said = " ".join(fetched.notes)
    for unused, used in {"Ticker": "symbol", "timestamp": "date", "Adjusted Close": "adj_close"}.items():
        assert f"Column {unused!r} is not used, as {used!r} is" in said


@pytest.mark.parametrize("name", ["closeunadj", "Adj Last Trade", "Settlement", "Close_split_adjusted"])
def test_a_column_that_looks_like_a_close_and_is_not_used_is_named(written, name):
    fetched = written(f"date,close,volume,{name}\n2022-01-03,3,2,1\n").fetch(["AAPL"])
    assert any(f"Column {name!r} is not used" in note for note in fetched.notes)


def test_names_of_companies_are_no_symbols(written):
    text = "date,close,volume,Name\n2022-01-03,3,2,Apple Inc.\n"
    fetched = written(text).fetch(["AAPL"])
    assert len(fetched.bars) == 1
    assert any("'Name' is not used, as it does not hold symbols" in note for note in fetched.notes)


def test_a_file_named_by_a_word_needs_a_column_of_symbols(written):
    with pytest.raises(
        PriceDataError, match=r"prices\.csv has no column with symbols, and its name is no symbol"
    ):
        written("date,close,volume\n2022-01-03,3,2\n", "prices.csv").symbols()


@pytest.mark.parametrize(
    "name", ["Close (USD)", "4b. close (USD)", "PX_LAST", "Close Price", "CLOSE [EUR]", "c"]
)
def test_other_names_of_the_close_are_read(written, name):
    assert written(f"date,{name},volume\n2022-01-03,3,2\n").fetch(["AAPL"]).bars["close"].tolist() == [3]


@pytest.mark.parametrize(
    "name", ["Close (adj)", "Adj Close (USD)", "close_adj", "Close (adjusted)", "ADJ_CLOSE"]
)
def test_other_names_of_the_adjusted_close_are_read(written, name):
    fetched = written(f"date,close,volume,{name}\n2022-01-03,3,2,1\n").fetch(["AAPL"])
    assert fetched.bars["adj_close"].tolist() == [1]
    assert fetched.notes == ()


def test_an_empty_column_of_adjusted_closes_is_none(written):
    fetched = written("date,close,adj close,volume\n2022-01-03,3,,2\n").fetch(["AAPL"])
    assert fetched.bars["adj_close"].tolist() == [3]
    assert "No adjusted close" in fetched.notes[0]


def test_closes_by_ticker_alone_lack_volumes(written):
    header = ",".join(["Date", *(f"T{number}" for number in range(20))])
    with pytest.raises(
        PriceDataError, match="lacks the columns close, volume. Found 'Date', 'T0'.* Write one row"
    ):
        written(header + "\n2022-01-03" + ",1" * 20 + "\n", "closes.csv").symbols()


def test_a_column_that_is_lacking_is_named_with_what_to_do(written):
    with pytest.raises(PriceDataError, match="lacks the columns volume.*Rename what holds volume"):
        written("date,close,Anzahl\n2022-01-03,1,2\n").symbols()


def test_an_export_of_a_broker_with_lines_around_it_is_read(written):
    text = (
        "Account: XXXX-1234\nGenerated: 12/30/2022 5:04 PM ET\n\n"
        "Symbol,Description,Trade Date,Open Price,Day High,Day Low,Closing Price,Net Chg %,Shares Traded\n"
        'CAT,CATERPILLAR INC,12/29/2022,$238.00,$240.76,$237.75,"$1,240.03",0.1%,"1,914,000"\n'
        'CAT,CATERPILLAR INC,12/30/2022,$237.39,$239.96,$236.53,"$1,239.56",0.1%,"1,905,500"\n\n'
        "Total rows: 2\nPrices are delayed.\n"
    )
    fetched = written(text, "export_20221230.csv").fetch(["CAT"])
    row = fetched.bars.iloc[-1]
    assert (row["high"], row["low"], row["close"], row["volume"]) == (239.96, 236.53, 1239.56, 1905500)
    assert not fetched.rejected


def test_a_german_sheet_in_windows_letters_is_read(written):
    text = (
        "Wertpapier;Datum;Eröffnungskurs;Tageshoch;Tagestief;Schlusskurs;Umsatz\n"
        "KO;29.12.2022;63,55;64,02;63,51;63,95;8106600\nKO;30.12.2022;63,80;63,84;63,03;63,61;9072300\n"
    )
    bars = written(text, "kurse.csv", "cp1252").fetch(["KO"]).bars
    assert bars[["open", "high", "low", "close", "volume"]].iloc[-1].tolist() == [
        63.8,
        63.84,
        63.03,
        63.61,
        9072300,
    ]


def test_symbols_as_bloomberg_writes_them_count_as_symbols(written):
    text = "Security,Date,PX_LAST,PX_VOLUME\nBRK/B US Equity,2022-12-30,308.9,3298300\n"
    assert written(text, "bloomberg.csv").symbols() == ("BRK-B",)
    with pytest.raises(PriceDataError, match="no column with symbols"):
        written("Security,Date,Close,Volume\nApple Inc,2022-12-30,1,2\n", "prices.csv").symbols()


def test_columns_that_are_named_after_tickers_are_taken_apart(written):
    text = ",AAPL.Close,AAPL.Volume,BRK.B.Close,BRK.B.Volume\n2022-01-03,10,100,20,200\n"
    bars = written(text, "some.csv").fetch(["AAPL", "BRK-B"]).bars
    assert bars[["symbol", "close", "volume"]].to_numpy().tolist() == [["AAPL", 10, 100], ["BRK-B", 20, 200]]


def test_two_columns_of_one_name_are_not_chosen_from(written):
    text = "Security,AAPL US Equity,,MSFT US Equity,\nDates,PX_LAST,PX_VOLUME,PX_LAST,PX_VOLUME\n2022-01-03,10,1,20,2\n"
    with pytest.raises(
        PriceDataError, match="two columns 'PX_LAST' with different values: nothing tells whose"
    ):
        written(text, "BBG.csv").symbols()
    same = "Date,Close,Volume,Close\n2022-01-03,10,1,10\n"
    assert written(same, "AAPL.csv").fetch(["AAPL"]).bars["close"].tolist() == [10]


@pytest.mark.parametrize(
    ("file", "symbol"),
    [
        ("NASDAQ_AAPL, 1D.csv", "AAPL"),
        ("BATS_BRK.B, 1D_3a5f1.csv", "BRK-B"),
        ("AAPL, 1D.csv", "AAPL"),
        ("WIKI-AAPL.csv", "AAPL"),
    ],
)
def test_a_file_is_named_after_its_symbol(written, file, symbol):
    assert written("time,close,volume\n2022-01-03,10,1\n", file).symbols() == (symbol,)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            "HistoricalData_1672531200000.csv",
            "1672531200000.csv: 'HistoricalData_1672531200000' is not a symbol",
        ),
        ("LSE_VOD, 1D.csv", "it is marked as one of London"),
        ("NASDAQ_AAPL, 60.csv", "is not a symbol"),
    ],
)
def test_a_file_that_is_named_after_no_symbol_says_what_would_do(written, file, said):
    with pytest.raises(PriceDataError, match=r"Name the file after its symbol \(AAPL.csv\)") as raised:
        written("Date,Close,Volume\n2022-01-03,10,1\n", file).symbols()
    assert said in str(raised.value)
