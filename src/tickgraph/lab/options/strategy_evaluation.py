"""An evaluation of strategies from prices to its result: enter, measure, conclude."""

from __future__ import annotations

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.compared import in_order
from tickgraph.lab.options.network_walk import NetworkWalk, OptionsSettings
from tickgraph.lab.options.options_conclusions import strategy_findings, strategy_targets
from tickgraph.lab.options.options_measures import StrategyMeasures
from tickgraph.lab.options.options_result import StrategyEvaluation, StrategyResult
from tickgraph.lab.options.strategy_rules import PRICING, RULES, STRATEGIES
from tickgraph.lab.options.strategy_walk import enter_strategies
from tickgraph.lab.run import Run
from tickgraph.market.panel import PricePanel
from tickgraph.model.universe_fit import MIN_SESSIONS, MIN_SYMBOLS

ALL = "all"
"""Name of all strategies together."""


class StrategySettings(OptionsSettings):
    """As :class:`OptionsSettings`; strategies expire after the walk's horizons."""

    names: tuple[str, ...] = STRATEGIES


def evaluate_strategies(panel: PricePanel, settings: StrategySettings, run: Run) -> StrategyEvaluation:
    """Judge stated probabilities of profit, walk-forward.

    Parameters
    ----------
    panel, settings, run
        As :func:`tickgraph.lab.horizons.evaluate_horizons.evaluate_horizons`.

    Raises
    ------
    HistoryTooShortError, InputError
        As :func:`tickgraph.lab.horizons.schedule.make_schedule`; or no strategy could be judged, or one is unknown.
    StorageError
        As :func:`tickgraph.lab.options.strategy_walk.enter_strategies`.
    """
    rules = [RULES[name] for name in in_order(settings.names, STRATEGIES, "strategy")]
    walk = NetworkWalk.of(panel, settings)
    schedule, windows = walk.schedule, settings.windows
    run.listener.on_start(walk.stretch_count)
    entered = enter_strategies(walk, rules, run)
    measures = StrategyMeasures(
        entered,
        panel.sessions[schedule.origins].astype("datetime64[Y]").astype(str),
        windows.density_every,
        settings.seed,
        settings.resamples,
    )
    parts = [(rule.name, rule.description, slice(k, k + 1)) for k, rule in enumerate(rules)]
    if len(rules) > 1:
        parts.append((ALL, "All of them together.", slice(None)))
    results = []
    for name, description, own in parts:
        found = [measures.figures(place, horizon, own) for place, horizon in enumerate(walk.horizons)]
        results.append(
            StrategyResult(name=name, description=description, horizons=[each for each in found if each])
        )
        run.listener.on_measured(name)
    if not any(result.horizons for result in results):
        raise HistoryTooShortError(
            f"No strategy could be judged in the test range of {schedule.stop - schedule.first} sessions: prices end "
            f"within {walk.horizons[0]} sessions of entry, or the network has fewer than {MIN_SYMBOLS} symbols or "
            f"{MIN_SESSIONS} sessions before. Lower --train-sessions, start later, or give more symbols or history."
        )
    first_session, last_session = schedule.span(panel.sessions)
    result = StrategyEvaluation(
        horizons=list(walk.horizons),
        forecaster=walk.forecaster.name,
        pricing=PRICING,
        first_session=first_session,
        last_session=last_session,
        settings=windows.model_dump(include={"train_sessions", "refit_every", "density_every"})
        | settings.model_dump(include={"resamples", "seed"}),
        strategies=results,
    )
    targets = strategy_targets(result)
    return result.model_copy(update={"targets": targets, "findings": strategy_findings(result, targets)})
