from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr

from lab.evaluation.measured_panels import noisy_panel, panel_of, sample_reversal
from tickgraph.lab.evaluation.accuracy import daily_ic, measure_accuracy
from tickgraph.lab.evaluation.resampling import SessionBootstrap

NAN = np.nan

PANEL = panel_of(
    forecast=[[0.01, 0.02, 0.03], [0.03, 0.02, 0.01], [0.0, 0.02, NAN]],
    realised=[[0.01, 0.02, 0.04], [0.01, 0.02, -0.03], [0.01, -0.02, 0.05]],
)
"""Cross-sections by hand: Pearson 3 / sqrt(2 * 42 / 9), 4 / sqrt(2 * 14), -1."""

DAILY = [3 / np.sqrt(2 * 42 / 9), 4 / np.sqrt(2 * 14), -1.0]


def _measure(panel, k=1, resamples=200):
    return measure_accuracy(panel, k=k, bootstrap=SessionBootstrap(len(panel.sessions), resamples=resamples))


def _values(accuracy):
    figures = accuracy.model_dump(include={"ic", "rank_ic", "icir", "hit_rate", "mse", "r2_vs_zero"})
    return {name: figure and figure["value"] for name, figure in figures.items()}


def test_the_figures_of_three_sessions_by_hand():
    accuracy = _measure(PANEL)
    assert (accuracy.sessions, accuracy.forecasts, accuracy.k) == (3, 8, 1)
    assert accuracy.ic.value == pytest.approx(np.mean(DAILY))
    assert accuracy.rank_ic.value == pytest.approx((1 + 0.5 - 1) / 3)
    assert accuracy.icir.value == pytest.approx(np.mean(DAILY) / np.std(DAILY))
    assert accuracy.hit_rate.value == pytest.approx(5 / 7)  # the forecast of 0 does not count
    squares = (0 + 0 + 1 + 4 + 0 + 16 + 1 + 16) * 1e-4
    assert accuracy.mse.value == pytest.approx(squares / 8)
    assert accuracy.r2_vs_zero.value == pytest.approx(1 - squares / ((1 + 4 + 16 + 1 + 4 + 9 + 1 + 4) * 1e-4))
    assert accuracy.precision_at_k.value == pytest.approx(2 / 3)


def test_the_daily_ic_has_none_where_there_is_no_spread():
    panel = panel_of([[1.0, 1.0], [1.0, 2.0]], [[0.1, 0.2], [0.2, 0.1]], first="2022-12-29")
    daily = daily_ic(panel)
    assert daily.sessions == [date(2022, 12, 29), date(2022, 12, 30)]
    assert daily.ic == [None, pytest.approx(-1.0)]


def test_real_prices_give_scipys_correlations(panel):
    reversal = sample_reversal(panel)
    daily = [
        pearsonr(f[known], r[known]).statistic
        for f, r in zip(reversal.forecast, reversal.realised, strict=True)
        for known in [np.isfinite(f) & np.isfinite(r)]
    ]
    accuracy = _measure(reversal, k=5, resamples=1000)
    assert accuracy.ic.value == pytest.approx(np.mean(daily))
    assert accuracy.ic.low < accuracy.ic.value < accuracy.ic.high
    assert accuracy.ic.high - accuracy.ic.low == pytest.approx(2 * 1.96 * np.std(daily) / 20, rel=0.35)


def test_a_perfect_forecast_scores_one():
    realised = noisy_panel(sessions=30, missing=0.1).realised
    accuracy = _measure(panel_of(realised, realised))
    figures = (accuracy.ic, accuracy.rank_ic, accuracy.hit_rate, accuracy.r2_vs_zero, accuracy.precision_at_k)
    assert [figure.value for figure in figures] == pytest.approx([1.0] * 5)
    assert accuracy.mse.value == 0.0


def test_forecasting_zero_has_errors_and_nothing_else():
    realised = noisy_panel(sessions=40).realised
    accuracy = _measure(panel_of(np.zeros_like(realised), realised))
    assert accuracy.r2_vs_zero.value == accuracy.r2_vs_zero.low == accuracy.r2_vs_zero.high == 0.0
    assert accuracy.mse.value == pytest.approx((realised**2).mean())
    assert [accuracy.ic, accuracy.rank_ic, accuracy.icir, accuracy.hit_rate, accuracy.precision_at_k] == [
        None
    ] * 5


