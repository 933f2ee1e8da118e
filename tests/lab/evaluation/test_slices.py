from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from lab.evaluation.measured_panels import noisy_panel, normal_distribution, panel_of
from tickgraph.lab.evaluation.accuracy import measure_accuracy
from tickgraph.lab.evaluation.resampling import SessionBootstrap
from tickgraph.lab.evaluation.slices import measure_slices, regimes

PANEL = noisy_panel(sessions=500, symbols=6, missing=0.05)  # 2020 and a part of 2021
SECTORS = {"S0": "Energy", "S1": "Energy", "S2": "Energy", "S3": "Technology", "S4": "Technology"}
REGIMES = np.array(["", "calm", "stressed", "calm"])[np.arange(500) % 4]


def _slices(panel=PANEL, distribution=None, resamples=200, **options):
    bootstrap = SessionBootstrap(len(panel.sessions), resamples=resamples)
    found = measure_slices(panel, distribution, bootstrap=bootstrap, **options)
    return {(each.by, each.name): each for each in found}


def _part(rows=slice(None), columns=slice(None)):
    return panel_of(PANEL.forecast[rows, columns], PANEL.realised[rows, columns])


def _same(part, panel):
    alone = measure_accuracy(panel, k=1, bootstrap=SessionBootstrap(len(panel.sessions), resamples=20))
    for name in ("ic", "rank_ic", "hit_rate", "r2_vs_zero"):
        assert getattr(part, name).value == pytest.approx(getattr(alone, name).value)
        assert getattr(part, name).low < getattr(part, name).value < getattr(part, name).high


def test_a_part_has_the_figures_that_it_has_alone():
    slices = _slices(sectors=SECTORS, regimes=REGIMES)
    year = PANEL.sessions.astype("datetime64[Y]").astype(str)
    _same(slices["year", "2020"], _part(year == "2020"))
    _same(slices["year", "2021"], _part(year == "2021"))
    _same(slices["regime", "calm"], _part(REGIMES == "calm"))
    _same(slices["regime", "stressed"], _part(REGIMES == "stressed"))
    _same(slices["sector", "Energy"], _part(columns=slice(0, 3)))
    _same(slices["sector", "Technology"], _part(columns=slice(3, 5)))


def test_parts_come_in_order_and_empty_ones_not_at_all():
    assert list(_slices(sectors=SECTORS, regimes=REGIMES)) == [
        ("year", "2020"),
        ("year", "2021"),
        ("regime", "calm"),
        ("regime", "stressed"),
        ("sector", "Energy"),
        ("sector", "Technology"),
        *(("symbol", f"S{i}") for i in range(6)),
    ]


def test_the_ic_of_a_symbol_is_its_correlation_over_time():
    part = _slices()["symbol", "S2"]
    x, y = PANEL.forecast[:, 2], PANEL.realised[:, 2]
    known = np.isfinite(x) & np.isfinite(y)
    assert part.ic.value == pytest.approx(pearsonr(x[known], y[known]).statistic)
    assert part.rank_ic.value == pytest.approx(spearmanr(x[known], y[known]).statistic)
    assert part.ic.low < part.ic.value < part.ic.high
    assert part.ic.high - part.ic.low == pytest.approx(2 * 1.96 / np.sqrt(known.sum()), rel=0.3)
    assert (part.sessions, part.symbols) == (known.sum(), 1)


def test_the_level_of_a_symbols_forecasts_does_not_matter():
    moved = _slices(panel_of(PANEL.forecast + 1e5, PANEL.realised))["symbol", "S2"]
    assert moved.ic.value == pytest.approx(_slices()["symbol", "S2"].ic.value, abs=1e-6)


def test_sessions_and_symbols_are_those_with_forecasts():
    panel = noisy_panel(sessions=500, symbols=6)
    panel.forecast[:, 1], panel.forecast[:100] = np.nan, np.nan
    slices = _slices(panel, sectors=SECTORS)
    assert (slices["sector", "Energy"].sessions, slices["sector", "Energy"].symbols) == (400, 2)
    assert slices["year", "2020"].sessions == 266
    assert ("symbol", "S1") not in slices


def test_coverage_is_that_of_the_part():
    distribution = normal_distribution(PANEL)
    part = _slices(distribution=distribution)["symbol", "S0"]
    low, high = distribution.quantiles[:, 0, 1], distribution.quantiles[:, 0, 5]
    realised = PANEL.realised[:, 0]
    known = np.isfinite(realised) & np.isfinite(low)
    assert part.coverage["0.8"].value == pytest.approx(((low <= realised) & (realised <= high))[known].mean())
    assert set(part.coverage) == {"0.8", "0.95"}
    assert _slices()["symbol", "S0"].coverage == {}


def test_a_constant_forecast_has_no_ic_in_any_part():
    rounded = np.repeat(np.where(np.arange(60) % 2, 0.3, 0.1 + 0.2)[:, None], 3, axis=1)
    constant = panel_of(rounded, noisy_panel(sessions=60, symbols=3).realised)
    for part in _slices(constant, sectors={"S0": "Energy"}).values():
        assert part.ic is None
        assert part.rank_ic is None
        assert part.r2_vs_zero.value < 0


def test_an_empty_panel_has_no_parts():
    nothing = panel_of(np.zeros((0, 2)), np.zeros((0, 2)))
    assert _slices(nothing, sectors=SECTORS, regimes=np.array([], dtype=np.str_)) == {}
    assert _slices(panel_of(np.full((30, 2), np.nan), np.zeros((30, 2))), sectors={}) == {}


def _alternating(*sizes):
    """Market returns of plus and minus each size, 60 sessions each."""
    return np.concatenate([size * np.tile([1.0, -1.0], 30) for size in sizes])


def test_a_session_is_named_by_the_thirds_of_the_past_volatilities():
    named = regimes(_alternating(0.01, 0.02, 0.03, 0.002), window=20, past=30)
    assert set(named[:48]) == {""}  # 20 returns to a volatility, 30 volatilities to a third
    assert named[48] != ""
    assert named[150] == "stressed"  # the highest so far
    assert named[230] == "calm"


def test_volatility_between_the_thirds_is_normal():
    named = regimes(_alternating(0.01, 0.03, 0.02), window=20, past=30)
    assert named[145] == "normal"


def test_the_future_changes_no_regime():
    market = np.random.default_rng(0).normal(0, 0.01, 600)
    corrupted = market.copy()
    corrupted[450:] *= 50
    first, second = regimes(market, past=100), regimes(corrupted, past=100)
    assert first[:450].tolist() == second[:450].tolist()
    assert set(second[470:]) == {"stressed"} != set(first[470:])


def test_the_thirds_are_about_equal_on_a_steady_market():
    named = regimes(np.random.default_rng(1).normal(0, 0.01, 4000))
    shares = [np.mean(named[300:] == name) for name in ("calm", "normal", "stressed")]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)


@pytest.mark.parametrize("market", [np.zeros(0), np.full(5, 0.01), np.full(400, np.nan)])
def test_without_a_past_there_is_no_regime(market):
    assert set(regimes(market)) <= {""}


def test_a_missing_return_leaves_its_window_without_a_regime():
    market = np.random.default_rng(2).normal(0, 0.01, 400)
    market[350] = np.nan
    named = regimes(market, past=100)
    assert set(named[350:370]) == {""}
    assert "" not in set(named[370:])
