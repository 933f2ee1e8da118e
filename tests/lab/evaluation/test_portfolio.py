from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.evaluation.measured_panels import noisy_panel, panel_of, sample_reversal
from tickgraph.lab.evaluation.portfolio import (
    Portfolio,
    Trials,
    daily_returns,
    deflated_sharpe,
    expected_highest,
    measure_portfolio,
    probability_positive,
    trials_of,
)
from tickgraph.lab.evaluation.resampling import SessionBootstrap

NAN = np.nan


def _panel(forecast, simple):
    return panel_of(forecast, np.log1p(np.array(simple)))


def _measure(panel, k=2, cost=5.0, short=False, trials=None):
    bootstrap = SessionBootstrap(len(panel.sessions), resamples=300)
    return measure_portfolio(
        panel, k=k, cost_basis_points=cost, short=short, bootstrap=bootstrap, trials=trials
    )


def test_a_switch_from_one_symbol_to_another_is_paid_for_twice():
    panel = _panel([[2, 1, 0], [1, 2, 0]], [[0.10, -0.20, 0.0], [-0.30, 0.05, 0.0]])
    daily = daily_returns(panel, k=1, cost_basis_points=100, short=False)
    assert daily.gross.tolist() == pytest.approx([0.10, 0.05])
    assert daily.turnover.tolist() == pytest.approx([1.0, 2.0])
    assert daily.net.tolist() == pytest.approx([0.99 * 1.10 - 1, 0.98 * 1.05 - 1])


def test_only_what_drifted_is_traded_when_the_choice_stays():
    panel = _panel([[2, 1, 0], [2, 1, 0]], [[0.20, 0.0, 0.0], [0.0, 0.0, 0.0]])
    daily = daily_returns(panel, k=2, cost_basis_points=0, short=False)
    assert daily.turnover.tolist() == pytest.approx([1.0, 2 * (0.6 / 1.1 - 0.5)])


def test_long_and_short_legs_stand_on_the_same_capital():
    panel = _panel([[2, 1, 0], [2, 1, 0]], [[0.10, 0.0, -0.10], [0.02, 0.0, 0.01]])
    daily = daily_returns(panel, k=1, cost_basis_points=10, short=True)
    assert daily.gross.tolist() == pytest.approx([0.20, 0.01])
    assert daily.turnover.tolist() == pytest.approx([2.0, (1 - 1.1 / 1.2) + (1 - 0.9 / 1.2)])
    assert daily.net[0] == pytest.approx((1 - 0.001 * 2) * 1.2 - 1)


def test_log_returns_become_simple_ones():
    panel = panel_of([[2.0, 1.0]], [[np.log(1.5), 0.0]])
    assert daily_returns(panel, k=1, cost_basis_points=0, short=False).gross == pytest.approx([0.5])


def test_a_choice_does_not_know_that_its_return_will_be_missing():
    panel = panel_of([[3.0, 2.0, 1.0]], [[NAN, np.log(1.1), 0.0]])
    assert daily_returns(panel, k=1, cost_basis_points=0, short=False).gross == pytest.approx([0.0])


def test_sessions_without_enough_forecasts_are_in_cash_and_the_ends_are_left_out():
    panel = _panel(
        [[NAN, 1, NAN], [2, 1, 0], [NAN, 1, NAN], [2, 1, 0], [2, 1, 0]],
        [[0.1] * 3, [0.1] * 3, [0.1] * 3, [0.1] * 3, [NAN] * 3],
    )
    daily = daily_returns(panel, k=2, cost_basis_points=0, short=False)
    assert daily.gross == pytest.approx([NAN, 0.1, 0.0, 0.1, NAN], nan_ok=True)
    assert daily.turnover == pytest.approx([NAN, 1.0, 1.0, 1.0, NAN], nan_ok=True)


def test_a_symbol_is_not_bought_and_sold_short_at_once():
    panel = _panel([[3, 2, 1], [3, 2, 1]], [[0.1, 0.2, 0.3]] * 2)
    assert np.isnan(daily_returns(panel, k=2, cost_basis_points=0, short=True).gross).all()


def test_sharpe_is_mean_over_deviation_times_the_root_of_252():
    panel = noisy_panel(sessions=300)
    daily = daily_returns(panel, k=2, cost_basis_points=5, short=False)
    portfolio = _measure(panel)
    assert portfolio.sharpe_gross.value == pytest.approx(daily.gross.mean() / daily.gross.std() * 252**0.5)
    assert portfolio.sharpe_net.value == pytest.approx(daily.net.mean() / daily.net.std() * 252**0.5)
    assert portfolio.sharpe_net.low < portfolio.sharpe_net.value < portfolio.sharpe_net.high
    assert portfolio.annual_return_net == pytest.approx(np.prod(1 + daily.net) ** (252 / 300) - 1)
    assert portfolio.turnover == pytest.approx(daily.turnover.mean())


def test_the_interval_of_a_sharpe_ratio_is_about_that_of_lo():
    """Lo 2002: the variance of a daily Sharpe ratio of independent returns is (1 + SR^2 / 2) / T."""
    figure = _measure(noisy_panel(sessions=1500, skill=0.1, seed=4), cost=0).sharpe_gross
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * np.sqrt(252 / 1500), rel=0.25)


