"""What a forecast method is: it is trained on the past, then forecasts one session after another.

Look-ahead is ruled out by what a method is given. :data:`Train` gets a panel that ends with the last
session of training. The trained method then gets a panel that ends with the last test session, and it must be
row-causal: the forecast of session t reads rows up to t only. A test corrupts the rows after t for every method, and
the forecasts up to t must stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.compared import Compared
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel

Trained = Callable[[PricePanel, int], NDArray[np.float64]]
"""Forecast the last ``count`` sessions of a panel.

The panel has the symbols of training. Its rows before the last ``count`` hold the history that features need. Returns
``[count, S]`` float64, log returns of the session after each; NaN where a symbol lacks the prices for a forecast.
"""


Train = Callable[[PricePanel, Check], Trained]
"""Learn from the past.

The panel has the symbols to forecast, and ``history + training sessions`` rows; the last row is the last price that
training may see. A method that trains for long calls the check between symbols.
"""


@dataclass(frozen=True)
class ForecastMethod(Compared):
    """One way to forecast all symbols of a panel."""

    train: Train
