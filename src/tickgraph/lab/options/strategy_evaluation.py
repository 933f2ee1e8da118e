"""An evaluation of strategies from prices to its result: enter, measure, conclude."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.compared import in_order
from tickgraph.lab.evaluation.resampling import RESAMPLES
from tickgraph.lab.horizons.evaluate_horizons import HorizonListener
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT, make_horizon_forecasters
from tickgraph.lab.horizons.moves import HORIZONS as ALL_HORIZONS
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.schedule import HorizonWindows, make_schedule
from tickgraph.lab.horizons.walk import stretch_count
from tickgraph.lab.options.strategy_conclusions import strategy_findings, strategy_targets
from tickgraph.lab.options.strategy_measures import StrategyMeasures
from tickgraph.lab.options.strategy_result import StrategyEvaluation, StrategyResult
from tickgraph.lab.options.strategy_rules import PRICING, RULES, STRATEGIES
from tickgraph.lab.options.strategy_walk import enter_strategies
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import MIN_SESSIONS, MIN_SYMBOLS

HORIZONS = (5, 10, 21)
"""Sessions to the expiry: a week, two weeks and a month."""
ALL = "all"
"""Name of all strategies together."""


class StrategySettings(BaseModel):
    """Which strategies are judged, and how.

    Attributes
    ----------
    windows
        The walk. Strategies are entered every ``density_every`` sessions and expire after its horizons.
    names
        Strategies.
    training
        The product's training.
    resamples, seed
        Of the bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: HorizonWindows = HorizonWindows(horizons=HORIZONS)
    names: tuple[str, ...] = STRATEGIES
    training: TrainingConfig = TrainingConfig()
    resamples: int = Field(default=RESAMPLES, ge=100)
    seed: int = Field(default=0, ge=0)


def evaluate_strategies(
    panel: PricePanel,
    settings: StrategySettings,
    folder: Path,
    *,
    fresh: bool = False,
    listener: HorizonListener | None = None,
) -> StrategyEvaluation:
    """Judge stated probabilities of profit, walk-forward.

    Parameters
    ----------
    panel
        Prices; strategies are entered in every symbol.
    settings
        The walk and the strategies.
    folder
        Where results are kept, so that the same evaluation is not computed twice.
    fresh
        Compute everything, whatever is kept.
    listener
        Is told of progress.

    Raises
    ------
    HistoryTooShortError, InputError
        As :func:`tickgraph.lab.horizons.schedule.make_schedule`; or no strategy could be judged, or one is unknown.
    StorageError
        As :func:`tickgraph.lab.options.strategy_walk.enter_strategies`.
    """
    listener = listener or HorizonListener()
    rules = [RULES[name] for name in in_order(settings.names, STRATEGIES, "strategy")]
    asked = settings.windows.horizons
    # The distribution begins at one session. With the horizons of the other part the networks' fits are the same.
    windows = settings.windows.model_copy(update={"horizons": tuple(sorted({*ALL_HORIZONS, *asked}))})
    (forecaster,) = make_horizon_forecasters((PRODUCT,), config=settings.training)
    schedule = make_schedule(panel.sessions, windows)
    moves = Moves.of(panel, windows.horizons)
    listener.on_start(stretch_count(forecaster, schedule))
    entered = enter_strategies(
        moves, forecaster, rules, asked, schedule, folder, fresh=fresh, on_progress=listener.on_stretch
    )
    days = panel.sessions.astype("datetime64[D]")
    measures = StrategyMeasures(
        entered,
        days[schedule.origins].astype("datetime64[Y]").astype(str),
        windows.density_every,
        settings.seed,
        settings.resamples,
    )
    parts = [(rule.name, rule.description, slice(k, k + 1)) for k, rule in enumerate(rules)]
    if len(rules) > 1:
        parts.append((ALL, "All of them together.", slice(None)))
    results = []
    for name, description, own in parts:
        found = [measures.figures(place, horizon, own) for place, horizon in enumerate(asked)]
        results.append(
            StrategyResult(name=name, description=description, horizons=[each for each in found if each])
        )
        listener.on_measured(name)
    if not any(result.horizons for result in results):
        raise HistoryTooShortError(
            f"No strategy could be judged in the test range of {schedule.stop - schedule.first} sessions: prices end "
            f"within {asked[0]} sessions of entry, or the network has fewer than {MIN_SYMBOLS} symbols or "
            f"{MIN_SESSIONS} sessions before. Lower --train-sessions, start later, or give more symbols or history."
        )
    result = StrategyEvaluation(
        horizons=list(asked),
        forecaster=forecaster.name,
        pricing=PRICING,
        first_session=days[schedule.first].item(),
        last_session=days[schedule.stop - 1].item(),
        settings={
            "train_sessions": windows.train_sessions,
            "refit_every": windows.refit_every,
            "density_every": windows.density_every,
            "resamples": settings.resamples,
            "seed": settings.seed,
        },
        strategies=results,
    )
    targets = strategy_targets(result)
    return result.model_copy(update={"targets": targets, "findings": strategy_findings(result, targets)})