@pytest.mark.parametrize("short", [False, True])
def test_costs_lower_what_real_prices_would_have_earned(panel, short):
    reversal = sample_reversal(panel)
    free, dear = (_measure(reversal, k=5, cost=cost, short=short) for cost in (0.0, 10.0))
    assert free.sharpe_net == free.sharpe_gross == dear.sharpe_gross
    assert dear.sharpe_net.value < free.sharpe_net.value
    # Ten basis points of each dollar traded, over a year.
    paid = np.log1p(free.annual_return_net) - np.log1p(dear.annual_return_net)
    assert paid == pytest.approx(252 * 0.001 * free.turnover, rel=0.01)
    assert 1.0 < free.turnover < (4.0 if short else 2.0)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.booleans(), st.floats(0, 50))
def test_costs_never_raise_a_return_and_the_order_of_symbols_changes_nothing(seed, k, short, cost):
    panel = noisy_panel(sessions=30, symbols=7, seed=seed, missing=0.1)
    forecast = np.round(panel.forecast, 2)  # with ties
    daily = daily_returns(panel_of(forecast, panel.realised), k=k, cost_basis_points=cost, short=short)
    assert np.all(daily.net[np.isfinite(daily.net)] <= daily.gross[np.isfinite(daily.net)])
    order = np.random.default_rng(seed).permutation(7)
    moved = panel_of(forecast[:, order], panel.realised[:, order])
    again = daily_returns(moved, k=k, cost_basis_points=cost, short=short)
    assert again.net == pytest.approx(daily.net, nan_ok=True)


def test_a_short_portfolio_does_not_care_about_the_market():
    panel = noisy_panel(sessions=50)
    risen = panel_of(panel.forecast, np.log(np.exp(panel.realised) + 0.05))
    first, second = (daily_returns(p, k=2, cost_basis_points=0, short=True).gross for p in (panel, risen))
    assert second == pytest.approx(first)


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(
    "panel",
    [
        panel_of(np.zeros((30, 4)), noisy_panel(sessions=30, symbols=4).realised),
        noisy_panel(sessions=30, symbols=1),
        panel_of(np.zeros((0, 4)), np.zeros((0, 4))),
        panel_of(noisy_panel(sessions=30).forecast, np.full((30, 8), NAN)),
    ],
    ids=["constant", "one symbol", "empty", "no returns"],
)
def test_without_a_choice_there_is_no_portfolio(panel, short):
    assert _measure(panel, k=1, short=short) == Portfolio()


def test_a_session_of_equal_forecasts_is_the_market_long_and_nothing_short():
    panel = _panel([[2, 1, 0, 0], [1, 1, 1, 1]], [[0.0] * 4, [0.1, 0.2, 0.3, 0.4]])
    long, short = (daily_returns(panel, k=1, cost_basis_points=0, short=s).gross for s in (False, True))
    assert long[1] == pytest.approx(0.25)
    assert short[1] == pytest.approx(0.0)


def test_a_ruin_has_no_annual_return():
    panel = _panel([[2, 1], [2, 1], [2, 1]], [[0.0, 1.5], [0.1, 0.0], [0.0, 0.1]])
    portfolio = _measure(panel, k=1, short=True)
    assert portfolio.annual_return_net is None
    assert portfolio.sharpe_net.value < 0


def test_the_trials_are_the_sharpe_ratios_of_all_variants():
    panels = [noisy_panel(seed=seed) for seed in range(4)]
    constant = panel_of(np.zeros((120, 8)), panels[0].realised)
    sharpes = [_measure(panel).sharpe_net.value / 252**0.5 for panel in panels]
    trials = trials_of([*panels, constant], k=2, cost_basis_points=5.0, short=False)
    assert trials == Trials(count=4, variance=pytest.approx(np.var(sharpes, ddof=1)))
    assert trials_of([constant], k=2, cost_basis_points=5.0, short=False) == Trials(count=1, variance=0.0)


def test_the_search_deflates_the_sharpe_ratio():
    panel = noisy_panel(sessions=200, skill=0.1)
    alone, searched = (_measure(panel, trials=trials).deflated_sharpe for trials in (None, Trials(100, 0.02)))
    assert 0 < searched < alone < 1


def test_negative_costs_are_refused():
    with pytest.raises(ValueError, match="-1"):
        daily_returns(noisy_panel(), k=1, cost_basis_points=-1.0, short=False)


def test_the_papers_own_example():
    """Bailey & López de Prado 2014, "A numerical example": 100 trials, five years of 250 sessions."""
    trials = Trials(count=100, variance=0.5 / 250)
    assert expected_highest(trials) == pytest.approx(0.1132, abs=5e-5)
    probability = probability_positive(2.5 / np.sqrt(250), 1250, skewness=-3, kurtosis=10, trials=trials)
    assert probability == pytest.approx(0.9004, abs=5e-5)


def test_one_trial_is_expected_to_show_nothing():
    assert expected_highest(Trials(count=1, variance=4.0)) == 0.0
    assert expected_highest(Trials(count=10, variance=0.0)) == 0.0


def test_the_formula_agrees_with_the_best_of_simulated_trials():
    best = np.random.default_rng(0).normal(0, 0.05, size=(20_000, 50)).max(axis=1).mean()
    assert expected_highest(Trials(count=50, variance=0.05**2)) == pytest.approx(best, rel=0.02)


def test_more_trials_make_the_same_returns_less_convincing():
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    found = [deflated_sharpe(returns, trials) for trials in (None, Trials(5, 0.001), Trials(50, 0.001))]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[2] + 0.05


def test_symmetric_returns_without_a_mean_are_as_likely_good_as_bad():
    assert deflated_sharpe(np.tile([0.01, -0.01], 50)) == pytest.approx(0.5)


@pytest.mark.parametrize("returns", [np.zeros(0), np.array([0.1, 0.2]), np.full(50, 0.01)])
def test_too_few_or_constant_returns_have_none(returns):
    assert deflated_sharpe(returns) is None
