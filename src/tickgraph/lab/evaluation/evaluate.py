"""An evaluation from prices to its result: walk, calibrate, measure, compare, conclude."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import InputError
from tickgraph.graph.features import FEATURE_NAMES, node_features
from tickgraph.lab.evaluation.calibrating import calibrate, walk_volatility
from tickgraph.lab.evaluation.comparison import compare, reality_check
from tickgraph.lab.evaluation.conclusions import compared_pairs, findings
from tickgraph.lab.evaluation.evaluation_result import Evaluation, ForecasterResult
from tickgraph.lab.evaluation.evaluation_result import Window as WindowResult
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod
from tickgraph.lab.evaluation.forecasters.method_catalogue import (
    FORECASTERS,
    ForecasterSettings,
    make_forecasters,
)
from tickgraph.lab.evaluation.measuring import Measurement
from tickgraph.lab.evaluation.portfolio import trials_of
from tickgraph.lab.evaluation.resampling import RESAMPLES, SessionBootstrap
from tickgraph.lab.evaluation.slices import regimes
from tickgraph.lab.evaluation.walk_forward import Walk, same_cells, walk_forward
from tickgraph.lab.evaluation.windows import WindowSettings, walk_windows
from tickgraph.lab.measured_on import empty_evaluation, moving_panel
from tickgraph.lab.run import Run
from tickgraph.market.panel import PricePanel
from tickgraph.market.universe import sector_of

LARGE_UNIVERSE = 100
"""With more symbols, training once a year keeps a whole evaluation under an hour on two cores."""


class EvaluationSettings(BaseModel):
    """What is evaluated, and how.

    Attributes
    ----------
    windows, forecasters
        The walk, and how forecast methods are trained.
    names
        Methods to run.
    cost_basis_points
        Cost per dollar traded.
    k
        Symbols of a portfolio's leg. None takes 10 of more than 100 symbols, 5 of fewer, and a third of less than 15.
    resamples, seed
        Of the bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: WindowSettings = WindowSettings()
    forecasters: ForecasterSettings = ForecasterSettings()
    names: tuple[str, ...] = FORECASTERS
    cost_basis_points: float = Field(default=5.0, ge=0, allow_inf_nan=False)
    k: int | None = Field(default=None, ge=1)
    resamples: int = Field(default=RESAMPLES, ge=100)
    seed: int = Field(default=0, ge=0)


def default_retraining(symbols: int) -> int:
    """Sessions between trainings: a quarter, or a year for a large universe."""
    return 63 if symbols <= LARGE_UNIVERSE else 252


