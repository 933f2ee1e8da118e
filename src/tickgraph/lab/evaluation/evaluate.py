"""An evaluation from prices to its result: walk, calibrate, measure, compare, conclude."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import InputError
from tickgraph.graph.features import FEATURE_NAMES, node_features
from tickgraph.lab.evaluation.calibrating import calibrate as conformal
from tickgraph.lab.evaluation.calibrating import walk_volatility
from tickgraph.lab.evaluation.comparison import compare, reality_check
from tickgraph.lab.evaluation.conclusions import compared_pairs, findings
from tickgraph.lab.evaluation.evaluation_result import Evaluation, ForecasterResult
from tickgraph.lab.evaluation.evaluation_result import Window as WindowResult
from tickgraph.lab.evaluation.forecast_panel import DistributionPanel, ForecastPanel
from tickgraph.lab.evaluation.forecasters.catalogue import (
    FORECASTERS,
    ForecasterSettings,
    make_forecasters,
)
from tickgraph.lab.evaluation.forecasters.method import Forecaster
from tickgraph.lab.evaluation.measuring import measure_forecaster
from tickgraph.lab.evaluation.portfolio import trials_of
from tickgraph.lab.evaluation.regimes import regimes
from tickgraph.lab.evaluation.resampling import RESAMPLES
from tickgraph.lab.evaluation.walk_forward import Progress, Walk, same_cells, walk_forward
from tickgraph.lab.evaluation.windows import WindowSettings, walk_windows
from tickgraph.market.panel import PricePanel
from tickgraph.market.universe import sector_of
from tickgraph.model.still import FEWEST_MOVES, moves

Calibrate = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], DistributionPanel]
"""``(forecast, realised, volatility)``, each ``[T, S]``, to distributions; row t from what was known by t."""

FIXED_SOURCES = ("sample", "files")
"""Sources whose symbols were chosen when the prices were put together; others are asked for symbols of today."""
FEWEST_SYMBOLS = 3
LARGE_UNIVERSE = 100
"""With more symbols, training once a year keeps a whole evaluation under an hour on two cores."""


class EvaluationSettings(BaseModel):
    """What is evaluated, and how.

    Attributes
    ----------
    windows, forecasters
        The walk, and how forecasters are trained.
    names
        Forecasters to run.
    cost_basis_points
        Cost per dollar traded.
    k
        Symbols of a portfolio's leg; None takes 10 of more than 100 symbols, else 5, and a third of few.
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


@dataclass(frozen=True)
class Listener:
    """Who hears how far an evaluation is; called in the thread that evaluates.

    Attributes
    ----------
    on_start
        With the number of pieces (forecasters times windows).
    on_piece
        After each piece.
    on_measured
        With the name of each forecaster that is measured.
    """

    on_start: Callable[[int], None] = lambda _: None
    on_piece: Callable[[Progress], None] = lambda _: None
    on_measured: Callable[[str], None] = lambda _: None


def default_retraining(symbols: int) -> int:
    """Sessions between trainings: a quarter, or a year for a large universe."""
    return 63 if symbols <= LARGE_UNIVERSE else 252


