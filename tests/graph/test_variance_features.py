from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_universe import NAMES, PRICES, changed, corrupted_after
from tickgraph.graph import variance_features as module
from tickgraph.graph.variance_features import (
    COMMON,
    HISTORY,
    LEVELS,
    OBSERVED,
    SEASON,
    num_variance_features,
    season_columns,
    variance_features,
)
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel

HORIZONS = (1, 5, 63)  # the quarter before is shorter than the longest
HEARD = slice(COMMON.index("heard, 1 sessions"), COMMON.index("downside"))
LISTED = "ABNB"


def column(name):
    return COMMON.index(name)


@pytest.fixture(scope="module")
def prices(panel):
    """Six symbols, and one that is listed within these sessions."""
    return panel.select((*NAMES, LISTED)).tail(620)


@pytest.fixture(scope="module")
def features(prices):
    return variance_features(prices, HORIZONS)


def assert_same(one, other, **tolerance):
    np.testing.assert_array_equal(one.known, other.known)
    np.testing.assert_allclose(one.values, other.values, **({"rtol": 1e-5, "atol": 1e-6} | tolerance))


def test_every_feature_has_a_name(features):
    names = [*COMMON, *(f"{horizon}: {name}" for horizon in HORIZONS for name in SEASON)]
    assert features.values.shape == (620, 7, len(names))
    assert num_variance_features(HORIZONS) == len(names)
    for place, horizon in enumerate(HORIZONS):
        assert names[season_columns(place)] == [f"{horizon}: {name}" for name in SEASON]


def test_most_are_known_and_none_that_is_not(features):
    assert np.isfinite(features.values).all()
    assert not features.values[~features.known].any()
    assert features.known[OBSERVED:, : len(NAMES)].all()
    assert not features.known[:OBSERVED].any()


class TestNothingOfTheFuture:
    @given(row=st.integers(OBSERVED, 618), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=examples(12), deadline=None)
    def test_features_of_a_session_ignore_what_came_later(self, prices, features, row, seed):
        """Whatever the prices after it, be they missing."""
        corrupt = corrupted_after(prices, prices.sessions[row], seed)
        gone = np.random.default_rng(seed).uniform(size=prices.close.shape) < 0.1
        gone[: row + 1] = False
        now = variance_features(changed(corrupt, lambda v: np.where(gone, np.nan, v)), HORIZONS)
        np.testing.assert_array_equal(now.known[: row + 1], features.known[: row + 1])
        np.testing.assert_allclose(now.values[: row + 1], features.values[: row + 1], rtol=1e-5, atol=1e-6)
        assert (now.values[row + 1] != features.values[row + 1]).any()

    @given(row=st.integers(OBSERVED, 619))
    @settings(max_examples=examples(6), deadline=None)
    def test_they_are_those_of_the_prices_known_then(self, prices, features, row):
        then = variance_features(prices.through(prices.sessions[row]), HORIZONS, last=1)
        np.testing.assert_array_equal(then.known[0], features.known[row])
        np.testing.assert_allclose(then.values[0], features.values[row], rtol=1e-5, atol=1e-6)


class TestWhose:
    @given(
        symbols=st.lists(st.sampled_from((*NAMES, LISTED)), min_size=1, unique=True), last=st.integers(1, 700)
    )
    @settings(max_examples=examples(8), deadline=None)
    def test_some_symbols_and_sessions_are_part_of_the_whole(self, prices, features, symbols, last):
        some = variance_features(prices, HORIZONS, symbols, last)
        assert some.symbols == tuple(symbols)
        assert [some.columns[symbol] for symbol in symbols] == list(range(len(symbols)))
        np.testing.assert_array_equal(some.sessions, features.sessions[-last:])
        columns = [features.columns[symbol] for symbol in symbols]
        np.testing.assert_array_equal(some.known, features.known[-last:, columns])
        np.testing.assert_allclose(some.values, features.values[-last:, columns], rtol=1e-5, atol=1e-6)

    @given(order=st.permutations(range(7)))
    @settings(max_examples=examples(5), deadline=None)
    def test_the_order_of_the_symbols_changes_nothing(self, prices, features, order):
        names = [prices.symbols[place] for place in order]
        other = variance_features(prices.select(names), HORIZONS, prices.symbols)
        assert_same(other, features)

    def test_a_long_past_hardly_counts(self, panel):
        """The state of a day is computed from so many sessions only."""
        whole = variance_features(panel, HORIZONS, last=1)
        recent = variance_features(panel.tail(HISTORY), HORIZONS, last=1)
        np.testing.assert_array_equal(recent.known, whole.known)
        np.testing.assert_allclose(recent.values, whole.values, atol=0.03)


