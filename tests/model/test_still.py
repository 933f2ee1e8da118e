"""Prices that do not move, at the end or in the part that a model learns from; no model is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickgraph.errors import HistoryTooShortError
from tickgraph.model.fitting import fitting_data
from tickgraph.model.still import UnmovedError
from tickgraph.model.training_config import TrainingConfig
from tickgraph.serving.fallback import momentum_outlook

CONFIG = TrainingConfig(sessions=300, min_sessions=200)


def stuck(panel, first, last):
    """The panel with the price of AAPL as it was, from one row from the end to another."""
    adj_close = panel.adj_close.copy()
    own = adj_close[:, panel.column("AAPL")]
    rows = slice(len(own) - first, len(own) - last)
    own[rows] = own[rows][0]
    return replace(panel, adj_close=adj_close)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (2000, 0, "has not moved in the 360 sessions up to 2022-12-30: there is nothing to forecast"),
        (76, 0, "has not moved in the 75 sessions up to 2022-12-30: there is nothing to forecast"),
        (21, 0, "has not moved in the 20 sessions up to 2022-12-30"),
        (2000, 50, "moved in 0 of the 240 sessions from 2021-10-21 to 2022-10-04 that its model would learn"),
    ],
)
def test_where_there_is_nothing_to_forecast_or_to_learn_the_symbol_is_refused_with_the_figures(
    panel, first, last, said
):
    with pytest.raises(UnmovedError, match="The price of AAPL " + said):
        fitting_data(stuck(panel, first, last), "AAPL", CONFIG)


@pytest.mark.parametrize(("first", "last"), [(20, 0), (200, 100), (2000, 280)])
def test_a_price_that_stood_still_for_a_while_can_be_learned_from(panel, first, last):
    data = fitting_data(stuck(panel, first, last), "AAPL", CONFIG)
    for part in (data.training, data.calibration):
        assert np.isfinite(part.features).all()
        assert np.isfinite(part.targets[:, 0]).all()


def test_momentum_of_a_price_that_never_moved_does_not_ask_for_more_history(panel):
    with pytest.raises(
        UnmovedError, match="has not moved in the 20 sessions up to 2022-12-30: there is nothing"
    ):
        momentum_outlook("AAPL", stuck(panel, 2000, 0), None, CONFIG)
    with pytest.raises(UnmovedError, match=r"moved in 1\d of the 310 sessions .* need 40"):
        momentum_outlook("AAPL", stuck(panel, 2000, 12), None, CONFIG)
    with pytest.raises(HistoryTooShortError, match="Import more of its history"):
        momentum_outlook("AAPL", panel.tail(80), None, CONFIG)
