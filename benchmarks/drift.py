"""Replay sound models over the sample's history, to see how often the rule of drift cries wolf and what it finds.

    python benchmarks/drift.py

A model here is what service has of one: volatility coefficients and conformal scores of a symbol and its ten nearest
peers, as they stood on its training day, then frozen. Its forecast is momentum, which is about as small as the
network's. It is judged on the 60 sessions that follow.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.model.calibration import conformal_scores, score_quantiles
from tickgraph.model.measures import LEVELS
from tickgraph.model.volatility import WINDOW, fit_volatility, forecast_volatility

TRAINING, CALIBRATION, AHEAD, EVERY, PEERS = 800, 200, 60, 21, 10


def replay() -> dict[str, np.ndarray]:
    """``[M, 60]`` residuals in units of volatility, and each model's interval ends and mean score."""
    source = SampleSource()
    returns = PricePanel.from_bars(source.fetch(source.symbols()).bars, "sample").log_returns()[1:]
    momentum = np.full_like(returns, np.nan)
    momentum[19:] = sliding_window_view(returns, 20, axis=0).mean(axis=-1)
    residuals, ends, expected, started = [], [], [], []
    for start in range(WINDOW + TRAINING + CALIBRATION, len(returns) - AHEAD, EVERY):
        past = returns[start - TRAINING - CALIBRATION : start]
        whole = np.flatnonzero(np.isfinite(past).all(axis=0))
        near = np.abs(np.corrcoef(past[:, whole].T))
        for own, symbol in enumerate(whole):
            group = [symbol, *(whole[i] for i in np.argsort(-near[own]) if i != own)][: 1 + PEERS]
            coefficients = fit_volatility(past[:TRAINING, group])
            rows = slice(start - CALIBRATION - WINDOW, start + AHEAD)
            volatility = forecast_volatility(returns[rows][:, group], coefficients)[
                WINDOW - 1 : -1
            ]  # known at t
            forecast, came = (
                momentum[rows][WINDOW - 1 : -1][:, group],
                returns[rows][WINDOW:][:, group],
            )
            held = slice(0, CALIBRATION)
            scores = conformal_scores(forecast[held], came[held], volatility[held])
            after = slice(CALIBRATION, CALIBRATION + AHEAD)
            z = (came[after, 0] - scores.trust * forecast[after, 0]) / volatility[after, 0]
            if not np.isfinite(z).all():
                continue
            tails = [p for level in LEVELS for p in ((1 - level) / 2, (1 + level) / 2)]
            residuals.append(z)
            ends.append(score_quantiles(scores.values, np.array(tails)))
            expected.append(np.abs(scores.values).mean())
            started.append(start)
    return {
        "residuals": np.array(residuals),
        "ends": np.array(ends),
        "expected": np.array(expected),
        "start": np.array(started),
    }


if __name__ == "__main__":
    np.savez("/tmp/h/replay.npz", **replay())
