"""Numbers as people's files write them: one decimal sign a file."""

from __future__ import annotations

import math

import pytest

from tickgraph.errors import PriceDataError


def row(close, volume):
    return f"date|close|volume\n2022-01-03|{close}|{volume}\n"


def read(source):
    bars = source.fetch(["AAPL"]).bars
    return bars["close"].iloc[0], bars["volume"].iloc[0]


@pytest.mark.parametrize(
    ("close", "volume", "want"),
    [
        ("31.54", "100", (31.54, 100)),
        ("$31.54", "1,771,418", (31.54, 1_771_418)),
        ("31.54 €", "100", (31.54, 100)),
        ("3,154.39", "1.77M", (3154.39, 1_770_000)),
        ("31,54", "1,77M", (31.54, 1_770_000)),
        ("3.154,39", "1.771.418", (3154.39, 1_771_418)),
        ("3 154,39", "1 771 418", (3154.39, 1_771_418)),
        ("3\u00a0154,39", "1\u202f771\u202f418", (3154.39, 1_771_418)),
        ("3'154.39", "1\u2019771\u2019418", (3154.39, 1_771_418)),
        ("3 154,395", "100", (3154.395, 100)),
        ("3'154,395", "100", (3154.395, 100)),
        ("5,007", "1,813,777", (5007, 1_813_777)),
        ("31.473", "1813777", (31.473, 1_813_777)),
        ("31.47", "1,234", (31.47, 1234)),
        ("31,47", "1.234", (31.47, 1234)),
        ("31.47", "1.234", (31.47, 1.234)),
        ("3.1e1", "2B", (31, 2e9)),
        (" 31.54 ", "2k", (31.54, 2000)),
        (".5", "+7", (0.5, 7)),
        ("31.", "5e9", (31, 5e9)),
        ("31.54", "0.5T", (31.54, 5e11)),
        ("-31.54", "-5", (-31.54, -5)),  # the checks refuse it by symbol and date
        ("$-31.54", "5", (-31.54, 5)),
        ("\u221231.54", "5", (-31.54, 5)),
    ],
)
def test_a_number_is_read(written, close, volume, want):
    assert read(written(row(close, volume))) == pytest.approx(want)


@pytest.mark.parametrize("cell", ["", "-", "--", "null", "NaN", "N/A", "#N/A", "None", "<NA>"])
def test_an_empty_volume_is_missing(written, cell):
    assert math.isnan(read(written(row("31.54", cell)))[1])


@pytest.mark.parametrize(
    "cell", ["dear", "31.5x", "1.2.3", "1,23,4.5", "12:30", "0x1f", "1_000", "３１", "31.54%", "1.5M", "USD"]
)
def test_what_is_no_number_is_named_with_its_line(written, cell):
    with pytest.raises(PriceDataError) as caught:
        written(row(cell, "100")).symbols()
    assert f"AAPL.csv line 2: column 'close' holds {cell!r}, which cannot be read as a number" in str(
        caught.value
    )
    assert "31.54" in str(caught.value)


def test_a_comma_that_may_be_either_sign_is_refused(written):
    with pytest.raises(
        PriceDataError, match=r"AAPL\.csv line 2: column 'close' holds '5,007': no row tells whether"
    ):
        written(row("5,007", "100")).symbols()


def test_the_decimal_sign_is_that_of_the_whole_file(written):
    source = written("date;close;volume\n2022-01-03;5,007;100\n2022-01-04;5,1;100\n")
    assert source.fetch(["AAPL"]).bars["close"].tolist() == [5.007, 5.1]


def test_one_cell_with_another_sign_rejects_its_symbol_only(written):
    rows = "".join(f"{name}|2022-01-0{day}|31.5|2\n" for name in ("AAPL", "MSFT") for day in (3, 4, 5))
    fetched = written("symbol|date|close|volume\n" + rows + "MSFT|2022-01-06|31,57|2\n", "p.csv").fetch(
        ["AAPL"]
    )
    assert len(fetched.bars) == 3
    assert "p.csv line 8: column 'close' holds '31,57'" in fetched.rejected["MSFT"]
