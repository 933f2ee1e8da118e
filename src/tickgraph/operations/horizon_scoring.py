"""Figures of forecasts by horizon: coverage of the price and QLIKE of the variance, and which coverage is no chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.model.measures import LEVELS
from tickgraph.operations.horizon_drift import independent_stretches, usual_coverage
from tickgraph.operations.records import HorizonFigures
from tickgraph.wording import counted


def horizon_figures(outcomes: pd.DataFrame) -> dict[str, HorizonFigures]:
    """Figures of all symbols together.

    Parameters
    ----------
    outcomes
        As :func:`tickgraph.operations.horizon_outcomes.horizon_outcomes` gives them.

    Returns
    -------
    dict
        By sessions ahead, ascending.
    """
    ahead = outcomes["ahead"].to_numpy(dtype=np.int64)
    return {str(each): _figures(int(each), outcomes[ahead == each]) for each in np.unique(ahead)}


def _figures(ahead: int, own: pd.DataFrame) -> HorizonFigures:
    realised, days = own["realised"].to_numpy(), own["expiry"]
    sessions = int(days.nunique())
    coverage, usual = {}, {}
    for level in LEVELS:
        inside = (own[f"lower_{level}"].to_numpy() <= realised) & (
            realised <= own[f"upper_{level}"].to_numpy()
        )
        coverage[str(level)] = float(inside.mean())
        if (band := usual_coverage(level, ahead, sessions, len(own))) is not None:
            usual[str(level)] = band
    return HorizonFigures(
        forecasts=len(own),
        first=days.min().date(),
        last=days.max().date(),
        stretches=independent_stretches(sessions, ahead),
        coverage=coverage,
        usual=usual,
        out_of_band={level: not low <= coverage[level] <= high for level, (low, high) in usual.items()},
        qlike=_qlike(own["realised_variance"].to_numpy(), own["variance"].to_numpy()),
    )


def _qlike(came: NDArray[np.float64], forecast: NDArray[np.float64]) -> float | None:
    """Mean of V / F - log(V / F) - 1 where both variances are known and above zero; None where none are.

    Patton 2011, "Volatility Forecast Comparison Using Imperfect Volatility Proxies", J. Econometrics 160(1): the
    ranking of forecasts by it does not suffer from V being measured with noise.
    """
    usable = (came > 0) & (forecast > 0)
    ratio = came[usable] / forecast[usable]
    return float((ratio - np.log(ratio) - 1).mean()) if len(ratio) else None


def in_words(ahead: str, figures: HorizonFigures) -> list[str]:
    """Say which intervals of a horizon hold too much or too little."""
    return [
        f"intervals of {float(level):.0%} over {counted(int(ahead), 'session')} held {figures.coverage[level]:.0%} of "
        f"{figures.forecasts} closes ({low:.0%} to {high:.0%} is usual)"
        for level, (low, high) in figures.usual.items()
        if figures.out_of_band[level]
    ]