def test_one_symbol_has_no_cross_section():
    accuracy = _measure(noisy_panel(sessions=40, symbols=1))
    assert (accuracy.sessions, accuracy.forecasts) == (0, 40)
    assert [accuracy.ic, accuracy.rank_ic, accuracy.icir, accuracy.precision_at_k] == [None] * 4
    assert 0 < accuracy.hit_rate.value < 1


@pytest.mark.parametrize("panel", [panel_of(np.zeros((0, 3)), np.zeros((0, 3))), panel_of([[NAN]], [[0.1]])])
def test_nothing_measured_is_none(panel):
    accuracy = _measure(panel)
    assert (accuracy.sessions, accuracy.forecasts) == (0, 0)
    assert set(_values(accuracy).values()) == {None}
    assert daily_ic(panel).ic == [None] * len(panel.sessions)


def test_a_missing_symbol_is_as_if_it_were_not_in_that_session():
    panel = noisy_panel(sessions=30, symbols=6)
    forecast, realised = panel.forecast.copy(), panel.realised.copy()
    forecast[::2, 5], realised[1::2, 5] = NAN, NAN
    without = panel_of(panel.forecast[:, :5], panel.realised[:, :5])
    assert _measure(panel_of(forecast, realised)) == _measure(without)


def test_a_return_of_zero_counts_for_the_precision_and_not_for_the_sign():
    accuracy = _measure(panel_of([[0.02, 0.01]], [[0.0, -0.01]]))
    assert accuracy.precision_at_k.value == 1.0
    assert accuracy.hit_rate.value == 0.0


def test_precision_needs_k_symbols():
    assert _measure(PANEL, k=3).precision_at_k.value == pytest.approx((3 + 2) / 6)
    assert _measure(PANEL, k=4).precision_at_k is None


returns = arrays(
    np.float64, (12, 5), elements=st.integers(-30, 30).map(lambda x: x / 1000) | st.just(float("nan"))
)


@settings(deadline=None)
@given(returns, returns, st.integers(0, 2**32 - 1))
def test_ic_does_not_depend_on_scale_and_level_of_a_sessions_forecasts(forecast, realised, seed):
    rng = np.random.default_rng(seed)
    moved = rng.uniform(0.1, 10, (12, 1)) * forecast + rng.uniform(-1, 1, (12, 1))
    before, after = (_measure(panel_of(f, realised), resamples=20) for f in (forecast, moved))
    for name in ("ic", "rank_ic", "precision_at_k"):
        first, second = getattr(before, name), getattr(after, name)
        assert (first is None) == (second is None)
        if first is not None and name == "ic":
            assert second.value == pytest.approx(first.value, abs=1e-9)


@settings(deadline=None)
@given(returns, returns, st.permutations(range(5)))
def test_the_order_of_the_symbols_changes_nothing(forecast, realised, order):
    panel = panel_of(forecast, realised)
    shuffled = replace(panel, forecast=forecast[:, order], realised=realised[:, order])
    first, second = (_measure(p, k=2, resamples=20) for p in (panel, shuffled))
    for name, value in _values(first).items():
        assert _values(second)[name] == (value and pytest.approx(value, rel=1e-6, abs=1e-9))
    precision = first.precision_at_k and pytest.approx(first.precision_at_k.value)
    assert (second.precision_at_k and second.precision_at_k.value) == precision


def test_intervals_hold_the_figure_and_tell_skill_from_luck():
    panel = noisy_panel(sessions=500, symbols=20, skill=0.2, seed=2)
    accuracy = _measure(panel)
    for name in ("ic", "rank_ic", "icir", "hit_rate", "mse", "precision_at_k"):
        figure = getattr(accuracy, name)
        assert figure.low < figure.value < figure.high
    assert accuracy.ic.low > 0.15
    assert accuracy.hit_rate.low > 0.5
    lucky = _measure(replace(panel, forecast=np.random.default_rng(3).normal(size=(500, 20))))
    assert lucky.ic.low < 0 < lucky.ic.high
    assert lucky.hit_rate.low < 0.5 < lucky.hit_rate.high
