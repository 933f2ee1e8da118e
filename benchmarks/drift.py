"""Replay sound models over the sample's history, to see how often the rule of drift cries wolf and what it finds.

    python benchmarks/drift.py [--quick]

A model here is what service has of one: volatility coefficients and conformal scores of a symbol and its ten nearest
peers, as they stood on its training day, then frozen. Its forecast is momentum, which is about as small as the
network's. It is judged on the 60 sessions that follow, once as
it is and once with its volatility multiplied: by 0.5 it is a model that thinks the market half as wild as it is.

Over several sessions the sound model is that volatility times the square root of their number, with scores of each
horizon's own from the 500 sessions before, pooled over the symbols and renewed each week.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import false_discovery_control

import options
import prepare
from tickgraph.market.dividends import price_returns
from tickgraph.market.panel import PricePanel
from tickgraph.model.calibration import conformal_scores, score_quantiles
from tickgraph.model.measures import LEVELS
from tickgraph.model.realised import sums_ahead
from tickgraph.model.volatility import UNFITTED, WINDOW, fit_volatility, forecast_volatility
from tickgraph.operations.drift import FALSE_ALARMS, p_values
from tickgraph.operations.horizon_drift import independent_stretches, usual_coverage

TRAINING, CALIBRATION, AHEAD, EVERY, PEERS = 800, 200, 60, 21, 10
COUNTS = (5, 10, 20, 40, 60)
FACTORS = (0.33, 0.5, 0.7, 1.5, 2.0)
WEEK, WEEKS, SHARES = 5, (1, 4, 8, 12), (0, 0.01, 0.05, 0.5, 0.95, 0.99, 1)
HORIZONS, SCORED, SPAN = (1, 2, 3, 5, 10, 21, 42, 63), 500, 60
QUICK_SYMBOLS, QUICK_EVERY, QUICK_WEEKS, QUICK_FACTORS = 12, 200, (1, 4), (0.5,)
# Of the alerts in deploy/prometheus/tickgraph.rules.yml.
BANDS = {
    "coverage 80%": (0.65, 0.91),
    "coverage 95%": (0.88, 0.985),
    "error ratio": (0.73, 1.36),
    "momentum's R2": (-0.1, 1.0),
}


def replay(panel: PricePanel, every: int, ahead: int) -> dict[str, np.ndarray]:
    """``[M, ahead]`` residuals in units of volatility, and each model's interval ends and mean score.

    Models are frozen every so many sessions, and judged on so many that follow.
    """
    returns = panel.log_returns()[1:]
    momentum = np.full_like(returns, np.nan)
    momentum[19:] = sliding_window_view(returns, 20, axis=0).mean(axis=-1)
    residuals, ends, expected, started, squares = [], [], [], [], []
    for start in range(WINDOW + TRAINING + CALIBRATION, len(returns) - ahead, every):
        past = returns[start - TRAINING - CALIBRATION : start]
        whole = np.flatnonzero(np.isfinite(past).all(axis=0))
        near = np.abs(np.corrcoef(past[:, whole].T))
        for own, symbol in enumerate(whole):
            group = [symbol, *(whole[i] for i in np.argsort(-near[own]) if i != own)][: 1 + PEERS]
            coefficients = fit_volatility(past[:TRAINING, group])
            rows = slice(start - CALIBRATION - WINDOW, start + ahead)
            volatility = forecast_volatility(returns[rows][:, group], coefficients)[
                WINDOW - 1 : -1
            ]  # known at t
            forecast, came = (
                momentum[rows][WINDOW - 1 : -1][:, group],
                returns[rows][WINDOW:][:, group],
            )
            held = slice(0, CALIBRATION)
            scores = conformal_scores(forecast[held], came[held], volatility[held])
            after = slice(CALIBRATION, CALIBRATION + ahead)
            z = (came[after, 0] - scores.trust * forecast[after, 0]) / volatility[after, 0]
            if not np.isfinite(z).all():
                continue
            tails = [p for level in LEVELS for p in ((1 - level) / 2, (1 + level) / 2)]
            residuals.append(z)
            ends.append(score_quantiles(scores.values, np.array(tails)))
            expected.append(np.abs(scores.values).mean())
            started.append(start)
            moves, missed = came[after, 0], came[after, 0] - forecast[after, 0]
            squares.append(((moves**2).sum(), (missed**2).sum()))
    return {
        "residuals": np.array(residuals),
        "ends": np.array(ends),
        "expected": np.array(expected),
        "start": np.array(started),
        "squares": np.array(squares),
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


def panel_figures(weekly: dict[str, np.ndarray], weeks: int, factor: float = 1.0) -> dict[str, np.ndarray]:
    """Figures of all symbols together, over the last so many weeks of each week; R2 is against no move."""
    z, ends = weekly["residuals"] / factor, weekly["ends"]
    order, week = np.unique(weekly["start"], return_inverse=True)

    def rolling(values: np.ndarray) -> np.ndarray:
        return sliding_window_view(np.bincount(week, values, len(order)), weeks).sum(axis=-1)

    count = rolling(np.full(len(z), float(z.shape[1])))
    found = {
        f"coverage {level:.0%}": rolling(
            ((z >= ends[:, [2 * i]]) & (z <= ends[:, [2 * i + 1]])).sum(axis=1).astype(float)
        )
        / count
        for i, level in enumerate(LEVELS)
    }
    errors = rolling(np.abs(z).sum(axis=1)) / rolling(weekly["expected"] * z.shape[1])
    r2 = 1 - rolling(weekly["squares"][:, 1]) / rolling(weekly["squares"][:, 0])
    return {**found, "error ratio": errors, "momentum's R2": r2}


def print_panel(weekly: dict[str, np.ndarray], spans: tuple[int, ...]) -> None:
    """What all symbols together come to while every model is sound and is retrained weekly: the bands of the alerts."""
    print(
        f"\nall symbols together, retrained weekly: {len(set(weekly['start']))} weeks, {len(weekly['start'])} models"
    )
    print(
        f"{'sessions':>8}   {'figure':13}"
        + "".join(f"{share:>8.0%}" for share in SHARES)
        + "   outside its band"
    )
    for weeks in spans:
        for name, values in panel_figures(weekly, weeks).items():
            low, high = BANDS[name]
            outside = ((values < low) | (values > high)).mean()
            ends = "".join(f"{value:8.3f}" for value in np.quantile(values, SHARES))
            print(f"{weeks * WEEK:8}   {name:13}{ends}   {outside:6.1%} outside {low} to {high}")
    print("\nsessions   weeks in which coverage or errors alarm, volatility times")
    print(" " * 11 + "".join(f"{factor:>8}" for factor in (1.0, *FACTORS)))
    for weeks in spans:
        alarms = []
        for factor in (1.0, *FACTORS):
            figures = panel_figures(weekly, weeks, factor)
            del figures["momentum's R2"]  # does not depend on it
            alarms.append(
                np.mean(
                    np.any(
                        [(v < BANDS[name][0]) | (v > BANDS[name][1]) for name, v in figures.items()], axis=0
                    )
                )
            )
        print(f"{weeks * WEEK:8}   " + "".join(f"{share:8.1%}" for share in alarms))


def replay_horizons(panel: PricePanel, factor: float) -> np.ndarray:
    """``[T, S, H, levels]`` 1 where a return lies inside its interval, 0 outside, NaN where that is not known.

    The volatility is multiplied after the scores were taken: a model that went wrong since.
    """
    returns = price_returns(panel)[1:]
    volatility = forecast_volatility(returns, UNFITTED)
    came = sums_ahead(returns, HORIZONS)[len(returns) - len(volatility) :]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = came / (volatility[:, :, None] * np.sqrt(HORIZONS))
    z[~np.isfinite(z)] = np.nan
    inside = np.full((*z.shape, len(LEVELS)), np.nan)
    for column, ahead in enumerate(HORIZONS):
        for start in range(SCORED + ahead, len(z), WEEK):
            held = np.sort(z[start - SCORED - ahead : start - ahead + 1, :, column], axis=None)
            held, week = held[np.isfinite(held)], z[start : start + WEEK, :, column] / factor
            for place, level in enumerate(LEVELS):
                low, high = score_quantiles(held, np.array([(1 - level) / 2, (1 + level) / 2]))
                inside[start : start + WEEK, :, column, place] = np.where(
                    np.isfinite(week), (week >= low) & (week <= high), np.nan
                )
    return inside


def windows(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``[weeks]`` coverage of each 60 sessions of one horizon and level, and ``[weeks]`` how many returns they are."""
    days = np.flatnonzero(np.isfinite(inside).any(axis=1))
    rows = inside[days[0] : days[-1] + 1]
    held, known = np.nansum(rows, axis=1), np.isfinite(rows).sum(axis=1)
    held, known = (sliding_window_view(each, SPAN)[::WEEK].sum(axis=-1) for each in (held, known))
    return held / known, known


