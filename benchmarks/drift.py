"""Replay sound models over the sample's history, to see how often the rule of drift cries wolf and what it finds.

    python benchmarks/drift.py

A model here is what service has of one: volatility coefficients and conformal scores of a symbol and its ten nearest
peers, as they stood on its training day, then frozen. Its forecast is momentum, which is about as small as the
network's. It is judged on the 60 sessions that follow, once as
it is and once with its volatility multiplied: by 0.5 it is a model that thinks the market half as wild as it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import false_discovery_control

from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.model.calibration import conformal_scores, score_quantiles
from tickgraph.model.measures import LEVELS
from tickgraph.model.volatility import WINDOW, fit_volatility, forecast_volatility
from tickgraph.operations.drift import FALSE_ALARMS, p_values

TRAINING, CALIBRATION, AHEAD, EVERY, PEERS = 800, 200, 60, 21, 10
COUNTS = (5, 10, 20, 40, 60)
FACTORS = (0.33, 0.5, 0.7, 1.5, 2.0)


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


def tallies(models: dict[str, np.ndarray], count: int, factor: float = 1.0) -> pd.DataFrame:
    """Figures of every model over its first sessions, its volatility multiplied."""
    z, ends = models["residuals"][:, :count] / factor, models["ends"]
    outside = {
        f"outside_{level}": ((z < ends[:, [2 * i]]) | (z > ends[:, [2 * i + 1]])).sum(axis=1)
        for i, level in enumerate(LEVELS)
    }
    ratio = np.abs(z).mean(axis=1) / models["expected"]
    return pd.DataFrame({"forecasts": count, **outside, "error_ratio": ratio})


def main() -> None:
    """Print what the constants of the rule were taken from, then its false alarms and its power."""
    models = replay()
    start = models["start"]
    together = len(start) / len(set(start))
    print(f"{len(start)} frozen models, trained on {len(set(start))} days, {together:.0f} at a time\n")
    print("forecasts   correlation of outside   deviation of the logarithm of the error ratio")
    for count in COUNTS:
        sound = tallies(models, count)
        rhos = []
        for level in LEVELS:
            variance = ((sound[f"outside_{level}"] - count * (1 - level)) ** 2).mean()
            rhos.append(f"{level:.0%} {(variance / (count * level * (1 - level)) - 1) / (count - 1):.3f}")
        print(f"{count:9}   {', '.join(rhos):22}   {np.log(sound['error_ratio']).std():.3f}")
    print(f"\nforecasts   scorings with a false alarm   found among {together:.0f}, volatility times")
    print(" " * 42 + "".join(f"{factor:>8}" for factor in FACTORS))
    for count in COUNTS:
        p = p_values(tallies(models, count))
        alarms = [(false_discovery_control(p[start == day]) <= FALSE_ALARMS).any() for day in set(start)]
        found = [
            np.mean(p_values(tallies(models, count, factor)) <= FALSE_ALARMS / together) for factor in FACTORS
        ]
        print(f"{count:9}   {np.mean(alarms):27.1%}   " + "".join(f"{share:8.0%}" for share in found))


if __name__ == "__main__":
    main()
