"""Pairs of forecasters on the same cells, and which of all may be the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial

import numpy as np

from tickgraph.lab.evaluation.resampling import SessionBootstrap, ratio
from tickgraph.lab.horizons.horizon_result import HorizonComparison, Measure
from tickgraph.lab.horizons.loss_tests import confidence_set, diebold_mariano, shortest_block
from tickgraph.lab.horizons.measured_losses import MeasuredLosses
from tickgraph.lab.intervals import interval_text
from tickgraph.registry.evaluation_record import Figure
from tickgraph.wording import counted

MEASURES: tuple[Measure, ...] = ("qlike", "crps", "brier")
NAMES: Mapping[Measure, str] = {"qlike": "QLIKE", "crps": "CRPS", "brier": "Brier score"}

BARS = ("har", "har-free")
"""The own HAR by QLIKE; whichever is better at a horizon is the bar for every graph."""
LOGNORMAL = "lognormal-20"
GJR = "gjr-fhs"
BENCHMARKS = (LOGNORMAL, GJR)
"""What every forecaster is compared with, beside the bar."""

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("graph-har", "har", "What the graph is worth to a regression"),
    ("graph-har-listening", "graph-har", "Listening to all symbols in place of ten peers and the market"),
    ("har", "har-least-squares", "Fitting by QLIKE in place of least squares"),
    ("lightgbm-variance", "graph-har-listening", "Trees in place of the regression"),
    ("network", "graph-har-listening", "The network, against the regression that listens"),
    ("network", "network-no-edges", "What the edges are worth to the network"),
    ("network", "network-listening", "What the ten peers are worth beside the listening node"),
    ("network", "network-shuffled-edges", "Whether the edges must lead to the right symbols"),
    ("network", "network-linear", "What the nonlinear path is worth"),
    ("network", "network-alone", "What it is worth to draw each symbol to the universe"),
    ("network", "network-embedding", "The graph, against a network that knows each symbol by name"),
)
"""Questions that were asked before the figures were known: first and second forecaster, and the question."""

SIGNIFICANT = 0.05


class Comparer:
    """All comparisons of one evaluation, on the same resamples.

    Parameters
    ----------
    losses
        By forecaster, of the same cells.
    horizons
        H numbers of sessions.
    step
        Sessions between two origins of distributions.
    seed, resamples
        Of the bootstrap.
    """

    def __init__(
        self,
        losses: Mapping[str, MeasuredLosses],
        horizons: Sequence[int],
        step: int,
        seed: int,
        resamples: int,
    ) -> None:
        self._losses = losses
        self._horizons = horizons
        self._step = step
        self._seed = seed
        self._resamples = resamples
        self._bootstrap = cache(partial(SessionBootstrap, seed=seed, resamples=resamples))

    def figure(self, losses: MeasuredLosses, name: str, place: int) -> Figure | None:
        """A mean loss with its interval."""
        return self._ratio(losses.sums[name][:, place], losses.counts[name][:, place], name, place)

    def compare(self, first: str, second: str, measure: Measure, place: int) -> HorizonComparison | None:
        """The ratio of two mean losses with its interval, and the test of no difference."""
        one, two = self._losses[first], self._losses[second]
        found = self._ratio(one.sums[measure][:, place], two.sums[measure][:, place], measure, place)
        if found is None:
            return None
        horizon = self._horizons[place]
        difference = one.session_means(measure, place) - two.session_means(measure, place)
        p, p_long = (
            diebold_mariano(difference, horizon, self._steps(measure), long=long) for long in (False, True)
        )
        if not (np.isfinite(p) and np.isfinite(p_long)):
            return None
        return HorizonComparison(
            first=first,
            second=second,
            horizon=horizon,
            measure=measure,
            ratio=found,
            p_value=p,
            p_value_long=p_long,
            conclusion=conclusion(first, second, measure, horizon, found, p, p_long),
        )

    def comparisons(self, kinds: Mapping[str, str], bars: Mapping[int, str]) -> list[HorizonComparison]:
        """Every forecaster against the benchmarks and the bar, and the pairs of :data:`QUESTIONS`."""
        pairs = [(first, second) for first in kinds for second in BENCHMARKS]
        pairs += [(first, second) for first, second, _ in QUESTIONS]
        at = [(pair, place) for place in range(len(self._horizons)) for pair in pairs]
        at += [((first, bar), place) for place, bar in bars.items() for first in kinds]
        found = [
            self.compare(first, second, measure, place)
            for (first, second), place in sorted(dict.fromkeys(at), key=lambda each: each[1])
            if first != second and {first, second} <= kinds.keys()
            for measure in MEASURES
        ]
        return [each for each in found if each is not None]

    def confidence_sets(self, measure: Measure) -> list[dict[str, float]]:
        """p-values in the model confidence set, a mapping for each horizon."""
        return [
            confidence_set(
                {name: own.session_means(measure, place) for name, own in self._losses.items()},
                shortest_block(horizon, self._steps(measure)),
                seed=self._seed,
                resamples=self._resamples,
            )
            for place, horizon in enumerate(self._horizons)
        ]

    def _steps(self, name: str) -> int:
        return 1 if name == "qlike" else self._step

    def _ratio(self, above: np.ndarray, below: np.ndarray, name: str, place: int) -> Figure | None:
        block = shortest_block(self._horizons[place], self._steps(name))
        return self._bootstrap(len(above)).estimate(np.stack([above, below], axis=1), ratio, block)


def best_bars(losses: Mapping[str, MeasuredLosses], horizons: Sequence[int]) -> dict[int, str]:
    """The better of the :data:`BARS` by QLIKE at each horizon's place; empty where none is in the run."""
    known = [name for name in BARS if name in losses]
    if not known:
        return {}
    return {
        place: min(known, key=lambda name: losses[name].sums["qlike"][:, place].sum())
        for place in range(len(horizons))
    }


def conclusion(
    first: str, second: str, measure: Measure, horizon: int, found: Figure, p_value: float, p_long: float
) -> str:
    """One sentence: better, worse or not told apart at 5 %."""
    where = f"by {NAMES[measure]} over {counted(horizon, 'session')}"
    interval = interval_text(found, ", 95 % interval {:.3f} to {:.3f}")
    figures = f"ratio {found.value:.3f}{interval}, {written_p(p_value, p_long)}"
    if p_value >= SIGNIFICANT:
        return f"{first} and {second} are not told apart {where}: {figures}."
    return f"{first} is {'better' if found.value < 1 else 'worse'} than {second} {where}: {figures}."


def written_p(p_value: float, p_long: float | None = None) -> str:
    """``p 0.012`` or ``p below 0.001``; also that of a long lag, where its verdict is another one."""
    text = "p below 0.001" if p_value < 0.001 else f"p {p_value:.3f}"
    if p_long is None or (p_value < SIGNIFICANT) == (p_long < SIGNIFICANT):
        return text
    return f"{text}, {p_long:.3f} with a long lag"
