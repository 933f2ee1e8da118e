from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_prices import walk
from tickgraph.market.quality import check, usable
from tickgraph.market.quality.histories import Histories


@pytest.fixture
def bars(sample):
    return (
        sample.fetch(["AAPL", "MSFT"], None, None).bars.query("date >= '2022-01-01'").reset_index(drop=True)
    )


PRICES = ["open", "high", "low", "close", "adj_close"]
NEAR = {"implausible price", "unconfirmed price", "implausible level", "two scales"}


def without(bars, places):
    return bars.drop(index=places).reset_index(drop=True)


def test_an_unadjusted_split_is_found(bars):
    rows = (bars["symbol"] == "MSFT") & (bars["date"] >= "2022-06-01")
    bars.loc[rows, ["open", "high", "low", "close", "adj_close"]] /= 4
    found = [f for f in check(bars) if f.kind == "split-like jump"]
    assert [(f.symbol, f.session) for f in found] == [("MSFT", "2022-06-01")]
    assert "4:1" in found[0].detail


def test_a_large_move_that_is_no_split_ratio_is_left_alone(bars):
    rows = (bars["symbol"] == "MSFT") & (bars["date"] >= "2022-06-01")
    bars.loc[rows, ["open", "high", "low", "close", "adj_close"]] *= 0.6
    assert not check(bars)


def test_the_next_symbol_is_not_a_move_of_the_one_before(bars):
    prices = ["open", "high", "low", "close", "adj_close"]
    second = bars["symbol"] == "MSFT"
    last, first = bars.loc[~second, "adj_close"].iloc[-1], bars.loc[second, "adj_close"].iloc[0]
    bars.loc[second, prices] *= 2 * last / first
    assert not check(bars)


def test_a_reverse_split_is_named_as_one(bars):
    rows = (bars["symbol"] == "MSFT") & (bars["date"] >= "2022-06-01")
    bars.loc[rows, ["open", "high", "low", "close", "adj_close"]] *= 4
    assert [(f.kind, "1:4" in f.detail) for f in check(bars)] == [("split-like jump", True)]


@settings(deadline=None, max_examples=examples(60))
@given(
    place=st.integers(0, 119),
    factor=st.floats(12, 1e5),
    down=st.booleans(),
    columns=st.sampled_from([PRICES, ["close"], ["adj_close"]]),
    deviation=st.floats(0.002, 0.04),
    seed=st.integers(0, 1000),
)
def test_one_bad_bar_is_left_out_and_nothing_else(place, factor, down, columns, deviation, seed):
    clean = walk(["ALFA", "BRVO"], 120, deviation, seed)
    bad = clean.copy()
    bad.loc[place, columns] *= 1 / factor if down else factor
    kept, findings = usable(bad)
    pd.testing.assert_frame_equal(kept, without(clean, place))
    assert [f.symbol for f in findings if f.left_out] == ["ALFA"]


@settings(deadline=None, max_examples=examples(30))
@given(
    scale=st.floats(1e-4, 1e6), crash=st.floats(-0.6, 0.6), day=st.integers(1, 118), seed=st.integers(0, 1000)
)
def test_neither_another_unit_nor_a_crash_of_the_market_is_a_finding(scale, crash, day, seed):
    bars = walk(list("ABCDEF"), 120, 0.02, seed)
    bars[PRICES] *= scale
    later = bars["date"] >= bars["date"][day]
    bars.loc[later, PRICES] *= np.exp(crash)
    assert check(bars) == []


@pytest.mark.parametrize(
    ("factor", "places"), [(100, 1), (100, 3), (0.01, 10), (5, 2), (1.6, 1), (0.6, 1), (1.4, 1), (0.75, 1)]
)
def test_a_price_that_comes_back_was_a_slip(factor, places):
    clean = walk(["ALFA"], 120)
    bad, slip = clean.copy(), range(60, 60 + places)
    bad.loc[slip, PRICES] *= factor
    kept, (found,) = usable(bad)
    pd.testing.assert_frame_equal(kept, without(clean, slip))
    assert (found.kind, found.session, found.count) == (
        "implausible price",
        f"{clean['date'][60]:%Y-%m-%d}",
        places,
    )
    assert f"of {clean['date'][60]:%Y-%m-%d}" in found.detail or places > 1
    assert found.severity == "warning"


