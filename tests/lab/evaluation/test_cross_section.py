from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from lab.evaluation.measured_panels import noisy_panel
from tickgraph.lab.evaluation.cross_section import (
    daily_correlation,
    daily_rank_correlation,
    has_spread,
    top_shares,
)

NAN = np.nan


@pytest.mark.parametrize(
    ("ours", "scipys"), [(daily_correlation, pearsonr), (daily_rank_correlation, spearmanr)]
)
def test_each_session_is_scipys_correlation_of_what_is_known(ours, scipys):
    panel = noisy_panel(sessions=40, symbols=12, missing=0.2)
    forecast = np.round(panel.forecast, 3)  # with ties
    for x, y, value in zip(forecast, panel.realised, ours(forecast, panel.realised), strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        assert value == pytest.approx(scipys(x[both], y[both]).statistic)


@pytest.mark.parametrize("correlation", [daily_correlation, daily_rank_correlation])
def test_a_session_without_two_different_values_has_none(correlation):
    forecast = np.array([[1.0, 1.0, 1.0], [NAN, 2.0, NAN], [1.0, 2.0, 3.0], [NAN] * 3])
    realised = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.1 + 0.2, 0.3, 0.3], [1.0, 2.0, 3.0]])
    assert np.isnan(correlation(forecast, realised)).all()


def test_rounding_is_no_spread():
    assert has_spread(np.array([[0.1 + 0.2, 0.3], [0.3, 0.30001], [NAN, NAN], [NAN, 1.0]])).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_very_small_and_very_large_values_correlate_too():
    x = np.array([[1.0, 2.0, 4.0]])
    assert daily_correlation(1e-200 * x, 1e200 * x) == pytest.approx([1.0])


def test_the_highest_share_equally_and_ties_share_the_last_places():
    values = np.array(
        [[3.0, 1.0, 2.0, NAN], [2.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0], [5.0, NAN, NAN, NAN]]
    )
    assert top_shares(values, 2).tolist() == [
        [0.5, 0.0, 0.5, 0.0],
        [0.5, 0.25, 0.25, 0.0],
        [0.25, 0.25, 0.25, 0.25],
        [0.0, 0.0, 0.0, 0.0],
    ]
    assert not top_shares(values, 5).any()


def test_nothing_cannot_be_chosen():
    with pytest.raises(ValueError, match="k=0"):
        top_shares(np.ones((2, 2)), 0)