class TestPrices:
    @given(
        factors=st.lists(st.floats(1e-3, 1e3), min_size=7, max_size=7),
        dividends=st.floats(0.5, 1.0),
    )
    @settings(max_examples=examples(5), deadline=None)
    def test_the_scale_of_prices_changes_nothing(self, prices, features, factors, dividends):
        """A symbol in cents, or whose adjusted close is of another day."""
        scaled = changed(prices, lambda values: values * factors, PRICES)
        scaled = changed(scaled, lambda values: values * dividends, ["adj_close"])
        assert_same(variance_features(scaled, HORIZONS), features, rtol=1e-4, atol=1e-5)

    def test_closes_alone_give_features_of_returns(self, prices, features):
        """Without ranges a session's variance is its squared return, and night and volume are unknown."""
        closes = PricePanel(
            prices.sessions,
            prices.symbols,
            prices.close,
            prices.adj_close,
            np.full_like(prices.close, np.nan),
            "made",
        )
        alone = variance_features(closes, HORIZONS)
        np.testing.assert_array_equal(alone.known, features.known)
        assert np.isfinite(alone.values).all()
        for sessions in (5, 25):
            np.testing.assert_array_equal(
                alone.values[..., LEVELS.index(("range", sessions))],
                alone.values[..., LEVELS.index(("return", sessions))],
            )
        assert not alone.values[..., [column("overnight"), column("volume")]].any()
        for name in ("shock", "market's shock", "return variance, 25 sessions"):
            np.testing.assert_array_equal(alone.values[..., column(name)], features.values[..., column(name)])

    def test_a_missing_session_is_unknown_and_so_is_the_next(self, prices, features):
        """One has no price, the other no price before it; then the averages go on from what they were."""
        gone = np.zeros_like(prices.close, dtype=bool)
        gone[400, 0] = True
        gaps = variance_features(changed(prices, lambda v: np.where(gone, np.nan, v)), HORIZONS)
        differs = features.known & ~gaps.known
        assert np.argwhere(differs).tolist() == [[400, 0], [401, 0]]
        long = LEVELS.index(("range", 125))
        np.testing.assert_allclose(gaps.values[402:, 0, long], features.values[402:, 0, long], atol=0.1)
        np.testing.assert_array_equal(gaps.values[:400], features.values[:400])

    def test_a_constant_price_has_features_of_no_movement(self, prices):
        still = np.zeros(len(prices.symbols), dtype=bool)
        still[2] = True
        flat = variance_features(changed(prices, lambda v: np.where(still, 50.0, v), PRICES), HORIZONS)
        known = flat.known[:, 2]
        assert known[OBSERVED + 1 :].all()
        own = flat.values[known, 2]
        levels = own[:, : len(LEVELS)]
        assert (levels == levels[0, 0]).all()
        assert levels[0, 0] < flat.values[flat.known[:, 0], 0, : len(LEVELS)].min()
        assert not own[:, [column("shock"), column("size of the shock"), column("downside")]].any()

    def test_a_new_listing_is_known_after_so_many_returns(self, prices, features):
        first = int(np.flatnonzero(np.isfinite(prices.adj_close[:, prices.columns[LISTED]]))[0])
        assert 0 < first < len(prices.sessions) - 2 * OBSERVED
        known = features.known[:, features.columns[LISTED]]
        assert int(np.flatnonzero(known)[0]) == first + OBSERVED
        assert known[first + OBSERVED :].all()

    def test_a_symbol_that_falls_differs_from_one_that_rises(self, prices):
        """The same moves upside down: shocks change their sign, and the part of the variance that comes from falls."""
        one = variance_features(changed(prices, lambda v: v, PRICES), HORIZONS, ("AAPL",))
        other = variance_features(
            dataclasses.replace(
                prices, **{name: 1 / getattr(prices, name) for name in ("close", "adj_close")}
            ),
            HORIZONS,
            ("AAPL",),
        )
        there = one.known & other.known
        for name in ("shock", "market's shock"):
            np.testing.assert_allclose(
                other.values[there][:, column(name)],
                -one.values[there][:, column(name)],
                rtol=1e-4,
                atol=1e-5,
            )
        share, opposite = (np.exp(each.values[there][:, column("downside")]) for each in (one, other))
        assert np.corrcoef(share, one.values[there][:, column("shock")])[0, 1] < -0.3  # more after a fall
        clear = (share > 0.1) & (opposite > 0.1)  # beyond, the feature is cut off
        assert clear.sum() > 100
        np.testing.assert_allclose((share + opposite)[clear], 1.0, atol=0.01)


