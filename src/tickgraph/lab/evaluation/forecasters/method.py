"""What a forecaster is: trained on the past, then asked row by row.

Look-ahead is ruled out by what is handed over. :meth:`Forecaster.train` gets a panel that ends with the last
session of training. What it returns is then given a panel that ends with the last test session, and must be
row-causal: the forecast of session t may read rows up to t only. A test corrupts the rows after t, for every
forecaster, and nothing may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.panel import PricePanel

Kind = Literal["baseline", "ablation", "model"]

Trained = Callable[[PricePanel, int], NDArray[np.float64]]
"""Forecast the last ``count`` sessions of a panel.

Called with a panel of the symbols trained on, whose rows before the last ``count`` hold the history that
features need. Returns ``[count, S]`` float64, log returns of the session after each; NaN where a symbol lacks
the prices for one.
"""

Check = Callable[[], None]
"""Called between symbols by forecasters that train long; it raises when the run was stopped."""


class Forecaster(Protocol):
    """A way to forecast all symbols of a panel."""

    @property
    def name(self) -> str:
        """Short name, part of a file name."""
        ...

    @property
    def kind(self) -> Kind:
        """Its part in the comparison."""
        ...

    @property
    def description(self) -> str:
        """One sentence for the report."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """All that changes what it would forecast; stored results of other settings are not reused."""
        ...

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Learn from the past.

        Parameters
        ----------
        past
            Prices of the symbols to forecast, ``history + training sessions`` rows; its last row is the last
            price that training may see.
        check
            To be called between symbols.
        """
        ...
