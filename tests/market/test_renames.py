"""A former name holds up to the day of the renaming, and today's name from then on."""

from __future__ import annotations

import pandas as pd
import pytest

from tickgraph.market.renames import symbols_of_rows
from tickgraph.market.sources.files import FileSource
from tickgraph.market.universe import add_aliases

BEFORE, AFTER = ("2022-06-01", "2022-06-08"), ("2022-06-09", "2022-06-15")
LONG = ("2022-05-02", "2022-07-01")


def named(*parts):
    """Rows of names, each from one day to another at one close; and each name's rows by symbol."""
    frames = [
        pd.DataFrame({"name": name, "day": pd.bdate_range(*days), "close": float(close)})
        for name, days, close in parts
    ]
    rows = pd.concat(frames, ignore_index=True)
    found = symbols_of_rows(rows["name"], rows["day"], rows["close"])
    taken = rows[found.symbols.notna()]
    spans = {
        (name, symbol): (str(part["day"].min().date()), str(part["day"].max().date()))
        for (name, symbol), part in taken.groupby(["name", found.symbols[taken.index]])
    }
    return spans, found


def test_rows_under_a_former_name_are_todays_symbols_up_to_its_day():
    spans, found = named(("FB", LONG, 200))
    assert spans == {("FB", "META"): ("2022-05-02", "2022-06-08")}
    assert found.notes == (
        "FB is META since 2022-06-09: 28 rows, 2022-05-02 to 2022-06-08, are stored as META",
    )
    assert "FB: 17 rows, 2022-06-09 to 2022-07-01, are left out" in found.rejected["FB"]
    assert "another company that took the name" in found.rejected["FB"]
    assert "name them META" in found.rejected["FB"]


def test_two_names_that_fit_together_are_one_history_and_both_are_named():
    spans, found = named(("FB", BEFORE, 200), ("META", AFTER, 190), ("AAPL", LONG, 100))
    assert spans == {("FB", "META"): BEFORE, ("META", "META"): AFTER, ("AAPL", "AAPL"): LONG}
    (note,) = found.notes
    assert "META and FB are one symbol, META" in note
    assert "FB (6 rows, 2022-06-01 to 2022-06-08)" in note
    assert not found.rejected


def test_a_whole_history_under_todays_name_is_the_companys_own():
    spans, found = named(("META", LONG, 200))
    assert spans == {("META", "META"): LONG}
    assert (found.notes, found.rejected) == ((), {})
    spans, found = named(("META", ("2015-01-01", "2020-12-31"), 200))  # downloaded up to a day
    assert list(spans) == [("META", "META")]


@pytest.mark.parametrize(
    "parts",
    [
        [("META", ("2021-07-01", "2022-01-19"), 15)],  # the fund that had the name
        [("META", ("2021-03-01", "2022-03-01"), 15), ("FB", ("2021-03-01", "2022-06-08"), 200)],
        [
            ("META", ("2021-03-01", "2022-03-01"), 15),
            ("META", AFTER, 190),
        ],  # with a break before the renaming
    ],
)
def test_rows_of_a_former_holder_of_todays_name_are_left_out(parts):
    spans, found = named(*parts)
    assert all(days[0] >= "2022-06-09" for (name, _), days in spans.items() if name == "META")
    assert "the Roundhill Ball Metaverse ETF had the name before" in found.rejected["META"]
    assert list(found.rejected) == ["META"]


def test_two_names_with_different_closes_on_one_day_are_an_error_that_names_both():
    spans, found = named(("FB", LONG, 50), ("META", LONG, 67), ("AAPL", LONG, 100))
    assert list(spans) == [("AAPL", "AAPL")]
    assert set(found.rejected) == {"FB", "META"}
    assert "META and FB are one symbol, META, and have different closes on 28 days" in found.rejected["FB"]
    assert "2022-05-02: 67 under META and 50 under FB" in found.rejected["META"]


def test_two_names_with_the_same_closes_are_taken_once():
    spans, found = named(("FB", LONG, 50), ("META", LONG, 50))
    assert spans == {("META", "META"): LONG}
    assert not found.rejected
    assert "META and FB are one symbol" in found.notes[0]


def test_spellings_of_one_symbol_are_names_too():
    spans, found = named(("BRK.B", BEFORE, 300), ("BRK/B", AFTER, 301))
    assert set(spans) == {("BRK.B", "BRK-B"), ("BRK/B", "BRK-B")}
    assert "BRK.B and BRK/B are one symbol, BRK-B" in found.notes[0]
    spans, found = named(("AAPL.US", LONG, 101), ("AAPL.O", LONG, 117))
    assert not spans
    assert "AAPL.O and AAPL.US are one symbol, AAPL" in found.rejected["AAPL.US"]


def test_what_is_written_otherwise_is_said_in_one_note_and_what_is_no_symbol_is_named():
    rows = [(f"{letter}A.US", BEFORE, 1) for letter in "ABCDEFG"]
    _, found = named(*rows, ("msft", BEFORE, 1), ("^GSPC", BEFORE, 1), ("VOD.L", BEFORE, 1))
    (note,) = found.notes
    assert note.startswith("stored under another spelling: AA.US as AA, BA.US as BA")
    assert note.endswith("and 2 more")
    assert "msft" not in note
    assert set(found.rejected) == {"^GSPC", "VOD.L"}


def test_a_row_without_a_name_has_no_symbol():
    rows = symbols_of_rows(
        pd.Series(["AAPL", None]), pd.Series(pd.to_datetime(["2022-01-03"] * 2)), pd.Series([1.0, 2.0])
    )
    assert rows.symbols.isna().tolist() == [False, True]


def test_an_alias_without_a_day_holds_for_all_days():
    add_aliases({"OLD": "NEWER"})
    try:
        spans, found = named(("OLD", LONG, 10), ("SQ", ("2025-01-13", "2025-01-24"), 80))
    finally:
        add_aliases({})
    assert spans == {("OLD", "NEWER"): LONG, ("SQ", "XYZ"): ("2025-01-13", "2025-01-20")}
    assert any(note.startswith("OLD is NEWER: 45 rows, 2022-05-02") for note in found.notes)


def test_a_file_with_names_that_changed_hands_gives_the_rest_and_names_them_with_the_file(tmp_path):
    rows = [
        (name, day, close)
        for name, close in (("FB", 200), ("BRK/B", 300), ("VOD.L", 1))
        for day in BEFORE + AFTER
    ]
    lines = [f"{name},{day},{close},{close},{close},{close},1000" for name, day, close in rows]
    (tmp_path / "mine.csv").write_text("\n".join(["symbol,date,open,high,low,close,volume", *lines, ""]))
    source = FileSource(tmp_path / "mine.csv")
    assert source.symbols() == ("BRK-B", "META")
    fetched = source.fetch(["BRK-B", "META"])
    assert fetched.bars.groupby("symbol").size().to_dict() == {"BRK-B": 4, "META": 2}
    assert set(fetched.rejected) == {"FB", "VOD.L"}
    assert all("mine.csv: " in reason for reason in fetched.rejected.values())
    assert "stored under another spelling: BRK/B as BRK-B" in fetched.notes