def test_a_symbol_that_is_refused_before_it_moves_no_others_rows():
    clean = walk(["ALFA", "BRVO", "CHRL"], 120)
    bad = clean.copy()
    bad.loc[bad["symbol"] == "ALFA", "adj_close"] = 0.0
    bad.loc[[180, 300], PRICES] *= 100
    kept, _ = usable(bad)
    pd.testing.assert_frame_equal(kept, without(clean, [*range(120), 180, 300]))


def test_bad_bars_of_different_sizes_in_a_row_are_left_out_together():
    clean = walk(["ALFA"], 120)
    bad = clean.copy()
    bad.loc[60:62, PRICES] = [[3000.0] * 5, [0.02] * 5, [700.0] * 5]
    pd.testing.assert_frame_equal(usable(bad)[0], without(clean, range(60, 63)))


def test_every_fifth_bar_bad_is_too_much():
    bad = walk(["ALFA"], 300)
    bad.loc[range(2, 300, 5), PRICES] *= 100
    kept, findings = usable(bad)
    assert kept.empty
    assert "error" in {f.severity for f in findings}


@pytest.mark.parametrize("factor", [100, 0.01, 12, 131, 200, 1_000, 115_000, 1 / 190])
def test_a_level_that_cannot_be_refuses_the_symbol(factor):
    bars = walk(["ALFA", "BRVO"], 120)
    bars.loc[60:119, PRICES] *= factor
    kept, (found,) = usable(bars)
    assert (found.symbol, found.kind, found.severity) == ("ALFA", "implausible level", "error")
    assert f"to {bars['adj_close'][60]:.10g} on" in found.detail
    assert f"{bars['date'][60]:%Y-%m-%d}" in found.detail
    assert set(kept["symbol"]) == {"BRVO"}


def test_the_first_bars_on_another_scale_are_left_out():
    clean = walk(["ALFA"], 120)
    bad = clean.copy()
    bad.loc[0:4, PRICES] *= 100
    pd.testing.assert_frame_equal(usable(bad)[0], without(clean, range(5)))


def test_a_suspended_symbol_may_come_back_at_any_price():
    bars = without(walk(["ALFA"], 120), range(50, 60))
    bars.loc[50:, PRICES] *= 0.005
    kept, findings = usable(bars)
    assert len(kept) == 110
    assert [(f.kind, f.severity) for f in findings] == [("gap", "warning"), ("large move", "warning")]


@pytest.mark.parametrize(
    ("factor", "name"), [(2 / 3, "3:2"), (0.8, "5:4"), (0.75, "4:3"), (1 / 3, "3:1"), (8, "1:8")]
)
def test_a_split_that_was_not_applied_is_a_warning(factor, name):
    bars = walk(["ALFA"], 120, 0.01)
    bars.loc[60:119, PRICES] *= factor
    kept, (found,) = usable(bars)
    assert (found.kind, found.severity, len(kept)) == ("split-like jump", "warning", 120)
    assert name in found.detail


def test_news_that_moves_as_much_as_a_split_trades_more_shares():
    bars = walk(["ALFA"], 120, 0.01)
    bars.loc[60:119, PRICES] *= 0.75
    bars.loc[60, "volume"] *= 8
    assert check(bars) == []


GAMESTOP = [17.25, 17.37, 18.36, 18.08, 17.69, 19.94, 19.95, 31.4, 39.91, 35.5, 39.36, 39.12, 43.03, 65.01, 76.79,
            147.98, 347.51, 193.6, 325.0, 225.0, 90.0, 92.41, 53.5, 63.77, 60.0, 50.31, 51.2, 51.1, 52.4]  # fmt: skip


@pytest.mark.parametrize(
    "closes",
    [
        GAMESTOP,
        [*np.linspace(10, 11, 40), 43.0, 41.0, 38.0, 40.0],
        [*np.linspace(180, 175, 40), 129.8, 131.0, 128.0],
    ],
    ids=["GameStop in 2021", "a drug that works", "a bad quarter"],
)
def test_what_really_happened_is_kept(closes):
    bars = walk(["ALFA"], len(closes))
    bars["close"] = bars["adj_close"] = closes
    kept, findings = usable(bars)
    assert len(kept) == len(closes)
    assert {f.severity for f in findings} <= {"warning"}


def test_dividends_and_applied_splits_are_no_second_scale():
    bars = walk(["ALFA"], 120)
    bars.loc[0:59, "adj_close"] *= 0.97  # before a dividend of 3 %
    assert check(bars) == []


