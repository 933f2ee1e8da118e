"""Folders and archives as people and programs leave them."""

from __future__ import annotations

import os
import zipfile

import pandas as pd
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files import FileSource
from tickgraph.market.store import PriceStore

ROWS = "Date,Close,Volume\n2022-01-03,1,2\n"


def put(path, text=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        ("README.csv", "README.csv has no line with names of columns"),
        ("symbols.csv", "symbols.csv lacks the columns date, close, volume. Found 'Symbol', 'Name'"),
        ("empty.csv", "Cannot read empty.csv: it is empty"),
        ("torn.parquet", "Cannot read torn.parquet: it is no Parquet"),
        (".ipynb_checkpoints/AAPL-checkpoint.csv", "is hidden or of another program"),
        ("__MACOSX/._AAPL.csv", "is hidden or of another program"),
        ("prices.xlsx", ".xlsx files are not read. Save it as CSV or Parquet"),
        ("^GSPC.csv", "^GSPC.csv: '^GSPC' is not a symbol"),
        ("prices.csv", "prices.csv has no column with symbols, and its name is no symbol"),
    ],
)
def test_a_file_that_is_no_prices_is_named_and_the_rest_is_read(tmp_path, stray, said):
    texts = {
        "README.csv": "Some words.\n",
        "symbols.csv": "Symbol,Name\nAAPL,Apple\n",
        "empty.csv": "",
        "torn.parquet": "x",
    }
    put(tmp_path / "AAPL.csv")
    put(tmp_path / stray, texts.get(stray, ROWS))
    fetched = FileSource(tmp_path).fetch(["AAPL"])
    assert len(fetched.bars) == 1
    assert len(fetched.rejected) == 1
    assert said in next(iter(fetched.rejected.values()))


@pytest.mark.parametrize("stray", ["README.md", "notes.docx", "_SUCCESS", ".part-0.parquet.crc", "._AAPL"])
def test_a_file_of_another_kind_is_not_looked_at(tmp_path, stray):
    put(tmp_path / "AAPL.csv")
    put(tmp_path / stray)
    assert FileSource(tmp_path).fetch(["AAPL"]).rejected == {}


def test_a_text_without_a_table_is_a_note(tmp_path):
    put(tmp_path / "AAPL.csv")
    put(tmp_path / "license.txt", "Some words.\n")
    fetched = FileSource(tmp_path).fetch(["AAPL"])
    assert "Files without a table are left out: license.txt." in fetched.notes
    assert fetched.rejected == {}


@pytest.mark.parametrize(
    "name",
    [
        "AAPL.csv",
        "aapl.csv",
        "AAPL (1).csv",
        "AAPL Historical Data.csv",
        "aapl_us_d.csv",
        "aapl.us.txt",
        "daily_adjusted_AAPL.csv",
        "daily_AAPL.csv",
        "AAPL_1day.csv",
        "AAPL.csv.txt",
    ],
)
def test_a_file_is_named_after_its_symbol(tmp_path, name):
    put(tmp_path / name)
    assert FileSource(tmp_path).symbols() == ("AAPL",)


@pytest.mark.parametrize("name", ["BRK-B", "brk.b", "BRK-D", "F", "D"])
def test_a_share_class_in_a_files_name_stays(tmp_path, name):
    put(tmp_path / f"{name}.csv")
    assert FileSource(tmp_path).symbols() == (name.upper().replace(".", "-"),)


def test_a_folder_of_spark_is_read(tmp_path):
    folder = tmp_path / "prices.parquet"
    folder.mkdir()
    for number, symbol in enumerate(["AAPL", "MSFT"]):
        frame = pd.DataFrame(
            {"symbol": [symbol], "date": [pd.Timestamp("2022-01-03")], "close": [1.0], "volume": [2]}
        )
        frame.to_parquet(folder / f"part-0000{number}.snappy.parquet")
    for name in ("_SUCCESS", "._SUCCESS.crc", ".part-00000.snappy.parquet.crc"):
        (folder / name).touch()
    for path in (folder, tmp_path):
        source = FileSource(path)
        assert source.symbols() == ("AAPL", "MSFT")
        assert source.fetch(["AAPL"]).rejected == {}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_folders_of_hive_give_the_symbol(tmp_path, ending):
    for symbol in ("AAPL", "BRK%2EB", "NA"):
        for year in (2021, 2022):
            folder = tmp_path / f"symbol={symbol}" / f"year={year}"
            folder.mkdir(parents=True)
            frame = pd.DataFrame({"date": [f"{year}-01-04"], "close": [1.0], "volume": [2]})
            path = folder / f"part-0.{ending}"
            frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    source = FileSource(tmp_path)
    assert source.symbols() == ("AAPL", "BRK-B", "NA")
    assert source.fetch(["NA"]).bars["date"].dt.year.tolist() == [2021, 2022]


