"""An evaluation of touched levels from prices to its result: walk, measure, conclude."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.compared import in_order
from tickgraph.lab.evaluation.resampling import RESAMPLES
from tickgraph.lab.horizons.evaluate_horizons import HorizonListener
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT as NETWORK
from tickgraph.lab.horizons.horizon_catalogue import make_horizon_forecasters
from tickgraph.lab.horizons.moves import HORIZONS as ALL_HORIZONS
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.schedule import HorizonWindows, make_schedule
from tickgraph.lab.horizons.walk import stretch_count
from tickgraph.lab.options.touch_conclusions import touch_findings, touch_targets
from tickgraph.lab.options.touch_measures import touch_horizon
from tickgraph.lab.options.touch_methods import DESCRIPTIONS, METHODS, PATHS, PRODUCT
from tickgraph.lab.options.touch_result import TouchEvaluation, TouchMethodResult
from tickgraph.lab.options.touch_walk import DISTANCES, forecast_touches
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig

HORIZONS = (5, 10, 21)
"""Sessions ahead: a week, two weeks and a month."""
PATHS_EVERY = 10
"""Origins between two at which paths are simulated."""


class TouchSettings(BaseModel):
    """What is evaluated, and how.

    Attributes
    ----------
    windows
        The walk. Levels are judged every ``density_every`` sessions, up to its horizons.
    names
        Methods.
    training
        The product's training.
    paths_every
        Paths are simulated at every so many of these sessions.
    resamples, seed
        Of the bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: HorizonWindows = HorizonWindows(horizons=HORIZONS)
    names: tuple[str, ...] = METHODS
    training: TrainingConfig = TrainingConfig()
    paths_every: int = Field(default=PATHS_EVERY, ge=1)
    resamples: int = Field(default=RESAMPLES, ge=100)
    seed: int = Field(default=0, ge=0)


def evaluate_touch(
    panel: PricePanel,
    settings: TouchSettings,
    folder: Path,
    *,
    fresh: bool = False,
    listener: HorizonListener | None = None,
) -> TouchEvaluation:
    """Judge probabilities of touching a level, walk-forward.

    Parameters
    ----------
    panel
        Prices; levels of every symbol are judged.
    settings
        The walk and the methods.
    folder
        Where results are kept, so that the same evaluation is not computed twice.
    fresh
        Compute everything, whatever is kept.
    listener
        Is told of progress.

    Raises
    ------
    HistoryTooShortError, InputError
        As :func:`tickgraph.lab.horizons.schedule.make_schedule`; or no level could be judged, or a method is unknown.
    StorageError
        As :func:`tickgraph.lab.options.touch_walk.forecast_touches`.
    """
    listener = listener or HorizonListener()
    names = in_order(settings.names, METHODS, "method")
    asked = settings.windows.horizons
    # The distribution begins at one session. With the horizons of the other part the networks' fits are the same.
    windows = settings.windows.model_copy(update={"horizons": tuple(sorted({*ALL_HORIZONS, *asked}))})
    (forecaster,) = make_horizon_forecasters((NETWORK,), config=settings.training)
    schedule = make_schedule(panel.sessions, windows)
    moves = Moves.of(panel, windows.horizons)
    listener.on_start(stretch_count(forecaster, schedule))
    found = forecast_touches(
        moves,
        forecaster,
        names,
        asked,
        schedule,
        folder,
        paths_every=settings.paths_every,
        fresh=fresh,
        on_progress=listener.on_stretch,
    )
    results = []
    for name in names:
        every = settings.paths_every if name == PATHS else 1
        rows = slice(None, None, every)
        figures = [
            touch_horizon(
                found.said[name][rows, :, place],
                found.touched[rows, :, place],
                None if name == PRODUCT or PRODUCT not in names else found.said[PRODUCT][rows, :, place],
                horizon,
                windows.density_every * every,
                settings.seed,
                settings.resamples,
            )
            for place, horizon in enumerate(asked)
        ]
        results.append(
            TouchMethodResult(
                name=name,
                kind="model" if name == PRODUCT else "ablation" if name == PATHS else "baseline",
                description=DESCRIPTIONS[name],
                horizons=[each for each in figures if each is not None],
            )
        )
        listener.on_measured(name)
    if not any(result.horizons for result in results):
        raise HistoryTooShortError(
            f"No level could be judged in the test range of {schedule.stop - schedule.first} sessions: it ends within "
            f"{asked[0]} sessions, or the network has too little history before it. Lower --train-sessions, start "
            "later, or give more symbols or history."
        )
    days = panel.sessions.astype("datetime64[D]")
    result = TouchEvaluation(
        horizons=list(asked),
        distances=list(DISTANCES),
        first_session=days[schedule.first].item(),
        last_session=days[schedule.stop - 1].item(),
        settings={
            "train_sessions": windows.train_sessions,
            "refit_every": windows.refit_every,
            "density_every": windows.density_every,
            "paths_every": settings.paths_every,
            "resamples": settings.resamples,
            "seed": settings.seed,
        },
        methods=results,
    )
    targets = touch_targets(result)
    return result.model_copy(update={"targets": targets, "findings": touch_findings(result, targets)})
