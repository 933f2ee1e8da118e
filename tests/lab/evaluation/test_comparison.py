from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lab.evaluation.measured_panels import VOLATILITY, noisy_panel, panel_of
from tickgraph.lab.evaluation.comparison import compare, conclusion, reality_check
from tickgraph.lab.evaluation.evaluation_result import Estimate
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.resampling import SessionBootstrap

SKILLED = noisy_panel(sessions=400, symbols=10, skill=0.4)


def _guess(seed=5, size=0.2):
    """Forecasts that know nothing, of the same returns."""
    rng = np.random.default_rng(100 + seed)  # not the seed of the panel itself
    return replace(SKILLED, forecast=size * VOLATILITY * rng.normal(size=SKILLED.forecast.shape))


def _zero():
    return replace(SKILLED, forecast=np.zeros_like(SKILLED.forecast))


def _compare(first, second):
    bootstrap = SessionBootstrap(len(first.sessions), resamples=300)
    return {each.metric: each for each in compare("ours", first, "theirs", second, bootstrap)}


def test_skill_is_told_from_a_guess():
    found = _compare(SKILLED, _guess())
    assert found["ic"].difference.low > 0.2
    assert found["rank_ic"].difference.low > 0.2
    assert found["squared_error"].difference.high < -0.1
    for comparison in found.values():
        assert comparison.conclusion.startswith("ours is better than theirs by ")


def test_the_other_way_round_it_is_worse_by_as_much():
    there, back = _compare(SKILLED, _guess()), _compare(_guess(), SKILLED)
    for metric, comparison in back.items():
        assert comparison.difference.value == pytest.approx(-there[metric].difference.value)
        assert comparison.conclusion.startswith("ours is worse than theirs by ")


def test_the_differences_of_two_sessions_by_hand():
    realised = [[0.01, 0.02], [0.01, 0.03]]
    found = _compare(panel_of(realised, realised), panel_of([[0.02, 0.01], [0.0, 0.01]], realised))
    assert found["ic"].difference.value == pytest.approx(((1 - -1) + (1 - 1)) / 2)
    theirs, zero = (1 + 1 + 1 + 4) * 1e-4, (1 + 4 + 1 + 9) * 1e-4
    assert found["squared_error"].difference.value == pytest.approx(-theirs / zero)
    assert (
        found["ic"].conclusion
        == "ours and theirs are not told apart by IC: too few sessions for an interval."
    )


def test_two_guesses_are_not_told_apart():
    found = _compare(_guess(1), _guess(2))
    for comparison in found.values():
        assert comparison.difference.low < 0 < comparison.difference.high
        assert "not told apart" in comparison.conclusion


def test_only_what_both_forecast_counts():
    late = SKILLED.forecast.copy()
    late[:150] = np.nan
    ours, theirs = replace(SKILLED, forecast=late), _guess()
    cut = [panel_of(own.forecast[150:], own.realised[150:]) for own in (SKILLED, theirs)]
    for metric, comparison in _compare(ours, theirs).items():
        assert comparison.difference.value == pytest.approx(_compare(*cut)[metric].difference.value)
    assert _compare(SKILLED, ours)["ic"].difference == Estimate(value=0.0, low=0.0, high=0.0)


def test_a_forecaster_of_zero_has_no_ic_to_compare():
    assert set(_compare(SKILLED, _zero())) == {"squared_error"}
    assert _compare(SKILLED, _zero())["squared_error"].difference.value == pytest.approx(-(0.4**2), abs=0.03)


def test_panels_without_anything_in_common_are_not_compared():
    early, late = SKILLED.forecast.copy(), SKILLED.forecast.copy()
    early[200:], late[:200] = np.nan, np.nan
    first, second = replace(SKILLED, forecast=early), replace(SKILLED, forecast=late)
    assert _compare(first, second) == {}
    assert reality_check({"a": first, "b": second}) is None


@pytest.mark.parametrize(
    ("metric", "estimate", "sentence"),
    [
        (
            "ic",
            Estimate(value=0.0123, low=0.001, high=0.02),
            "a is better than b by IC: difference +0.0123 (95 % interval +0.0010 to +0.0200).",
        ),
        (
            "squared_error",
            Estimate(value=0.0123, low=0.001, high=0.02),
            "a is worse than b by squared error: difference +1.23% (95 % interval +0.10% to +2.00%).",
        ),
        (
            "rank_ic",
            Estimate(value=-0.01, low=-0.02, high=0.0),
            "a and b are not told apart by rank IC: difference -0.0100 (95 % interval -0.0200 to +0.0000).",
        ),
    ],
)
def test_the_sentence_says_which_is_better(metric, estimate, sentence):
    assert conclusion("a", "b", metric, estimate) == sentence


def test_skill_among_many_guesses_passes_the_reality_check():
    guesses = {f"guess {i}": _guess(i) for i in range(8)}
    check = reality_check({**guesses, "skilled": SKILLED}, resamples=500)
    assert (check.benchmark, check.best, check.variants) == ("zero", "skilled", 9)
    assert check.p_value <= check.p_value_white < 0.01


def test_the_best_of_many_guesses_does_not():
    # Each has an expected error a little above zero's; one of twelve may be below it by luck.
    check = reality_check({f"guess {i}": _guess(i, size=0.01) for i in range(12)}, resamples=500)
    assert check.p_value > 0.1


def test_a_wild_variant_does_not_hide_a_steady_one():
    generator = np.random.default_rng(1)
    realised = generator.normal(0, 0.01, (500, 5))
    sign = np.where(generator.random((500, 1)) < 0.67, 0.7, -0.7)

    def panel(forecast):
        return ForecastPanel(np.arange(500).astype("datetime64[D]"), tuple("ABCDE"), forecast, realised)

    # The steady one is ahead of zero on every single session, the wild one behind on average.
    check = reality_check({"wild": panel(sign * realised), "steady": panel(0.002 * realised)})
    assert check.best == "steady"
    assert check.p_value < 0.01 < check.p_value_white


def test_zero_itself_is_no_variant():
    assert reality_check({"zero": _zero()}) is None
    assert reality_check({"zero": _zero(), "skilled": SKILLED}).variants == 1
    assert reality_check({}) is None


def test_too_few_sessions_are_not_checked():
    assert reality_check({"few": noisy_panel(sessions=19)}) is None


def test_the_seed_decides():
    variants = {f"guess {i}": _guess(i, size=0.01) for i in range(3)}
    assert reality_check(variants, seed=1) == reality_check(variants, seed=1)
