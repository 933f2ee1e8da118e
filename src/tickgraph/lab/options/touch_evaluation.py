"""An evaluation of touched levels from prices to its result: walk, measure, conclude."""

from __future__ import annotations

from pydantic import Field

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.compared import in_order
from tickgraph.lab.options.network_walk import NetworkWalk, OptionsSettings
from tickgraph.lab.options.options_conclusions import touch_findings, touch_targets
from tickgraph.lab.options.options_measures import touch_horizon
from tickgraph.lab.options.options_result import TouchEvaluation, TouchMethodResult
from tickgraph.lab.options.touch_methods import DESCRIPTIONS, METHODS, PATHS, PRODUCT
from tickgraph.lab.options.touch_walk import DISTANCES, forecast_touches
from tickgraph.lab.run import Run
from tickgraph.market.panel import PricePanel

PATHS_EVERY = 10
"""Origins from one at which paths are simulated to the next."""


class TouchSettings(OptionsSettings):
    """As :class:`OptionsSettings`; paths are simulated at every so many of the sessions that are judged."""

    names: tuple[str, ...] = METHODS
    paths_every: int = Field(default=PATHS_EVERY, ge=1)


def evaluate_touch(panel: PricePanel, settings: TouchSettings, run: Run) -> TouchEvaluation:
    """Judge probabilities of touching a level, walk-forward.

    Parameters
    ----------
    panel, settings, run
        As :func:`tickgraph.lab.horizons.evaluate_horizons.evaluate_horizons`.

    Raises
    ------
    HistoryTooShortError, InputError
        As :func:`tickgraph.lab.horizons.schedule.make_schedule`; or no level could be judged, or a method is unknown.
    StorageError
        As :func:`tickgraph.lab.options.touch_walk.forecast_touches`.
    """
    names = in_order(settings.names, METHODS, "method")
    walk = NetworkWalk.of(panel, settings)
    schedule, windows = walk.schedule, settings.windows
    run.listener.on_start(walk.stretch_count)
    found = forecast_touches(walk, names, run, paths_every=settings.paths_every)
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
            for place, horizon in enumerate(walk.horizons)
        ]
        results.append(
            TouchMethodResult(
                name=name,
                kind="model" if name == PRODUCT else "ablation" if name == PATHS else "baseline",
                description=DESCRIPTIONS[name],
                horizons=[each for each in figures if each is not None],
            )
        )
        run.listener.on_measured(name)
    if not any(result.horizons for result in results):
        raise HistoryTooShortError(
            f"No level could be judged in the test range of {schedule.stop - schedule.first} sessions: it ends within "
            f"{walk.horizons[0]} sessions, or the network has too little history before it. Lower --train-sessions, "
            "start later, or give more symbols or history."
        )
    first_session, last_session = schedule.span(panel.sessions)
    result = TouchEvaluation(
        horizons=list(walk.horizons),
        distances=list(DISTANCES),
        first_session=first_session,
        last_session=last_session,
        settings=windows.model_dump(include={"train_sessions", "refit_every", "density_every"})
        | {"paths_every": settings.paths_every}
        | settings.model_dump(include={"resamples", "seed"}),
        methods=results,
    )
    targets = touch_targets(result)
    return result.model_copy(update={"targets": targets, "findings": touch_findings(result, targets)})
