from __future__ import annotations

import numpy as np
import pytest

from lab.evaluation.measured_panels import (
    VOLATILITY,
    noisy_panel,
    normal_distribution,
    panel_of,
    sample_reversal,
)
from tickgraph.lab.compared import Compared
from tickgraph.lab.evaluation.evaluation_result import ForecasterResult
from tickgraph.lab.evaluation.forecast_panel import STRIKE_DISTANCES
from tickgraph.lab.evaluation.measuring import Measurement
from tickgraph.lab.evaluation.portfolio import Trials
from tickgraph.lab.evaluation.resampling import SessionBootstrap
from tickgraph.lab.evaluation.slices import regimes

PANEL = noisy_panel(sessions=80, symbols=6, missing=0.05)


def _measure(panel=PANEL, distribution=None, seed=0, resamples=100, **options):
    options = {
        "k": 2,
        "cost_basis_points": 5.0,
        "sectors": dict.fromkeys(panel.symbols, "All"),
        "regimes": np.full(len(panel.sessions), "calm"),
        "trailing_volatility": np.full(panel.forecast.shape, VOLATILITY),
        **options,
    }
    measurement = Measurement(
        SessionBootstrap(len(panel.sessions), seed=seed, resamples=resamples), **options
    )
    method = Compared("name", "model", "what it is", {})
    return measurement.measure(method, panel, distribution or normal_distribution(panel), 1.5)


def test_real_prices_give_every_figure(panel):
    reversal = sample_reversal(panel, last=600)
    result = _measure(
        reversal,
        normal_distribution(reversal, mean=0.0),
        sectors=dict.fromkeys(reversal.symbols[:20], "First")
        | dict.fromkeys(reversal.symbols[20:], "Second"),
        regimes=regimes(np.nanmean(reversal.realised, axis=1), past=100),
        k=5,
    )
    assert result.accuracy.k == 5
    assert result.long.sharpe_net.value != result.long_short.sharpe_net.value
    assert result.distribution is not None
    assert [score.distance for score in result.strikes] == list(STRIKE_DISTANCES)
    assert {part.by for part in result.slices} == {"year", "sector", "regime", "symbol"}
    assert len(result.daily.ic) == 600
    assert ForecasterResult.model_validate_json(result.model_dump_json()) == result


def test_the_result_says_whose_it_is():
    result = _measure()
    assert (result.name, result.kind, result.description, result.seconds) == (
        "name",
        "model",
        "what it is",
        1.5,
    )


def test_the_seed_decides():
    assert _measure(seed=1) == _measure(seed=1)
    assert _measure(seed=1).accuracy.ic != _measure(seed=2).accuracy.ic


def test_each_portfolio_is_deflated_by_its_own_trials():
    plain, deflated = _measure(), _measure(trials_long=Trials(50, 0.01))
    assert deflated.long.deflated_sharpe < plain.long.deflated_sharpe
    assert deflated.long_short == plain.long_short
    deflated = _measure(trials_long_short=Trials(50, 0.5))
    assert deflated.long == plain.long
    assert deflated.long_short.deflated_sharpe < plain.long_short.deflated_sharpe


@pytest.mark.parametrize(
    "panel",
    [
        panel_of(np.zeros((0, 3)), np.zeros((0, 3))),
        panel_of(np.zeros((40, 3)), noisy_panel(sessions=40, symbols=3).realised),
        noisy_panel(sessions=40, symbols=1),
        panel_of(np.full((40, 3), np.nan), np.full((40, 3), np.nan)),
        noisy_panel(sessions=1, symbols=2),
    ],
    ids=["empty", "zero", "one symbol", "nothing known", "one session"],
)
def test_a_poor_panel_is_measured_without_a_warning(panel):
    result = _measure(panel)
    assert result.accuracy.icir is None
    assert ForecasterResult.model_validate_json(result.model_dump_json()) == result