def print_horizons(panel: PricePanel, factors: tuple[float, ...]) -> None:
    """What constants the rule of horizons was taken from, its false alarms, and its power."""
    replays = {factor: replay_horizons(panel, factor) for factor in (1.0, *factors)}
    print(f"\nby horizon, the last {SPAN} sessions of each week")
    print(
        f"{'ahead':>5} {'stretches':>10} {'level':>6} {'mean':>6} {'together':>9} {'worth':>6}",
        end="",
    )
    print(
        "".join(f"{share:>7.0%}" for share in SHARES) + "   band             weeks outside, volatility times"
    )
    print(" " * 134 + "".join(f"{factor:>6}" for factor in replays))
    alarms: dict[float, list[np.ndarray]] = {factor: [] for factor in replays}
    for column, ahead in enumerate(HORIZONS):
        for place, level in enumerate(LEVELS):
            sound = replays[1.0][:, :, column, place]
            day = np.nanmean(sound[np.isfinite(sound).any(axis=1)], axis=1)
            values, known = windows(sound)
            symbols, binomial = known.mean() / SPAN, level * (1 - level)
            together = (day.var() / binomial - 1 / symbols) / (1 - 1 / symbols)
            worth = binomial / ((values - level) ** 2).mean()
            band = usual_coverage(level, ahead, SPAN, int(known.mean()))
            stretches = independent_stretches(SPAN, ahead)
            line = f"{ahead:5} {stretches:10.1f} {level:6.0%} {day.mean():6.3f} {together:9.2f}"
            line += f" {worth:6.0f}" + "".join(f"{v:7.3f}" for v in np.quantile(values, SHARES))
            if band is None:
                print(line + "   no verdict")
                continue
            shares = []
            for factor, inside in replays.items():
                found = windows(inside[:, :, column, place])[0]
                outside = (found < band[0]) | (found > band[1])
                shares.append(outside.mean())
                alarms[factor].append(outside)
            print(
                f"{line}   {band[0]:.3f} to {band[1]:.3f}   " + "".join(f"{share:6.1%}" for share in shares)
            )
    for factor, each in alarms.items():
        weeks = min(map(len, each), default=0)
        share = np.any([one[:weeks] for one in each], axis=0).mean()
        print(f"outside at any horizon and level, volatility times {factor}: {share:.1%} of {weeks} weeks")


def main() -> None:
    """Print what the constants of the rule were taken from, then its false alarms and its power."""
    quick, panel = options.parser(__doc__).parse_args().quick, prepare.sample_panel()
    if quick:
        panel = panel.select(panel.symbols[:QUICK_SYMBOLS])
    models = replay(panel, QUICK_EVERY if quick else EVERY, AHEAD)
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
    print_horizons(panel, QUICK_FACTORS if quick else FACTORS)
    weekly = replay(panel, QUICK_EVERY if quick else WEEK, WEEK)
    print_panel(weekly, QUICK_WEEKS if quick else WEEKS)


if __name__ == "__main__":
    main()