def evaluate(
    panel: PricePanel,
    settings: EvaluationSettings,
    folder: Path,
    *,
    source: str | None = None,
    left_out: Mapping[str, str] | None = None,
    jobs: int = 0,
    fresh: bool = False,
    listener: Listener | None = None,
    calibrate: Calibrate = conformal,
) -> Evaluation:
    """Evaluate forecasters walk-forward on the symbols of a panel.

    All figures are of the same sessions and symbols for every forecaster: those that all forecast.

    Parameters
    ----------
    panel
        Prices; the symbols are evaluated, and are each other's peers.
    folder
        Where forecasts of each window are kept, so that an interrupted evaluation goes on.
    source
        Where the prices came from, for people; None is the panel's.
    left_out
        Symbols that were asked for and are not in the panel, with the reason. The result has these, those whose
        price does not move, and those that failed in some window.
    jobs
        Threads; 0 is one per core.
    fresh
        Compute everything, whatever is kept.
    listener
        Who hears of progress.
    calibrate
        Makes distributions of forecasts, the same way for every forecaster.

    Raises
    ------
    InputError
        Fewer than 3 symbols, an empty test range, or legs of more symbols than there are.
    HistoryTooShortError, StorageError, KeyboardInterrupt
        As :func:`tickgraph.lab.evaluation.walk_forward.walk_forward`.
    """
    listener = listener or Listener()
    unmoved = unmoved_symbols(panel)
    panel = panel.select([symbol for symbol in panel.symbols if symbol not in unmoved])
    config, count = settings.forecasters.training, len(panel.symbols)
    if count < FEWEST_SYMBOLS:
        without = "".join(f" {reason}" for reason in unmoved.values())
        raise InputError(
            f"An evaluation needs at least {FEWEST_SYMBOLS} symbols, got {count}. Name more.{without}"
        )
    k = settings.k or (10 if count > LARGE_UNIVERSE else min(5, max(1, count // 3)))
    if 2 * k > count:
        raise InputError(
            f"Legs of {k} symbols, long and short, need {2 * k}; there are {count}. Lower --top-k."
        )
    forecasters = make_forecasters(settings.names, settings.forecasters)
    listener.on_start(len(forecasters) * len(walk_windows(panel.sessions, settings.windows, config.history)))
    walk = walk_forward(
        panel,
        forecasters,
        settings.windows,
        config,
        folder,
        jobs=jobs,
        fresh=fresh,
        on_progress=listener.on_piece,
    )
    forecasts = same_cells(walk.forecasts)
    results = _measured(panel, forecasters, walk, forecasts, settings, k, calibrate, listener, jobs)
    comparisons = [
        comparison
        for first, second in compared_pairs({f.name: f.kind for f in forecasters})
        for comparison in compare(
            first,
            forecasts[first],
            second,
            forecasts[second],
            seed=settings.seed,
            resamples=settings.resamples,
        )
    ]
    checked = reality_check(forecasts, seed=settings.seed, resamples=settings.resamples)
    return Evaluation(
        created=datetime.now(UTC),
        version=version("tickgraph"),
        source=source or panel.source,
        data_version=panel.data_version,
        survivorship=survivorship(panel),
        symbols=list(panel.symbols),
        left_out={**(left_out or {}), **unmoved, **walk.failed},
        settings=_flat(settings, k),
        cost_basis_points=settings.cost_basis_points,
        windows=_windows(panel, walk, settings.windows.embargo),
        forecasters=results,
        comparisons=comparisons,
        reality_check=checked,
        findings=findings(results, comparisons, checked, settings.cost_basis_points),
    )


def unmoved_symbols(panel: PricePanel) -> dict[str, str]:
    """Symbols whose price hardly ever moves, such as a money market fund, and why they are not evaluated."""
    still = moves(panel.adj_close) < FEWEST_MOVES
    return {
        symbol: f"The price of {symbol} moved in {count} of the {len(panel.sessions)} sessions up to "
        f"{panel.sessions[-1]}: there is nothing to forecast."
        for symbol, count, left_out in zip(panel.symbols, moves(panel.adj_close), still, strict=True)
        if left_out and np.isfinite(panel.adj_close[:, panel.column(symbol)]).sum() > FEWEST_MOVES
    }


def survivorship(panel: PricePanel) -> str:
    """What the choice of symbols does to the figures, by where the list of them comes from."""
    count, ended = len(panel.symbols), int((~np.isfinite(panel.adj_close[-1])).sum())
    without = f"{ended or 'none'} of them without a price at the end"
    if panel.source in FIXED_SOURCES:
        chosen = (
            f"The {count} symbols are those of a fixed set of prices that ends on {panel.sessions[-1]}, {without}: "
            "such a set is made of companies that were still listed when it was made, and those that failed or were "
            "taken over before are not among them."
        )
    else:
        chosen = (
            f"The list of {count} symbols is today's, {without}: they are companies still listed, and large, now, "
            "which nobody could have chosen at the time; those that failed or were taken over are not among them."
        )
    return (
        f"{chosen} Returns, above all of long portfolios, are better than an investor of the time could have had; "
        "differences between forecasters on the same symbols suffer less."
    )


def trailing_volatility(panel: PricePanel, window: int) -> NDArray[np.float64]:
    """``[T, S]`` standard deviation of the last ``window`` daily log returns, known at t."""
    features = node_features(panel.log_returns(), panel.volume, window)
    return features[..., FEATURE_NAMES["baseline"].index("volatility")]


def _measured(
    panel: PricePanel,
    forecasters: tuple[Forecaster, ...],
    walk: Walk,
    forecasts: dict[str, ForecastPanel],
    settings: EvaluationSettings,
    k: int,
    calibrate: Calibrate,
    listener: Listener,
    jobs: int,
) -> list[ForecasterResult]:
    first, last = walk.windows[0].test_first, walk.windows[-1].test_last
    returns = panel.log_returns()
    volatility = walk_volatility(returns, refit=settings.windows.retrain_every)[first : last + 1]
    trailing = trailing_volatility(panel, settings.forecasters.training.feature_window)[first : last + 1]
    market = np.nanmean(returns[1:], axis=1)
    regime = regimes(np.concatenate([[np.nan], market]))[first : last + 1]
    sectors = {symbol: sector_of(symbol) or "unknown" for symbol in panel.symbols}
    long, long_short = (
        trials_of(forecasts.values(), k=k, cost_basis_points=settings.cost_basis_points, short=short)
        for short in (False, True)
    )

    def measured(forecaster: Forecaster) -> ForecasterResult:
        own = forecasts[forecaster.name]
        return measure_forecaster(
            forecaster.name,
            forecaster.kind,
            forecaster.description,
            own,
            calibrate(own.forecast, own.realised, volatility),
            lognormal_volatility=trailing,
            sectors=sectors,
            regimes=regime,
            k=k,
            cost_basis_points=settings.cost_basis_points,
            trials_long=long,
            trials_long_short=long_short,
            seconds=walk.seconds[forecaster.name],
            seed=settings.seed,
            resamples=settings.resamples,
        )

    results = []
    with ThreadPoolExecutor(jobs or None, "measure") as executor:
        for result in executor.map(measured, forecasters):
            results.append(result)
            listener.on_measured(result.name)
    return results


def _windows(panel: PricePanel, walk: Walk, embargo: int) -> list[WindowResult]:
    def day(position: int) -> object:
        return panel.sessions[position].astype("datetime64[D]").item()

    return [
        WindowResult.model_validate(
            {
                "train_first": day(window.train_first),
                "train_last": day(window.train_last),
                "embargo": embargo,
                "test_first": day(window.test_first),
                "test_last": day(window.test_last),
                "symbols": len(symbols),
            }
        )
        for window, symbols in zip(walk.windows, walk.window_symbols, strict=True)
    ]


def _flat(settings: EvaluationSettings, k: int) -> dict[str, str | int | float | bool]:
    """Settings that change figures, by the names people know them under."""
    windows, training = settings.windows, settings.forecasters.training
    trained = training.model_dump(exclude={"sessions"}) | settings.forecasters.model_dump(
        exclude={"training"}
    )
    return {
        "scheme": windows.scheme,
        "train_sessions": windows.train_sessions,
        "retrain_every": windows.retrain_every,
        "embargo": windows.embargo,
        "top_k": k,
        "resamples": settings.resamples,
        "bootstrap_seed": settings.seed,
        **trained,
    }
