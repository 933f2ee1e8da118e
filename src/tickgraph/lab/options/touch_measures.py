"""How good probabilities of a touch are: Brier score, reliability by tenths, and both against the product's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tickgraph.lab.evaluation.resampling import SessionBootstrap, ratio
from tickgraph.lab.horizons.loss_tests import diebold_mariano, shortest_block
from tickgraph.lab.options.options_result import TouchDecile, TouchHorizon
from tickgraph.registry.evaluation_record import Figure
from tickgraph.shapes import Float64

TENTHS = 10


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
    place = np.clip((np.nan_to_num(said, nan=-1.0) * TENTHS).astype(int), -1, TENTHS - 1)
    place = np.where(np.isfinite(said), place, -1)
    found = []
    for tenth in range(TENTHS):
        own = place == tenth
        error = figure(np.where(own, touched - said, 0.0), own.astype(np.float64))
        if error is None:  # an empty tenth
            continue
        found.append(
            TouchDecile(
                lower=tenth / TENTHS,
                upper=(tenth + 1) / TENTHS,
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
