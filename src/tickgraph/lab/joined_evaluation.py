"""All evaluations in one document: the next return, how far prices move by horizon, touched levels, strategies."""

from __future__ import annotations

from collections.abc import Mapping

from tickgraph.errors import InputError
from tickgraph.lab.compared import in_order
from tickgraph.lab.evaluation.evaluate import EvaluationSettings, evaluate, leg_symbols
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.evaluation.forecasters.method_catalogue import FORECASTERS
from tickgraph.lab.evaluation.windows import walk_windows
from tickgraph.lab.horizons.evaluate_horizons import HorizonSettings, evaluate_horizons
from tickgraph.lab.horizons.horizon_catalogue import HORIZON_FORECASTERS
from tickgraph.lab.measured_on import empty_evaluation, moving_panel
from tickgraph.lab.options.strategy_evaluation import StrategySettings, evaluate_strategies
from tickgraph.lab.options.strategy_rules import STRATEGIES
from tickgraph.lab.options.touch_evaluation import TouchSettings, evaluate_touch
from tickgraph.lab.options.touch_methods import METHODS
from tickgraph.lab.run import Run
from tickgraph.market.panel import PricePanel

GROUPS: Mapping[str, tuple[str, ...]] = {
    "returns": FORECASTERS,
    "horizons": HORIZON_FORECASTERS,
    "touch": METHODS,
    "strategies": STRATEGIES,
}
"""Forecasters of the next return, those by horizon, methods of a touch, strategies, under the name of their part."""


NOT_QUICK = ("network-no-edges", "network-listening", "network-shuffled-edges", "network-alone")
"""Ablations that a quick run leaves out unless they are named: each fits a universe or many models of its own."""
PARTS_NOT_QUICK = ("touch", "strategies")
"""Parts that a quick run leaves out unless they are named."""


def chosen_forecasters(words: list[str], *, quick: bool = False) -> dict[str, tuple[str, ...]]:
    """Names by part of the evaluation; without words, all.

    Parameters
    ----------
    words
        Names of forecasters, of methods of a touch, of strategies and of parts.
    quick
        Whether :data:`NOT_QUICK` are left out of a whole part, and :data:`PARTS_NOT_QUICK` of all.

    Raises
    ------
    InputError
        A word is neither.
    """
    # Refuses a word that is none of these.
    in_order(words, [*GROUPS, *(name for names in GROUPS.values() for name in names)])
    parts = words or [part for part in GROUPS if not (quick and part in PARTS_NOT_QUICK)]
    return {
        part: tuple(
            name for name in names if name in words or (part in parts and not (quick and name in NOT_QUICK))
        )
        for part, names in GROUPS.items()
    }


def evaluate_parts(
    panel: PricePanel,
    of_returns: EvaluationSettings | None,
    by_horizon: HorizonSettings | None,
    of_touch: TouchSettings | None,
    of_strategies: StrategySettings | None,
    run: Run,
    *,
    source: str | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Evaluation:
    """Run one part of the evaluation or several.

    Parameters
    ----------
    panel, run, source, left_out
        As :func:`tickgraph.lab.evaluation.evaluate.evaluate`.
    of_returns, by_horizon, of_touch, of_strategies
        Settings of each part; None leaves it out.

    Raises
    ------
    InputError
        No part, or fewer than 3 symbols; and all that the parts raise.
    """
    if of_returns is None and by_horizon is None and of_touch is None and of_strategies is None:
        raise InputError("Nothing to evaluate: name a forecaster.")
    moving, unmoved = moving_panel(panel)
    if of_returns is not None:  # what cannot be evaluated fails before the other parts take their time
        leg_symbols(of_returns, len(moving.symbols))
        walk_windows(panel.sessions, of_returns.windows, of_returns.forecasters.training.history)
    parts: dict[str, object] = {}
    if by_horizon is not None:
        parts["horizons"] = evaluate_horizons(moving, by_horizon, run.within("horizons"))
    if of_touch is not None:
        parts["touch"] = evaluate_touch(moving, of_touch, run.within("touch"))
    if of_strategies is not None:
        parts["strategies"] = evaluate_strategies(moving, of_strategies, run.within("strategies"))
    if of_returns is None:
        result = empty_evaluation(moving, source, {**(left_out or {}), **unmoved})
    else:
        result = evaluate(panel, of_returns, run, source=source, left_out=left_out)
    return result.model_copy(update=parts)
