"""An evaluation by horizon from prices to its result: walk, measure, compare, conclude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.lab.evaluation.resampling import RESAMPLES
from tickgraph.lab.horizons.boosted_variance import TREES
from tickgraph.lab.horizons.comparing import LOGNORMAL, MEASURES, Comparer, best_bars
from tickgraph.lab.horizons.horizon_catalogue import HORIZON_FORECASTERS, make_horizon_forecasters
from tickgraph.lab.horizons.horizon_conclusions import horizon_findings
from tickgraph.lab.horizons.horizon_result import (
    HorizonEvaluation,
    HorizonFigures,
    HorizonForecasterResult,
    Measure,
)
from tickgraph.lab.horizons.horizon_targets import LARGE_UNIVERSE, check_targets
from tickgraph.lab.horizons.losses import LEVELS, STRIKES
from tickgraph.lab.horizons.measured_losses import MeasuredLosses, common_cells, measure_losses
from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.schedule import HorizonWindows, Schedule, make_schedule
from tickgraph.lab.horizons.walk import WalkedForecasts, stretches_of, walk_by_horizon
from tickgraph.lab.run import Listener, Run
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig
from tickgraph.registry.evaluation_record import SymbolHorizon


class HorizonSettings(BaseModel):
    """What is evaluated by horizon, and how.

    Attributes
    ----------
    windows
        The walk.
    names
        Forecasters to run.
    training
        The product's training. The walk has its own length of windows; the network has the product's.
    trees
        Of each boosted model.
    resamples, seed
        Of the bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: HorizonWindows = HorizonWindows()
    names: tuple[str, ...] = HORIZON_FORECASTERS
    training: TrainingConfig = TrainingConfig()
    trees: int = Field(default=TREES, ge=1)
    resamples: int = Field(default=RESAMPLES, ge=100)
    seed: int = Field(default=0, ge=0)


def default_steps(symbols: int) -> tuple[int, int]:
    """Sessions between fits, and between scored distributions: a month and each; a quarter and 3 of many symbols."""
    return (21, 1) if symbols <= LARGE_UNIVERSE else (63, 3)


def evaluate_horizons(panel: PricePanel, settings: HorizonSettings, run: Run) -> HorizonEvaluation:
    """Evaluate forecasters of variance and distribution over the next h sessions, walk-forward.

    Every forecaster is measured on the same sessions and symbols: those that all forecast.

    Parameters
    ----------
    panel
        Prices; the symbols are evaluated, and are each other's neighbours.
    settings
        The walk and the forecasters.
    run
        Where finished forecasters are kept, and who is told of progress.

    Raises
    ------
    HistoryTooShortError, InputError
        As :func:`tickgraph.lab.horizons.schedule.make_schedule` and
        :func:`tickgraph.lab.horizons.measured_losses.common_cells`; or a forecaster is unknown.
    StorageError, KeyboardInterrupt
        As :func:`tickgraph.lab.horizons.walk.walk_by_horizon`.
    """
    forecasters = make_horizon_forecasters(settings.names, config=settings.training, trees=settings.trees)
    schedule = make_schedule(panel.sessions, settings.windows)
    moves = Moves.of(panel, settings.windows.horizons)
    run.listener.on_start(sum(len(stretches_of(each, schedule)) for each in forecasters))
    walked = walk_by_horizon(moves, forecasters, schedule, run)
    return measured_evaluation(moves, forecasters, walked, schedule, settings, run.listener)


def measured_evaluation(
    moves: Moves,
    forecasters: Sequence[HorizonForecaster],
    walked: Mapping[str, WalkedForecasts],
    schedule: Schedule,
    settings: HorizonSettings,
    listener: Listener,
) -> HorizonEvaluation:
    """Measure and compare what was forecast."""
    cells = common_cells(moves, walked, schedule)
    losses = {}
    for name, own in walked.items():
        losses[name] = measure_losses(moves, own, cells, schedule)
        listener.on_measured(name)
    horizons = moves.horizons
    comparer = Comparer(losses, horizons, schedule.windows.density_every, settings.seed, settings.resamples)
    sets = {measure: comparer.confidence_sets(measure) for measure in MEASURES}
    bars = best_bars(losses, horizons)
    results = [
        HorizonForecasterResult(
            name=each.name,
            kind=each.kind,
            description=each.description,
            horizons=[
                _figures(
                    losses[each.name],
                    comparer,
                    moves,
                    schedule,
                    place,
                    {m: sets[m][place][each.name] for m in sets if each.name in sets[m][place]},
                )
                for place in range(len(horizons))
            ],
            by_symbol=_by_symbol(moves, losses, each.name, bars) if each.kind == "model" else {},
            seconds=walked[each.name].seconds,
        )
        for each in forecasters
    ]
    comparisons = comparer.comparisons({each.name: each.kind for each in forecasters}, bars)
    first_session, last_session = schedule.span(moves.panel.sessions)
    counts = [count.sum(axis=1) for count in (cells.variance, cells.density)]  # [T', H], [O, H]
    result = HorizonEvaluation(
        horizons=list(horizons),
        first_session=first_session,
        last_session=last_session,
        sessions=_named(horizons, (counts[0] > 0).sum(axis=0)),
        origins=_named(horizons, (counts[1] > 0).sum(axis=0)),
        forecasts=_named(horizons, counts[0].sum(axis=0)),
        settings=settings.windows.model_dump(exclude={"horizons", "start", "end"})
        | settings.model_dump(include={"resamples", "seed"}),
        training=trained_by_horizon(settings.training, horizons),
        bar={str(h): bars[place] for place, h in enumerate(horizons) if place in bars},
        forecasters=results,
        comparisons=comparisons,
    )
    targets = check_targets(result, len(moves.panel.symbols))
    return result.model_copy(update={"targets": targets, "findings": horizon_findings(result, targets)})


