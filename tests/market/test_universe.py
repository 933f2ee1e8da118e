from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.errors import InputError, SymbolError
from tickgraph.market.universe import (
    SECTORS,
    TIER_1,
    add_aliases,
    alias_note,
    all_note,
    canonical,
    is_group,
    parse_symbols,
    sector_of,
    suggest,
)


def test_tier_1_is_the_46_symbols_under_todays_names():
    assert len(TIER_1) == len(set(TIER_1)) == 46
    assert "XYZ" in TIER_1
    assert "SQ" not in TIER_1
    assert {s for symbols in SECTORS.values() for s in symbols} == set(TIER_1)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("aapl", "AAPL"),
        (" MSFT ", "MSFT"),
        ("BRK-B", "BRK-B"),
        ("brk.b", "BRK-B"),
        ("SQ", "XYZ"),
        ("FB", "META"),
        ("META", "META"),
    ],
)
def test_a_symbol_is_given_todays_name(written, name):
    assert canonical(written) == name


@pytest.mark.parametrize(
    "written",
    [
        "../../etc/passwd",
        "",
        " ",
        "A/B/C",
        "A\\B",
        "..",
        ".",
        "A\0B",
        "ААPL",
        "1AAPL",
        "A" * 500,
        "-A",
        "A--B",
        "CON",
        "nul",
        "COM1",
        "^GSPC",
    ],
)
def test_anything_else_is_refused(written):
    with pytest.raises(SymbolError) as refusal:
        canonical(written)
    assert len(str(refusal.value)) < 300


def test_text_is_required():
    with pytest.raises(SymbolError, match="must be text"):
        canonical(5)  # type: ignore[arg-type]


@given(st.text(max_size=30))
def test_what_comes_out_is_safe_in_a_path_and_stays_the_same(text):
    try:
        name = canonical(text)
    except SymbolError:
        return
    assert canonical(name) == name
    assert not set(name) & set("/\\.:\0 ~$*?")
    assert name.isascii()


def test_groups_sectors_and_commas_expand_in_order_without_repeats():
    assert parse_symbols(["energy", "XOM,AAPL"]) == ("XOM", "CVX", "COP", "AAPL")
    assert parse_symbols(["TIER_1"]) == TIER_1
    assert parse_symbols(["all"], known=("B", "A")) == parse_symbols(["*"], known=("B", "A")) == ("B", "A")
    assert parse_symbols(["ALL"]) == parse_symbols(["ALL.US"], known=("A",)) == ("ALL",)
    assert is_group("tier_1")
    assert is_group("*")
    assert not is_group("AAPL")


@pytest.mark.parametrize("words", [[], [""], [" , "]])
def test_no_symbols_is_an_error(words):
    with pytest.raises(InputError, match="No symbols"):
        parse_symbols(words)


def test_notes_sectors_and_suggestions():
    assert alias_note("SQ") == "SQ has traded as XYZ since 2025-01-21"
    assert alias_note("AAPL") is None
    assert sector_of("XOM") == "Energy"
    assert sector_of("ZZZZ") is None
    assert "AAPL" in suggest("AAPLE", TIER_1)


@given(st.from_regex(r"\A[A-Za-z][A-Za-z0-9]{0,6}(-[ABCPV]|[./_][ABC])?\Z"))
def test_whatever_looks_like_a_ticker_is_one_or_a_device(text):
    if text.upper() in {"CON", "PRN", "AUX", "NUL"} or text.upper()[:3] in {"COM", "LPT"}:
        return
    name = canonical(text)
    assert canonical(name) == canonical(name.lower()) == name
    assert name in {re.sub("[./_]", "-", text.upper()), "XYZ", "META"}


@given(st.text(alphabet="ABZab19.-/\\:\0 \n~", max_size=9))
def test_text_close_to_a_ticker_never_becomes_a_path(text):
    try:
        name = canonical(text)
    except SymbolError:
        return
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
    assert name[0].isalpha()
    assert canonical(name) == name


@pytest.mark.parametrize(
    "written",
    ["FB/../x", "AAPL\n/x", "C:AAPL", "~AAPL", "AAPL/", "%2e%2e", "\u212aO", "\uff21", "\u017fQ", "\u0131BM"],
)
def test_paths_and_look_alike_letters_are_refused(written):
    with pytest.raises(SymbolError, match="is not a symbol"):
        canonical(written)


def test_every_symbol_needs_a_list_of_them():
    with pytest.raises(InputError, match="stands for every symbol"):
        parse_symbols(["*"])


def test_a_sectors_name_comes_before_a_ticker_of_the_same_letters():
    assert parse_symbols(["energy"]) == ("XOM", "CVX", "COP")
    assert parse_symbols(["ENERGY.US"]) == ("ENERGY",)


def test_what_all_was_taken_for_is_said():
    assert all_note(["AAPL"], ("A", "ALL")) is None
    assert all_note(["AAPL,all"], ("A", "B")) == (
        "ALL stands for all 2 symbols. The ticker ALL alone is written ALL.US"
    )
    assert "and one of them is named ALL" in all_note(["ALL"], ("A", "ALL"))


def test_one_bad_word_among_good_ones_is_named():
    with pytest.raises(SymbolError, match=r"\.\./x"):
        parse_symbols(["AAPL,../x"])
    assert parse_symbols(["sq,XYZ", "FB"]) == ("XYZ", "META")


@pytest.fixture
def _aliases():
    yield
    add_aliases({})


@pytest.mark.usefixtures("_aliases")
def test_former_names_can_be_added_and_count_at_once_everywhere():
    assert canonical("MSFT") == "MSFT"
    add_aliases({"msft": "SOFT", "OLD.A": "OLD-B", "OLD-B": "NEWEST"})
    assert canonical("msft") == "SOFT"
    assert canonical("OLD-A") == "NEWEST"
    assert canonical("FB") == "META"
    assert alias_note("MSFT") == "MSFT trades as SOFT now"
    assert sector_of("SOFT") == sector_of("AAPL")
    assert "SOFT" in parse_symbols(["TIER_1"])
    assert "MSFT" not in parse_symbols(["TIER_1"])
    add_aliases({})
    assert canonical("MSFT") == "MSFT"


@pytest.mark.usefixtures("_aliases")
def test_an_alias_may_go_on_from_a_bundled_one():
    add_aliases({"XYZ": "NEXT"})
    assert canonical("SQ") == "NEXT"


@pytest.mark.parametrize(
    ("aliases", "text"),
    [
        ({"A": "A"}, "circle"),
        ({"A": "B", "B": "A"}, "circle"),
        ({"A": "B", "B": "C", "C": "B"}, "circle"),
        ({"META": "FB"}, "circle"),
        ({"../x": "B"}, "is not a symbol"),
        ({"A": "../x"}, "is not a symbol"),
    ],
)
def test_aliases_that_lead_nowhere_are_refused_and_leave_all_as_it_was(aliases, text):
    with pytest.raises(InputError, match=text):
        add_aliases(aliases)
    assert canonical("A") == "A"
    assert canonical("FB") == "META"