def test_a_close_in_another_unit_than_the_adjusted_close_is_an_error():
    bars = walk(["ALFA"], 120)
    bars.loc[115:119, "close"] *= 100
    kept, (found,) = usable(bars)
    assert (found.kind, found.severity, kept.empty) == ("two scales", "error", True)
    assert "pence" in found.detail
    bars.loc[115:119, "close"] *= 0.04
    assert [(f.kind, f.severity) for f in check(bars) if f.kind != "no range"] == [("two scales", "warning")]


def test_the_newest_bar_waits_until_the_next_session_confirms_it():
    clean = walk(["ALFA"], 121)
    bars = clean.head(120).copy()
    bars.loc[119, PRICES] *= 4
    kept, (found,) = usable(bars)
    assert (found.kind, found.left_out) == ("unconfirmed price", True)
    pd.testing.assert_frame_equal(kept, clean.head(119))
    stays = clean.copy()
    stays.loc[119:120, PRICES] *= 4
    kept, (found,) = usable(stays)
    assert (found.kind, len(kept)) == ("split-like jump", 121)


@pytest.mark.parametrize(
    ("treatment", "severity", "left"), [("refuse", "error", 0), ("keep", "warning", 120)]
)
def test_a_setting_says_what_becomes_of_what_cannot_be(treatment, severity, left):
    slip, level = walk(["ALFA"], 120), walk(["ALFA"], 120)
    slip.loc[60, PRICES] *= 100
    level.loc[60:119, PRICES] *= 100
    for bars in (slip, level):
        kept, (found,) = usable(bars, implausible=treatment)
        assert (found.severity, len(kept)) == (severity, left)


def test_one_bad_bar_40_sessions_back_makes_no_interval_wider():
    """Bars that training would get: their largest move is a usual one."""
    bars = walk(["ALFA"], 300, 0.01)
    bars.loc[259, PRICES] *= 100
    moves = np.abs(np.diff(np.log(usable(bars)[0]["adj_close"])))
    assert moves.max() < 0.06


def test_what_is_stored_already_is_context_and_not_told_again():
    bars = walk(["ALFA"], 120)
    bars.loc[60:119, PRICES] *= 0.25
    assert check(bars, after={"ALFA": bars["date"][60].date()}) == []
    assert len(check(bars, after={"ALFA": bars["date"][59].date()})) == 1


def test_real_large_stocks_have_nothing_that_cannot_be(sample):
    assert not NEAR & {f.kind for f in check(sample.fetch(sample.symbols()).bars)}


def test_the_cost_of_findings_is_of_symbols_and_not_of_bars(monkeypatch):
    """Over 200,000 bad bars of ten symbols are a few findings each, and as many calls."""
    made = []
    real = Histories.finding
    monkeypatch.setattr(Histories, "finding", lambda *args, **named: made.append(1) or real(*args, **named))
    days = pd.date_range("1990-01-01", periods=13_000).as_unit("us")
    bars = pd.concat(
        pd.DataFrame({"symbol": name, "date": days, "open": 0.0, "high": 1.0, "low": -1.0, "close": 50.0,
                      "adj_close": np.where(np.arange(13_000) % 2, 50.0, 5000.0), "volume": 0.0})
        for name in "ABCDEFGHIJ"
    )  # fmt: skip
    findings = check(bars)
    assert sum(f.count for f in findings) > 200_000
    assert len(findings) <= len(made) < 100


def test_a_move_of_all_symbols_to_another_unit_is_told_by_its_own_size():
    bars = walk(list("ABCDEF"), 120)
    bars.loc[bars["date"] >= bars["date"][60], PRICES] *= 100
    kept, findings = usable(bars)
    assert kept.empty
    assert all("like pence and pounds" in found.detail for found in findings)


def test_a_move_is_told_as_one_computes_it_from_the_two_closes():
    bars = walk(list("ABCDEF"), 120, 0.01)
    later = bars["date"] >= bars["date"][60]
    bars.loc[later, PRICES] *= 0.8  # the market
    bars.loc[later & (bars["symbol"] == "A"), PRICES] *= 2.7
    (found,) = check(bars)
    before, after = bars["adj_close"][59], bars["adj_close"][60]
    assert f"moved by {after / before - 1:+.0%}" in found.detail