def trained_by_horizon(training: TrainingConfig, horizons: Sequence[int]) -> TrainingConfig | None:
    """The product's configuration with all horizons that are asked for; None where it has none of its own."""
    if not training.horizons:
        return None
    return training.model_copy(update={"horizons": tuple(sorted({*training.horizons, *horizons}))})


def _figures(
    losses: MeasuredLosses,
    comparer: Comparer,
    moves: Moves,
    schedule: Schedule,
    place: int,
    in_confidence_set: dict[Measure, float],
) -> HorizonFigures:
    horizon = moves.horizons[place]

    def figure(name: str) -> object:
        return comparer.figure(losses, name, place)

    years = moves.panel.sessions.astype("datetime64[Y]")
    of_year = {
        "qlike": years[schedule.first : schedule.stop],
        **{f"inside {level}": years[schedule.origins] for level in LEVELS},
    }

    def by_year(name: str) -> dict[str, float]:
        sums, counts = losses.sums[name][:, place], losses.counts[name][:, place]
        parts = {str(year): of_year[name] == year for year in np.unique(of_year[name])}
        return {year: float(sums[p].sum() / counts[p].sum()) for year, p in parts.items() if counts[p].any()}

    coverage = {str(level): by_year(f"inside {level}") for level in LEVELS}
    return HorizonFigures.model_validate(
        {
            "horizon": horizon,
            **{name: figure(name) for name in ("qlike", "crps", "pinball", "brier")},
            "brier_by_strike": {
                f"{s:g}": float(b) for s, b in zip(STRIKES, losses.strikes[:, place], strict=True)
            },
            "coverage": {str(level): figure(f"inside {level}") for level in LEVELS},
            "width": {
                str(level): float(
                    losses.sums[f"width {level}"][:, place].sum() / losses.counts["crps"][:, place].sum()
                )
                for level in LEVELS
            },
            "coverage_by_year": {
                year: {level: own[year] for level, own in coverage.items()}
                for year in coverage[str(LEVELS[0])]
            },
            "qlike_by_year": by_year("qlike"),
            "pit": losses.pit[place].tolist(),
            "in_confidence_set": in_confidence_set,
        }
    )


def _by_symbol(
    moves: Moves, losses: Mapping[str, MeasuredLosses], name: str, bars: Mapping[int, str]
) -> dict[str, dict[str, SymbolHorizon]]:
    """Figures of each symbol beside the bar and the log-normal, where both are in the run."""
    if LOGNORMAL not in losses or not bars:
        return {}
    own, desk = losses[name], losses[LOGNORMAL]

    def mean(of: MeasuredLosses, measure: str, symbol: int, place: int) -> float:
        return float(of.by_symbol[measure][symbol, place] / of.symbol_counts[measure][symbol, place])

    return {
        symbol: found
        for column, symbol in enumerate(moves.panel.symbols)
        if (
            found := {
                str(horizon): SymbolHorizon(
                    sessions=int(own.symbol_counts["qlike"][column, place]),
                    qlike=mean(own, "qlike", column, place),
                    qlike_bar=mean(losses[bars[place]], "qlike", column, place),
                    crps=mean(own, "crps", column, place),
                    crps_lognormal=mean(desk, "crps", column, place),
                    coverage={str(level): mean(own, f"inside {level}", column, place) for level in LEVELS},
                )
                for place, horizon in enumerate(moves.horizons)
                if own.symbol_counts["qlike"][column, place] and own.symbol_counts["crps"][column, place]
            }
        )
    }


def _named(horizons: Sequence[int], counts: np.ndarray) -> dict[str, int]:
    return {str(horizon): int(count) for horizon, count in zip(horizons, counts, strict=True)}