def test_folders_of_hive_give_the_date(tmp_path):
    for day in ("2022-01-03", "2022-01-04"):
        put(tmp_path / f"date={day}" / "part-0.csv", "symbol,close,volume\nAAPL,1,2\n")
    assert FileSource(tmp_path).fetch(["AAPL"]).bars["date"].dt.day.tolist() == [3, 4]


def test_an_archive_is_read_as_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("us/AAPL.csv", ROWS)
        archive.writestr("us/MSFT.csv", ROWS)
        archive.writestr("us/broken.csv", "words\n")
        archive.writestr("__MACOSX/us/._AAPL.csv", "x")
    fetched = FileSource(tmp_path / "all.zip").fetch(["AAPL", "MSFT"])
    assert fetched.bars["symbol"].tolist() == ["AAPL", "MSFT"]
    assert len(fetched.rejected) == 2
    assert any("all.zip/us/broken.csv has no line" in reason for reason in fetched.rejected.values())


def test_a_workbook_says_how_to_save_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "prices.csv", "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    with pytest.raises(
        PriceDataError, match=r"prices\.csv is left out: it is a workbook\. Save its sheet as CSV"
    ):
        FileSource(tmp_path / "prices.csv").symbols()


def test_a_symbol_with_a_fault_in_one_file_is_not_given_from_the_others(tmp_path):
    """It would have holes that nobody sees."""
    put(tmp_path / "2021.csv", "symbol,date,close,volume\nAAPL,2021-01-04,1,2\nMSFT,2021-01-04,1,2\n")
    put(tmp_path / "2022.csv", "symbol,date,close,volume\nAAPL,2022-01-03,dear,2\nMSFT,2022-01-03,1,2\n")
    fetched = FileSource(tmp_path).fetch(["AAPL", "MSFT"])
    assert fetched.bars["symbol"].tolist() == ["MSFT", "MSFT"]
    assert "2022.csv line 2" in fetched.rejected["AAPL"]


def test_what_is_noticed_in_many_files_is_said_once(tmp_path):
    for number in range(8):
        put(tmp_path / f"S{number}.csv")
    notes = FileSource(tmp_path).fetch(["S1"]).notes
    assert len(notes) == 1
    assert notes[0].endswith("S0.csv, S1.csv, S2.csv, S3.csv, S4.csv and 3 more.")


def test_an_unforeseen_error_of_one_file_leaves_the_others(tmp_path, monkeypatch):
    put(tmp_path / "AAPL.csv")
    put(tmp_path / "MSFT.csv")
    from tickgraph.market.sources.files import file_source

    true = file_source.read_text

    def failing(piece):
        if piece.stem == "MSFT":
            raise RuntimeError("gremlins")
        return true(piece)

    monkeypatch.setattr(file_source, "read_text", failing)
    fetched = FileSource(tmp_path).fetch(["AAPL"])
    assert len(fetched.bars) == 1
    assert "gremlins" in fetched.rejected["MSFT.csv"]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "AAPL.csv")
    with pytest.raises(PriceDataError, match=r"AAPL\.csv is neither a file nor a folder"):
        FileSource(tmp_path / "AAPL.csv").symbols()
    put(tmp_path / "MSFT.csv")
    assert FileSource(tmp_path).symbols() == ("MSFT",)


def test_an_import_stores_what_can_be_read_and_reports_the_rest(tmp_path):
    put(tmp_path / "prices" / "AAPL.csv")
    put(tmp_path / "prices" / "README.csv", "Some words.\n")
    store, source = PriceStore(tmp_path / "store"), FileSource(tmp_path / "prices")
    report = store.update(source, source.symbols())
    assert report.added == {"AAPL": 1}
    assert list(report.rejected) == ["README.csv"]
    assert any("No adjusted close" in note for note in report.notes)
