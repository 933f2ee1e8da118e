"""The universe's state of the day: the features of every symbol at one session, as the variance network reads them.

It is computed once a day from the prices of all symbols. So a request reads what its eleven nodes hear of hundreds of
others without reading their histories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tickgraph.graph.variance_features import HISTORY, variance_features
from tickgraph.market.panel import PricePanel
from tickgraph.shapes import Bool, Float32, Float64


@dataclass(frozen=True)
class UniverseState:
    """Features of symbols at one session.

    Attributes
    ----------
    session
        datetime64[D].
    horizons
        Sessions ahead that the season's features are of.
    symbols
        Whom it knows.
    values, known
        As in :class:`tickgraph.graph.variance_features.VarianceFeatures`, at the session.
    close
        Close of the session in dollars: where it was corrected since, the features no longer hold.
    source
        Of the prices.
    """

    session: np.datetime64
    horizons: tuple[int, ...]
    symbols: tuple[str, ...]
    values: Float32[np.ndarray, "symbols features"]
    known: Bool[np.ndarray, "symbols"]
    close: Float64[np.ndarray, "symbols"]
    source: str

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each symbol."""
        return {symbol: row for row, symbol in enumerate(self.symbols)}


def universe_state(panel: PricePanel, horizons: Sequence[int]) -> UniverseState:
    """State of everyone in a panel at its last session."""
    features = variance_features(panel.tail(HISTORY), horizons, last=1)
    return UniverseState(
        session=panel.sessions[-1],
        horizons=tuple(horizons),
        symbols=panel.symbols,
        values=features.values[0],
        known=features.known[0],
        close=panel.close[-1],
        source=panel.source,
    )
