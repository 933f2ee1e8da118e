"""Every spelling of a ticker becomes one, and what is no ticker here is refused with its reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.errors import SymbolError
from tickgraph.market import calendar
from tickgraph.market.spelling import EXCHANGES, MARKS, spelled
from tickgraph.market.universe import TIER_1, canonical, parse_symbols


@pytest.fixture
def at(monkeypatch):
    """Put an exchange in force for the test; its sessions, which take a while to compute, have no part in it."""
    return lambda name: monkeypatch.setattr(calendar, "_exchange", name)


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("BRK-B", ["BRK.B", "BRK/B", "BRK B", "BRK-B", "BRK_B", "brk.b", " brk/b ", "BRK/B US Equity", "NYSE:BRK.B"]),
        ("BAC-PL", ["BAC-PL", "BAC-PRL", "BAC.PRL", "BAC.PR.L", "BAC-PR-L", "BAC^L", "BAC/PRL", "BAC PRL", "BAC_pL"]),
        ("PSA-PR", ["PSA-PR", "PSA.PRR", "PSA^R"]),
        ("MKC-V", ["MKC-V", "MKC/V"]),  # Toronto's letter, after a hyphen
        ("AAPL", ["AAPL.US", "aapl.us", "AAPL_US", "AAPL-US", "AAPL.O", "AAPL.OQ", "NASDAQ:AAPL", "AAPL:US"]),
        ("AAPL", ["AAPL US", "AAPL US Equity", "AAPL UW Equity", "aapl us equity"]),
        ("ALL", ["ALL", "ALL.US"]),
        ("NAN", ["NAN", "nan"]),
        ("TRUE", ["TRUE", "true"]),
        ("INF", ["INF"]),
        ("NULL", ["NULL"]),
        ("NA", ["NA"]),
    ],
)  # fmt: skip
def test_each_ticker_has_one_spelling(name, spellings):
    assert {written: spelled(written) for written in spellings} == dict.fromkeys(spellings, name)


def test_london_fills_its_short_tickers_with_a_point(at):
    at("XLON")
    assert {spelled(written) for written in ["BP.", "BP", "BP.L", "LON:BP."]} == {"BP"}
    with pytest.raises(SymbolError, match="is not a symbol"):
        spelled("BP.", "XNYS")


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("VOD.L", "London (XLON)"),
        ("VOD LN Equity", "London (XLON)"),
        ("LON:VOD", "London (XLON)"),
        ("VOD-GB", "London (XLON)"),
        ("VOD.XLON", "London (XLON)"),
        ("BT-A.L", "London (XLON)"),
        ("RY.TO", "Toronto (XTSE)"),
        ("XYZ.V", "Toronto (XTSE)"),
        ("SAP.DE", "Germany (Xetra) (XETR)"),
        ("SAP_DE", "Germany (Xetra) (XETR)"),
        ("AIR.PA", "Paris (XPAR)"),
        ("7203.T", "Tokyo (XTKS)"),
        ("RELIANCE.NS", "India (Mumbai) (XBOM)"),
        ("SH600000", "Shanghai (XSHG)"),
        ("sh.600000", "Shanghai (XSHG)"),
        ("600000.SS", "Shanghai (XSHG)"),
        ("SZ000001", "Shenzhen (XSHE)"),
        ("BTC-USD.CC", "coins (24/7)"),
    ],
)
def test_a_foreign_listing_is_refused_with_its_exchange(written, place):
    with pytest.raises(
        SymbolError, match=re.escape(f"{written!r} is not a symbol of the United States (XNYS)")
    ) as no:
        canonical(written)
    assert place in str(no.value)
    name = place.rpartition("(")[2].rstrip(")")
    remedy = f'Set exchange = "{name}"' if EXCHANGES[name].has_calendar else "It has no calendar"
    assert remedy in str(no.value)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("^GSPC", "an index"),
        ("^VIX", "an index"),
        (".SPX", "an index"),
        ("$SPX", "an index"),
        ("SPX Index", "an index"),
        ("ES=F", "a futures contract"),
        ("/ES", "a futures contract"),
        ("EURUSD=X", "a currency"),
        ("BTC-USD", "a coin or a currency"),
        ("EUR/USD", "a coin or a currency"),
        ("US0378331005", "an ISIN"),
        ("AAPL230120C00150000", "an option"),
    ],
)
def test_what_is_no_share_is_called_by_its_kind(written, kind):
    with pytest.raises(SymbolError, match=f"it looks like {kind}\\. "):
        canonical(written)


@pytest.mark.parametrize(
    "written", ["7203", "AAPL_D", "prices_1", "symbols_valid_meta", "VOD.L.US", "AAPL-US-US", "C:AAPL"]
)
def test_nothing_is_made_a_ticker_by_force(written):
    with pytest.raises(SymbolError, match="is not a symbol"):
        canonical(written)


@pytest.mark.parametrize(
    ("exchange", "written", "name"),
    [
        ("XLON", "VOD.L", "VOD"),
        ("XLON", "VOD", "VOD"),
        ("XLON", "BT-A.L", "BT-A"),
        ("XTKS", "7203.T", "7203"),
        ("XTKS", "7203", "7203"),
        ("XTKS", "130A", "130A"),
        ("XHKG", "700.HK", "0700"),
        ("XHKG", "00700", "0700"),
        ("XSHG", "SH600000", "600000"),
        ("XKRX", "005930.KS", "005930"),
        ("XBOM", "M&M.NS", "M&M"),
        ("XBOM", "BAJAJ-AUTO.NS", "BAJAJ-AUTO"),
        ("XSTO", "VOLV-B.ST", "VOLV-B"),
        ("XTSE", "RCI.B", "RCI-B"),
        ("XTSE", "REI-UN.TO", "REI-UN"),
        ("24/7", "BTC-USD", "BTC-USD"),
        ("24/7", "btc/usd", "BTC-USD"),
        ("24/7", "BINANCE:BTCUSDT", "BTCUSDT"),
        ("24/7", "1INCH-USD", "1INCH-USD"),
        ("24/5", "EURUSD=X", "EURUSD"),
        ("CMES", "ES=F", "ES"),
        ("XBEL", "NIIS", "NIIS"),  # an exchange without marks of its own
    ],
)
def test_a_store_of_another_exchange_takes_its_symbols(exchange, written, name):
    assert spelled(written, exchange) == spelled(name, exchange) == spelled(name.lower(), exchange) == name


@pytest.mark.parametrize(
    ("exchange", "written"), [("XLON", "AAPL.US"), ("XTKS", "AAPL.O"), ("24/7", "VOD.L")]
)
def test_and_refuses_those_of_others(exchange, written):
    with pytest.raises(SymbolError, match=re.escape(f"({exchange})")):
        spelled(written, exchange)


def test_the_exchange_in_force_is_that_of_the_moment(at):
    with pytest.raises(SymbolError):
        canonical("VOD.L")
    at("XLON")
    assert canonical("VOD.L") == "VOD"
    assert canonical("FB") == "FB"  # American names changed hands in America
    at("XNYS")
    with pytest.raises(SymbolError):
        canonical("VOD.L")
    assert canonical("SQ") == "XYZ"
    assert parse_symbols(["TIER_1"]) == TIER_1


ANYTHING = st.text(alphabet="ABPRLUSTO019.-/_^ :=$&\\\0abé", max_size=12) | st.text(max_size=12)
TICKER = st.from_regex(r"\A[A-Z]{1,5}(-[A-Z]{1,2})?\Z")
EXCHANGE = st.sampled_from(["XNYS", "XLON", "XTKS", "XHKG", "XSHG", "24/7", "24/5", "CMES", "XBEL"])


@given(ANYTHING, EXCHANGE)
def test_a_spelling_is_its_own_and_fits_a_files_name(text, exchange):
    try:
        name = spelled(text, exchange)
    except SymbolError:
        return
    assert spelled(name, exchange) == name
    assert re.fullmatch(r"[A-Z0-9][A-Z0-9&-]{0,21}", name)
    assert Path(f"prices/{name}.parquet").stem == name


@given(TICKER, st.sampled_from(sorted((way, mark) for way, marks in MARKS.items() for mark in marks)))
def test_a_mark_is_never_a_share_class(ticker, marked):
    way, mark = marked
    written = {
        "dot": f"{ticker}.{mark}",
        "space": f"{ticker} {mark} Equity",
        "hyphen": f"{ticker}-{mark}",
        "colon": f"{mark}:{ticker}",
        "glued": f"{mark}600000",
    }[way]
    try:
        plain = spelled(ticker)
    except SymbolError:
        return
    if MARKS[way][mark] == "XNYS":
        assert spelled(written) == plain
    else:
        with pytest.raises(SymbolError):
            spelled(written)


def test_no_mark_stands_for_two_exchanges_and_those_with_a_calendar_have_one():
    import tomllib
    from importlib import resources

    import exchange_calendars

    data = tomllib.loads(
        resources.files("tickgraph.market").joinpath("data/exchanges.toml").read_text("utf-8")
    )
    known = set(exchange_calendars.get_calendar_names(include_aliases=False))
    assert {name for name, one in EXCHANGES.items() if one.has_calendar} == known & set(EXCHANGES)
    for way in MARKS:
        marks = [mark for entry in data.values() for mark in entry.get(way, ())]
        assert len(marks) == len(set(marks)), way
