"""Regressions of the variance over h sessions: the own log-range HAR, and the graph HAR with neighbours beside it.

    log F_h = log h + level + sum_k w_k a_k + sum_j c_j x_j

a_k are logs of averages of variance (levels), x_j what has no unit (downside, shocks, relative averages). One set of
coefficients a horizon, for all symbols. Sources: HAR, Corsi 2009, "A Simple Approximate Long-Memory Model of Realized
Volatility", J. Financial Econometrics 7(2); the log range in place of intraday data, Clements & Preve 2021, "A
Practical Guide to Harnessing the HAR Volatility Model", J. Banking & Finance 133; neighbours, Zhang, Pu, Cucuringu &
Dong 2025, Int. J. Forecasting 41(1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.horizons.method import Forecast, HorizonForecast, HorizonForecaster, Stretch
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.range_features import (
    CENTRES,
    CORRELATION_SESSIONS,
    PEERS,
    SHARPNESS,
    SQUARE_CENTRES,
    RangeFeatures,
)
from tickgraph.model.quasi_likelihood import fit_qlike
from tickgraph.shapes import Float64

Features = NDArray[np.float64]
"""``[rows, S, F]``."""
Looked = Callable[[RangeFeatures, Stretch, slice], tuple[Features, Features]]
"""From features, stretch and rows to levels and to what has no unit."""
Fit = Literal["least-squares", "qlike"]

FEWEST_ROWS = 10
"""Cells a coefficient that a fit needs."""
YOUNGEST = 150
"""Sessions that a symbol must have had before a fit learns from it: the longest average needs them."""

_MIDDLE = 1  # the average of centre of mass 5, to which the others are relative


def own_range(features: RangeFeatures, _: Stretch, rows: slice) -> tuple[Features, Features]:
    """The symbol's own averages of the range variance."""
    return features.own[rows], features.downside[rows, :, :0]


def own_peers_market(features: RangeFeatures, stretch: Stretch, rows: slice) -> tuple[Features, Features]:
    """Own averages, the ten peers', the market's, and the downside share."""
    levels = (
        features.own[rows],
        features.own_squares[rows],
        features.peers(stretch, rows),
        features.market[rows],
    )
    return np.concatenate(levels, axis=-1), features.downside[rows]


def own_listening(features: RangeFeatures, stretch: Stretch, rows: slice) -> tuple[Features, Features]:
    """Own averages, those of the whole universe by correlation, downside share and signed shocks."""
    levels = features.own[rows], features.own_squares[rows]
    others = features.listening(stretch, rows), features.downside[rows], features.shocks[rows]
    return np.concatenate(levels, axis=-1), np.concatenate(others, axis=-1)


def learned_cells(
    moves: Moves,
    stretch: Stretch,
    place: int,
    base: Float64[np.ndarray, "rows symbols"],
    inputs: Float64[np.ndarray, "rows symbols inputs"],
    most: int | None = None,
) -> tuple[Float64[np.ndarray, "cells inputs"], Float64[np.ndarray, "cells"]] | None:
    """Inputs and targets that a fit before a stretch learns from; None where they are too few.

    Parameters
    ----------
    place
        Of the horizon. The target is the variance of a session, mean over the horizon.
    base, inputs
        Of the rows from the first that is learned from on. The target is divided by the exponential of the base.
    most
        Cells that are enough: of more, every second, third ... session is taken.
    """
    horizon = moves.horizons[place]
    rows = stretch.fit_rows(horizon)
    past = slice(0, max(0, rows.stop - rows.start))
    target = moves.variance_ahead[rows, :, place] / horizon
    known = (moves.ages[rows] >= YOUNGEST) & (target > 0) & np.isfinite(inputs[past]).all(axis=-1)
    if most is not None:
        thinned = np.zeros(len(known), bool)
        thinned[:: -(-max(1, int(known.sum())) // most)] = True
        known &= thinned[:, None]
    if known.sum() < FEWEST_ROWS * inputs.shape[-1]:
        return None
    return inputs[past][known], target[known] * np.exp(-base[past][known])


def range_regression(
    name: str, description: str, looked: Looked, fit: Fit = "qlike", *, sums_to_one: bool = True
) -> HorizonForecaster:
    """A :class:`RangeRegression` by name."""
    settings = {
        "looked": looked.__name__,
        "fit": fit,
        "sums_to_one": sums_to_one,
        "centres": CENTRES,
        "square_centres": SQUARE_CENTRES,
        "peers": PEERS,
        "correlation_sessions": CORRELATION_SESSIONS,
        "sharpness": SHARPNESS,
        "youngest": YOUNGEST,
    }
    prepare = RangeRegression(looked, fit, sums_to_one).prepare
    return HorizonForecaster(name, "baseline", description, settings, prepare)


@dataclass(frozen=True)
class RangeRegression:
    """A regression of the log variance over h sessions, fitted on all symbols together.

    Attributes
    ----------
    looked
        Its inputs.
    fit
        ``qlike``: by the gamma quasi-likelihood. ``least-squares``: of log V on the inputs, with the mean of the
        exponential of the residuals (Duan 1983) as a correction.
    sums_to_one
        Whether the weights of the levels sum to one. Then the forecast has no level of its own to return to.
    """

    looked: Looked
    fit: Fit = "qlike"
    sums_to_one: bool = True

    def prepare(self, moves: Moves) -> Forecast:
        """Compute what does not depend on the stretch."""
        features = RangeFeatures(moves)
        fitted: dict[int, Float64[np.ndarray, "coefficients"]] = {}

        def forecast(stretch: Stretch) -> HorizonForecast:
            begin = stretch.fit_rows(1).start
            base, design = self._design(features, stretch, slice(begin, stretch.stop))
            variance = np.full((stretch.stop - stretch.first, design.shape[1], len(moves.horizons)), np.nan)
            for place, horizon in enumerate(moves.horizons):
                learned = learned_cells(moves, stretch, place, base, design)
                if learned is None:
                    continue
                fitted[horizon] = self._fitted(*learned, fitted.get(horizon))
                own = slice(stretch.first - begin, None)
                variance[..., place] = horizon * np.exp(base[own] + design[own] @ fitted[horizon])
            return HorizonForecast(variance)

        return forecast

    def _design(
        self, features: RangeFeatures, stretch: Stretch, rows: slice
    ) -> tuple[Float64[np.ndarray, "rows symbols"], Features]:
        """The level that all is relative to, and the columns: ones, other levels less it, the rest, and it itself."""
        levels, others = self.looked(features, stretch, rows)
        base = levels[..., _MIDDLE]
        columns = [np.ones((*base.shape, 1)), np.delete(levels - base[..., None], _MIDDLE, axis=-1), others]
        if not self.sums_to_one:
            columns.append(base[..., None])
        return base, np.concatenate(columns, axis=-1)

    def _fitted(
        self,
        design: Float64[np.ndarray, "cells coefficients"],
        target: Float64[np.ndarray, "cells"],
        start: Float64[np.ndarray, "coefficients"] | None,
    ) -> Float64[np.ndarray, "coefficients"]:
        if self.fit == "qlike":
            return fit_qlike(design, target, prior=start)  # without a pull: where it starts from
        coefficients = np.linalg.lstsq(design, np.log(target), rcond=None)[0]
        coefficients[0] += np.log(np.mean(target * np.exp(-(design @ coefficients))))
        return coefficients