def evaluate(
    panel: PricePanel,
    settings: EvaluationSettings,
    run: Run,
    *,
    source: str | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate forecast methods walk-forward on the symbols of a panel.

    Every method is measured on the same sessions and symbols: those that all methods forecast.

    Parameters
    ----------
    panel
        Prices; the symbols are evaluated, and are each other's peers.
    run
        Where forecasts of each window are kept, and who is told of progress.
    source
        Where the prices came from, in words; None is the panel's source.
    left_out
        Symbols that were asked for and are not in the panel, with the reason. The result adds symbols whose price
        does not move, and symbols that failed in some window.

    Raises
    ------
    InputError
        Fewer than 3 symbols, an empty test range, or legs of more symbols than there are.
    HistoryTooShortError, StorageError, KeyboardInterrupt
        As :func:`tickgraph.lab.evaluation.walk_forward.walk_forward`.
    """
    panel, unmoved = moving_panel(panel)
    config, k = settings.forecasters.training, leg_symbols(settings, len(panel.symbols))
    methods = make_forecasters(settings.names, settings.forecasters)
    run.listener.on_start(len(methods) * len(walk_windows(panel.sessions, settings.windows, config.history)))
    walk = walk_forward(panel, methods, settings.windows, config, run)
    forecasts = same_cells(walk.forecasts)
    tested = walk.windows[-1].test_last + 1 - walk.windows[0].test_first
    bootstrap = SessionBootstrap(tested, seed=settings.seed, resamples=settings.resamples)
    results = _measured(panel, methods, walk, forecasts, settings, bootstrap, k, run)
    comparisons = [
        comparison
        for first, second in compared_pairs({method.name: method.kind for method in methods})
        for comparison in compare(first, forecasts[first], second, forecasts[second], bootstrap)
    ]
    checked = reality_check(forecasts, seed=settings.seed, resamples=settings.resamples)
    return empty_evaluation(panel, source, {**(left_out or {}), **unmoved, **walk.failed}).model_copy(
        update={
            "settings": _recorded_settings(settings, k),
            "cost_basis_points": settings.cost_basis_points,
            "windows": _windows(panel, walk, settings.windows.embargo),
            "forecasters": results,
            "comparisons": comparisons,
            "reality_check": checked,
            "findings": findings(results, comparisons, checked, settings.cost_basis_points),
        }
    )


def leg_symbols(settings: EvaluationSettings, count: int) -> int:
    """Symbols of a portfolio's leg; :class:`InputError` if two legs need more than there are."""
    k = settings.k or (10 if count > LARGE_UNIVERSE else min(5, max(1, count // 3)))
    if 2 * k > count:
        raise InputError(
            f"Legs of {k} symbols, long and short, need {2 * k}; there are {count}. Lower --top-k."
        )
    return k


def trailing_volatility(panel: PricePanel, window: int) -> NDArray[np.float64]:
    """``[T, S]`` standard deviation of the last ``window`` daily log returns, known at t."""
    features = node_features(panel.log_returns(), panel.volume, window)
    return features[..., FEATURE_NAMES["baseline"].index("volatility")]


def _measured(
    panel: PricePanel,
    methods: tuple[ForecastMethod, ...],
    walk: Walk,
    forecasts: dict[str, ForecastPanel],
    settings: EvaluationSettings,
    bootstrap: SessionBootstrap,
    k: int,
    run: Run,
) -> list[ForecasterResult]:
    tested = slice(walk.windows[0].test_first, walk.windows[-1].test_last + 1)
    returns, cost = panel.log_returns(), settings.cost_basis_points
    volatility = walk_volatility(returns, refit=settings.windows.retrain_every)[tested]
    trials_long, trials_long_short = (
        trials_of(forecasts.values(), k=k, cost_basis_points=cost, short=short) for short in (False, True)
    )
    measurement = Measurement(
        bootstrap,
        k=k,
        cost_basis_points=cost,
        sectors={symbol: sector_of(symbol) or "unknown" for symbol in panel.symbols},
        regimes=regimes(np.concatenate([[np.nan], np.nanmean(returns[1:], axis=1)]))[tested],
        trailing_volatility=trailing_volatility(panel, settings.forecasters.training.feature_window)[tested],
        trials_long=trials_long,
        trials_long_short=trials_long_short,
    )

    def measured(method: ForecastMethod) -> ForecasterResult:
        own = forecasts[method.name]
        distribution = calibrate(own.forecast, own.realised, volatility)
        return measurement.measure(method, own, distribution, walk.seconds[method.name])

    results = []
    with ThreadPoolExecutor(run.jobs or None, "measure") as executor:
        for result in executor.map(measured, methods):
            results.append(result)
            run.listener.on_measured(result.name)
    return results


def _windows(panel: PricePanel, walk: Walk, embargo: int) -> list[WindowResult]:
    days: list[date] = panel.sessions.astype("datetime64[D]").tolist()
    return [
        WindowResult(
            train_first=days[window.train_first],
            train_last=days[window.train_last],
            embargo=embargo,
            test_first=days[window.test_first],
            test_last=days[window.test_last],
            symbols=len(symbols),
        )
        for window, symbols in zip(walk.windows, walk.window_symbols, strict=True)
    ]


def _recorded_settings(settings: EvaluationSettings, k: int) -> dict[str, str | int | float | bool]:
    """Settings that change figures, under the names of the command's options.

    What the variance network is made of changes none: the figures are of the next session's return.
    """
    windows = settings.windows.model_dump(include={"scheme", "train_sessions", "retrain_every", "embargo"})
    training = settings.forecasters.training.model_dump(exclude={"sessions", "horizons", "variance_dim"})
    others = settings.forecasters.model_dump(exclude={"training"})
    resampled = {"resamples": settings.resamples, "bootstrap_seed": settings.seed}
    return {**windows, "top_k": k, **resampled, **training, **others}
