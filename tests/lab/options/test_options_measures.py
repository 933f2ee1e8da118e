from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.options.options_measures import StrategyMeasures, touch_horizon
from tickgraph.lab.options.strategy_walk import EnteredStrategies

RNG = np.random.default_rng(0)
CHANCE = RNG.uniform(0.01, 0.99, (400, 3, 4))
TOUCHED = (RNG.random(CHANCE.shape) < CHANCE).astype(float)
ORIGINS, SYMBOLS = 400, 8
ONE = slice(0, 1)


def figures(said, touched=TOUCHED, product=None):
    return touch_horizon(said, touched, product, 5, 1, 0, 200)


def test_a_true_probability_is_reliable_in_every_tenth_and_a_wrong_one_is_not():
    right, wrong = figures(CHANCE), figures(np.minimum(CHANCE + 0.1, 1.0))
    assert len(right.deciles) == 10
    assert sum(each.levels for each in right.deciles) == right.levels == CHANCE.size
    for each in right.deciles:
        assert each.error.low < 0 < each.error.high or abs(each.error.value) < 0.05
        assert each.error.value == pytest.approx(each.came - each.said)
    middle = wrong.deciles[5].error
    assert middle.value == pytest.approx(-0.1, abs=0.05)
    assert middle.high < 0


def test_the_brier_score_of_the_product_is_set_over_the_others_on_the_same_levels():
    blunt = figures(np.full(CHANCE.shape, 0.5), product=CHANCE)
    assert blunt.brier.value == pytest.approx(0.25)
    assert blunt.brier_ratio.value == pytest.approx(figures(CHANCE).brier.value / 0.25)
    assert blunt.brier_ratio.high < 1
    assert blunt.p_value < 0.001
    assert figures(CHANCE).brier_ratio is None


def test_what_is_not_known_of_both_counts_for_neither():
    half = CHANCE.copy()
    half[::2] = np.nan
    own = figures(half, product=CHANCE)
    assert own.levels == CHANCE.size // 2
    assert own.brier_ratio.value == pytest.approx(1)
    assert figures(CHANCE * np.nan) is None


def measured(*, off=0.0, missing=None):
    """Strategies that come true with their stated probability and ``off`` more, those of a session together."""
    generator = np.random.default_rng(7)
    stated = generator.uniform(0.5, 0.9, (ORIGINS, SYMBOLS, 1, 1))
    came = (generator.uniform(size=stated.shape) < stated + off).astype(np.float64)
    parts = {
        "stated": stated,
        "lognormal": np.full_like(stated, 0.5),
        "expected": np.zeros_like(stated),
        "earned": came - 0.5,
        "profitable": came,
    }
    if missing is not None:
        for part in parts.values():
            part[missing] = np.nan
    years = np.repeat(["2018", "2019"], ORIGINS // 2)
    return StrategyMeasures(EnteredStrategies(**parts), years, step=1, seed=0, resamples=200), parts


def test_means_and_shares_are_those_of_the_strategies():
    measures, parts = measured()
    figures = measures.figures(0, 5, ONE)
    assert (figures.sessions, figures.strategies) == (ORIGINS, ORIGINS * SYMBOLS)
    np.testing.assert_allclose(figures.stated, parts["stated"].mean())
    np.testing.assert_allclose(figures.came.value, parts["profitable"].mean())
    np.testing.assert_allclose(figures.difference.value, figures.came.value - figures.stated)
    np.testing.assert_allclose(figures.brier.value, ((parts["stated"] - parts["profitable"]) ** 2).mean())
    np.testing.assert_allclose(figures.brier_ratio.value, figures.brier.value / 0.25)
    np.testing.assert_allclose(figures.mean_profit.value, parts["earned"].mean())
    assert figures.difference.low < 0 < figures.difference.high


def test_deciles_hold_as_many_strategies_each_and_follow_the_stated_probability():
    figures = measured()[0].figures(0, 5, ONE)
    assert [each.strategies for each in figures.deciles] == [ORIGINS * SYMBOLS // 10] * 10
    stated = [each.stated for each in figures.deciles]
    assert stated == sorted(stated)
    for each in figures.deciles:
        assert abs(each.came.value - each.stated) < 0.08
        assert each.came.low < each.came.value < each.came.high


def test_probabilities_that_do_not_come_true_are_found_out():
    figures = measured(off=-0.2)[0].figures(0, 5, ONE)
    assert figures.difference.high < -0.1


def test_years_are_those_of_entry():
    measures, parts = measured()
    by_year = measures.figures(0, 5, ONE).by_year
    assert list(by_year) == ["2018", "2019"]
    np.testing.assert_allclose(by_year["2019"].came.value, parts["profitable"][ORIGINS // 2 :].mean())


@pytest.mark.parametrize("missing", [(slice(None), 0), slice(0, 100)])
def test_what_is_not_known_does_not_count(missing):
    measures, parts = measured(missing=missing)
    figures = measures.figures(0, 5, ONE)
    assert figures.strategies == np.isfinite(parts["stated"]).sum()
    np.testing.assert_allclose(figures.came.value, np.nanmean(parts["profitable"]))
    assert sum(each.strategies for each in figures.deciles) == figures.strategies


def test_where_nothing_was_entered_there_are_no_figures():
    assert measured(missing=slice(None))[0].figures(0, 5, ONE) is None


def test_one_probability_for_all_is_one_bin():
    measures, parts = measured()
    parts["stated"][:] = 0.7
    (only,) = measures.figures(0, 5, ONE).deciles
    assert (only.stated, only.strategies) == (pytest.approx(0.7), ORIGINS * SYMBOLS)
