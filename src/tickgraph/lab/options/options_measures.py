"""How good stated probabilities were, with intervals over sessions: of touched levels, and of profits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from tickgraph.lab.evaluation.resampling import SessionBootstrap, ratio
from tickgraph.lab.horizons.loss_tests import diebold_mariano, shortest_block
from tickgraph.lab.options.options_result import ProfitBin, StrategyHorizon, TouchDecile, TouchHorizon
from tickgraph.lab.options.strategy_walk import EnteredStrategies
from tickgraph.registry.evaluation_record import Figure
from tickgraph.shapes import Float64, Shaped

BINS = 10


def touch_horizon(
    said: Float64[np.ndarray, "origins symbols levels"],
    touched: Float64[np.ndarray, "origins symbols levels"],
    product: Float64[np.ndarray, "origins symbols levels"] | None,
    horizon: int,
    step: int,
    seed: int,
    resamples: int,
) -> TouchHorizon | None:
    """Figures of one method up to one horizon; None where nothing was judged.

    Parameters
    ----------
    said, touched
        Probabilities, and 1 or 0; NaN where not known.
    product
        The product's probabilities; None where this is the product, or it was not evaluated.
    horizon, step
        Sessions ahead, and sessions between two origins.
    seed, resamples
        Of the bootstrap.
    """
    judged = np.isfinite(said) & np.isfinite(touched)
    bootstrap = SessionBootstrap(len(said), seed=seed, resamples=resamples)

    def figure(
        above: Float64[np.ndarray, "origins symbols levels"],
        below: Float64[np.ndarray, "origins symbols levels"],
    ) -> Figure | None:
        sums = np.stack([each.sum(axis=(1, 2)) for each in (above, below)], axis=1)  # [O, 2]
        return bootstrap.estimate(sums, ratio, shortest_block(horizon, step))

    loss = np.where(judged, (said - touched) ** 2, 0.0)
    brier = figure(loss, judged.astype(np.float64))
    if brier is None:
        return None
    brier_ratio, p_value = None, None
    if product is not None:
        both = judged & np.isfinite(product)
        own, theirs = np.where(both, (product - touched) ** 2, 0.0), np.where(both, loss, 0.0)
        brier_ratio = figure(own, theirs)
        p_value = _p_value(own - theirs, both, horizon, step)
    return TouchHorizon(
        horizon=horizon,
        levels=int(judged.sum()),
        brier=brier,
        brier_ratio=brier_ratio,
        p_value=p_value,
        deciles=_deciles(np.where(judged, said, np.nan), touched, figure),
    )


def _deciles(
    said: Float64[np.ndarray, "origins symbols levels"],
    touched: Float64[np.ndarray, "origins symbols levels"],
    figure: Callable[[np.ndarray, np.ndarray], Figure | None],
) -> list[TouchDecile]:
    place = np.clip((np.nan_to_num(said) * BINS).astype(int), 0, BINS - 1)
    found = []
    for tenth in range(BINS):
        own = np.isfinite(said) & (place == tenth)
        error = figure(np.where(own, touched - said, 0.0), own.astype(np.float64))
        if error is None:  # an empty tenth
            continue
        found.append(
            TouchDecile(
                lower=tenth / BINS,
                upper=(tenth + 1) / BINS,
                levels=int(own.sum()),
                said=float(said[own].mean()),
                came=float(touched[own].mean()),
                error=error,
            )
        )
    return found


def _p_value(difference: np.ndarray, counted: np.ndarray, horizon: int, step: int) -> float | None:
    """Of no difference in each session's mean over its levels."""
    count = counted.sum(axis=(1, 2))
    sessions = count > 0
    means = difference.sum(axis=(1, 2))[sessions] / count[sessions]
    p = diebold_mariano(means, horizon, step)
    return p if math.isfinite(p) else None


