from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.evaluation.resampling import (
    SHORTEST_BLOCK,
    SessionBootstrap,
    block_length,
    correlation,
    mean_over_deviation,
    ratio,
)


def _means(values):
    """Sums of which ``ratio`` makes the mean of each column."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def _covered(figures, truth):
    return np.mean([figure.low <= truth <= figure.high for figure in figures])


def _autoregressive(sessions, parts, coefficient, rng):
    values = np.zeros((sessions, parts))
    for t in range(1, sessions):
        values[t] = coefficient * values[t - 1] + rng.normal(size=parts)
    return values


def test_the_interval_of_the_mean_covers_about_95_percent_of_the_time():
    values = np.random.default_rng(1).normal(3.0, 1.0, size=(250, 800))
    figures = SessionBootstrap(250, seed=1).estimates(_means(values), ratio)
    assert 0.91 < _covered(figures, 3.0) < 0.98


def test_it_is_as_wide_as_theory_says_on_independent_sessions():
    values = np.random.default_rng(2).normal(size=(1000, 20))
    figures = SessionBootstrap(1000).estimates(_means(values), ratio)
    width = np.mean([figure.high - figure.low for figure in figures])
    assert width == pytest.approx(2 * 1.96 / np.sqrt(1000), rel=0.08)


def test_blocks_keep_the_coverage_where_sessions_depend_on_each_other():
    values = _autoregressive(600, 300, 0.7, np.random.default_rng(3))
    assert _covered(SessionBootstrap(600).estimates(_means(values), ratio), 0.0) > 0.85


def test_blocks_grow_with_dependence_and_stop_at_a_third_of_the_sessions():
    rng = np.random.default_rng(4)
    independent, dependent = rng.normal(size=1000), _autoregressive(1000, 1, 0.9, rng)[:, 0]
    assert block_length(independent) == SHORTEST_BLOCK
    assert block_length(dependent) in (20, 40, 80)
    assert block_length(np.arange(24.0)) == 8


def test_a_constant_or_short_series_has_the_shortest_block():
    assert block_length(np.full(100, 0.3)) == SHORTEST_BLOCK
    assert block_length(np.arange(10.0)) == SHORTEST_BLOCK


def test_the_statistics_are_numpys_own():
    rng = np.random.default_rng(5)
    x, y = rng.normal(2.0, 1.0, 50), rng.normal(size=50)
    ones = np.ones(50)
    assert ratio(np.array([6.0, 4.0])) == 1.5
    moments = np.stack([x, x**2, ones], axis=1).sum(axis=0)
    assert mean_over_deviation(moments) == pytest.approx(x.mean() / x.std())
    products = np.stack([x, y, x * x, y * y, x * y, ones], axis=1).sum(axis=0)
    assert correlation(products) == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_a_part_alone_and_among_others_has_the_same_value():
    values = np.random.default_rng(6).normal(size=(200, 3000))  # more than one matrix product
    together = SessionBootstrap(200).estimates(_means(values), ratio)
    assert [f.value for f in together] == pytest.approx(list(values.mean(axis=0)))
    assert all(f.low < f.value < f.high for f in together)


def test_the_seed_decides_and_what_was_asked_before_does_not():
    rng = np.random.default_rng(7)
    first, second = _means(rng.normal(size=100)), _means(_autoregressive(100, 1, 0.9, rng)[:, 0])
    fresh, used = SessionBootstrap(100, seed=3), SessionBootstrap(100, seed=3)
    used.estimate(second, ratio)
    assert used.estimate(first, ratio) == fresh.estimate(first, ratio)
    assert SessionBootstrap(100, seed=4).estimate(first, ratio) != fresh.estimate(first, ratio)


def test_few_sessions_have_a_value_without_an_interval():
    figure = SessionBootstrap(19).estimate(_means(np.arange(19.0)), ratio)
    assert (figure.value, figure.low, figure.high) == (9.0, None, None)


def test_sessions_that_add_nothing_do_not_count_as_sessions():
    sums = np.zeros((100, 2))
    sums[:19] = 1.0
    assert SessionBootstrap(100).estimate(sums, ratio).low is None
    sums[:25] = 1.0
    assert SessionBootstrap(100).estimate(sums, ratio).low == 1.0


def test_what_does_not_exist_is_none():
    assert SessionBootstrap(50).estimate(np.zeros((50, 2)), ratio) is None
    assert SessionBootstrap(50).estimate(np.tile([0.1, 0.01, 1.0], (50, 1)), mean_over_deviation) is None
    assert SessionBootstrap(0).estimate(np.zeros((0, 2)), ratio) is None
    assert SessionBootstrap(50).estimates(np.zeros((50, 0, 2)), ratio) == []


def test_sums_of_other_sessions_are_refused():
    with pytest.raises(ValueError, match="Sums of 50 sessions, while 60 are resampled"):
        SessionBootstrap(60).estimate(np.ones((50, 2)), ratio)