class TestHearing:
    def test_it_is_attention_by_correlation_over_all_others(self, prices, features):
        """One session by hand: correlations are those of the 250 sessions before its calendar month."""
        row = len(prices.sessions) - 1
        month = prices.sessions.astype("datetime64[M]")
        start = int(np.flatnonzero(month == month[row])[0])
        correlation = np.corrcoef(prices.log_returns()[start - 250 : start], rowvar=False)
        levels = features.values[row, :, : len(LEVELS)].astype(np.float64)
        relative = levels[:, 1:4] - levels[:, :1]
        for own in range(len(prices.symbols)):
            others = np.arange(len(prices.symbols)) != own
            weights = np.exp(3 * correlation[own, others])
            expected = weights @ relative[others] / weights.sum()
            np.testing.assert_allclose(features.values[row, own, HEARD], expected, rtol=1e-4, atol=1e-5)

    def test_a_symbol_does_not_hear_itself(self, prices, features):
        """Another range with the same closes changes what others hear of a symbol, and not what it hears."""
        wider = {"high": prices.high.copy(), "low": prices.low.copy()}
        wider["high"][-5:, 0] *= 1.05
        wider["low"][-5:, 0] *= 0.95
        now = variance_features(dataclasses.replace(prices, **wider), HORIZONS)
        np.testing.assert_array_equal(now.values[:, 0, HEARD], features.values[:, 0, HEARD])
        assert (now.values[-1, 1:, HEARD] > features.values[-1, 1:, HEARD]).all()

    def test_who_is_alone_hears_nothing(self, prices):
        alone = variance_features(prices.select(("AAPL",)), HORIZONS)
        assert alone.known[OBSERVED:].all()
        assert not alone.values[..., HEARD].any()

    def test_who_is_unknown_is_not_heard(self, prices, features):
        """A symbol without prices is the same as none."""
        without = variance_features(prices.select(NAMES), HORIZONS)
        none = np.arange(len(prices.symbols)) == prices.columns[LISTED]
        absent = variance_features(changed(prices, lambda v: np.where(none, np.nan, v)), HORIZONS, NAMES)
        assert_same(absent, without)
        assert (features.values[-1, :6, HEARD] != without.values[-1, :, HEARD]).any()


@pytest.fixture(scope="module")
def reports():
    """Three symbols on every weekday; the first moves five times as much on the Wednesday of every 13th week."""
    days = np.arange("2018-01-01", "2021-01-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    generator = np.random.default_rng(0)
    moves = 0.01 * generator.choice([-1.0, 1.0], (len(days), 3))
    report = (days - np.datetime64("2018-01-17")).astype(int) % 91 == 0
    moves[report, 0] *= 5
    close = 100 * np.exp(np.cumsum(moves, axis=0))
    return PricePanel(days, ("A", "B", "C"), close, close, np.ones_like(close), "made"), report


class TestSeason:
    def test_it_looks_up_the_same_weekday_of_the_quarters_before(self, reports):
        panel, report = reports
        features = variance_features(panel, (1, 5))
        eve = np.append(report[1:], [False])  # the session before one with a report
        rows = features.known[:, 0]
        day = features.values[rows, 0, season_columns(0)][:, SEASON.index("the day")]
        assert (day[eve[rows]] > 0.8).all()
        assert (day[~eve[rows]] < 0.1).all()
        ahead = np.zeros_like(eve)  # one of the next five sessions has a report
        for step in range(1, 6):
            ahead[:-step] |= report[step:]
        week = features.values[rows, 0, season_columns(1)][:, SEASON.index("the day")]
        assert week[ahead[rows]].min() > 0 > week[~ahead[rows]].max()
        assert (features.values[rows, 1, season_columns(0)] < 0.3).all()  # another symbol has no such days

    def test_wider_windows_look_at_days_around(self, reports):
        panel, report = reports
        features = variance_features(panel, (1,))
        rows = np.flatnonzero(report[:-10])[-3:]
        for name, width in (("5 days", 2), ("last quarter, 5 days", 2), ("11 days", 5)):
            value = features.values[:, 0, season_columns(0)][:, SEASON.index(name)]
            for row in rows:  # a forecast from the session before it is of the report's session
                inside, outside = value[row - 1 - width : row + width], value[[row - 2 - width, row + width]]
                assert inside.min() > outside.max() + 0.1

    def test_it_is_0_where_no_quarter_lies_before(self, prices, monkeypatch):
        monkeypatch.setattr(module, "OBSERVED", 1)
        features = variance_features(prices, HORIZONS)
        season = features.values[..., len(COMMON) :]
        first = int(np.searchsorted(prices.sessions, prices.sessions[0] + np.timedelta64(91, "D")))
        assert features.known[1:first, : len(NAMES)].all()
        assert not season[:first].any()
        assert season[first + 1, : len(NAMES)].any()


def test_the_inputs_are_left_alone(prices):
    before = {name: getattr(prices, name).copy() for name in PANEL_COLUMNS}
    variance_features(prices, HORIZONS)
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(prices, name), values)


def test_in_blocks_of_symbols_they_are_the_same(prices, features, monkeypatch):
    """Only a block's series are in memory at once, however many symbols there are."""
    sizes, real = [], module._Series.of

    def of(panel):
        sizes.append(len(panel.symbols))
        return real(panel)

    monkeypatch.setattr(module._Series, "of", of)
    monkeypatch.setattr(module, "BLOCK", 3)
    assert_same(variance_features(prices, HORIZONS), features, rtol=1e-6, atol=1e-7)
    assert max(sizes) == 3


def test_only_the_months_of_the_asked_sessions_are_listened_to(prices, monkeypatch):
    """Of N symbols each month costs N^2 correlations."""
    months, real = [], module._correlation
    monkeypatch.setattr(module, "_correlation", lambda *words: months.append(1) or real(*words))
    variance_features(prices, HORIZONS, last=1)
    assert len(months) == 1
