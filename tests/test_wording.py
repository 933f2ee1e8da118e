from __future__ import annotations

import unicodedata

import pytest

from tickgraph.wording import counted, escaped, listed, quoted


def test_a_list_names_the_first_and_counts_the_others():
    assert listed(["AAPL", "MSFT"]) == "AAPL, MSFT"
    assert listed([f"S{place}" for place in range(1_200)], 2) == "S0, S1 and 1,198 more"
    assert listed(["AAPL"], unnamed=3) == "AAPL and 3 more"


def test_a_noun_is_one_or_many():
    assert counted(1, "session") == "1 session"
    assert counted(0, "session") == "0 sessions"
    assert counted(1_200, "history") == "1,200 histories"
    assert counted(2, "day") == "2 days"


def test_a_long_text_is_cut():
    assert quoted("31,54") == "'31,54'"
    assert quoted("x" * 61) == repr("x" * 60 + "...")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00\x07\x7f\x85b", r"a\x00\x07\x7f\x85b"),
        ("line\nforged\r", r"line\x0aforged\x0d"),
        ("\u2028\u2029\u202e\u2066", r"\u2028\u2029\u202e\u2066"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("Zürich, 東京, €100, 📈", "Zürich, 東京, €100, 📈"),
    ],
)
def test_what_steers_a_terminal_is_written_by_its_number_and_the_rest_as_it_is(text, written):
    assert escaped(text) == written


def test_lines_are_kept_where_they_may_be():
    assert escaped("one\n\ttwo\x1b", keep="\n\t") == "one\n\ttwo\\x1b"


def test_no_control_format_or_line_character_is_left():
    left = escaped("".join(map(chr, (*range(0x10000), *range(0xE0000, 0xE0100)))))
    assert not {unicodedata.category(character) for character in left} & {"Cc", "Cs", "Zl", "Zp"}
    bidi = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    assert not [one for one in left if unicodedata.bidirectional(one) in bidi]