class StrategyMeasures:
    """Figures of strategies that were entered on the same sessions.

    Parameters
    ----------
    entered
        What was stated and what came.
    years
        Of each origin, such as ``"2018"``.
    step
        Sessions between two origins.
    seed, resamples
        Of the bootstrap.
    """

    def __init__(
        self,
        entered: EnteredStrategies,
        years: Shaped[np.ndarray, "origins"],
        step: int,
        seed: int,
        resamples: int,
    ) -> None:
        self._entered = entered
        self._years = years
        self._step = step
        self._bootstrap = SessionBootstrap(len(years), seed=seed, resamples=resamples)

    def figures(self, place: int, horizon: int, strategies: slice) -> StrategyHorizon | None:
        """Figures of some strategies together at one horizon; None where none was entered."""
        part = {
            name: getattr(self._entered, name)[:, :, place, strategies].reshape(len(self._years), -1)
            for name in ("stated", "lognormal", "expected", "earned", "profitable")
        }  # [O, S * K]
        known = np.isfinite(part["stated"])
        if not known.any():
            return None
        stated, came = (np.where(known, part[name], 0.0) for name in ("stated", "profitable"))
        errors = {
            name: np.where(known, (part[name] - part["profitable"]) ** 2, 0.0)
            for name in ("stated", "lognormal")
        }
        count = known.sum(axis=1).astype(np.float64)  # [O]

        def mean(values: Float64[np.ndarray, "origins cells"]) -> Figure:
            return self._figure(horizon, values.sum(axis=1), count)

        def plain(name: str) -> float:
            return float(part[name][known].mean())

        return StrategyHorizon(
            horizon=horizon,
            sessions=int((count > 0).sum()),
            strategies=int(count.sum()),
            stated=plain("stated"),
            came=mean(came),
            difference=mean(came - stated),
            stated_lognormal=plain("lognormal"),
            brier=mean(errors["stated"]),
            brier_ratio=self._figure(horizon, errors["stated"].sum(axis=1), errors["lognormal"].sum(axis=1)),
            expected_profit=plain("expected"),
            mean_profit=mean(np.where(known, part["earned"], 0.0)),
            deciles=self._deciles(horizon, part),
            by_year=self._by_year(part),
        )

    def _deciles(
        self, horizon: int, part: Mapping[str, Float64[np.ndarray, "origins cells"]]
    ) -> list[ProfitBin]:
        stated = part["stated"]
        known = np.isfinite(stated)
        edges = np.unique(np.quantile(stated[known], np.arange(1, BINS) / BINS))
        bins = np.searchsorted(edges, stated, side="right")
        sums = np.stack(
            [
                np.stack([np.where(inside, part["profitable"], 0.0).sum(axis=1), inside.sum(axis=1)], axis=-1)
                for inside in (known & (bins == number) for number in range(len(edges) + 1))
            ],
            axis=1,
        )  # [O, B, 2]
        block = shortest_block(horizon, self._step)
        shares = self._bootstrap.estimates(sums.astype(np.float64), ratio, block)
        return [
            ProfitBin(stated=float(stated[inside].mean()), came=came, strategies=int(inside.sum()))
            for number, came in enumerate(shares)
            if came is not None and (inside := known & (bins == number)).any()
        ]

    def _by_year(self, part: Mapping[str, Float64[np.ndarray, "origins cells"]]) -> dict[str, ProfitBin]:
        found = {}
        for year in np.unique(self._years):
            stated, came = (part[name][self._years == year] for name in ("stated", "profitable"))
            known = np.isfinite(stated)
            if known.any():
                found[str(year)] = ProfitBin(
                    stated=float(stated[known].mean()),
                    came=Figure(value=float(came[known].mean())),
                    strategies=int(known.sum()),
                )
        return found

    def _figure(
        self, horizon: int, above: Float64[np.ndarray, "origins"], below: Float64[np.ndarray, "origins"]
    ) -> Figure:
        sums, block = np.stack([above, below], axis=1), shortest_block(horizon, self._step)
        found = self._bootstrap.estimate(sums, ratio, block)
        assert found is not None  # noqa: S101  something was entered
        return found
