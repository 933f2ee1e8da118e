"""The end of a symbol's prices: what a forecast starts from."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.bounds import SESSIONS


class LastPrice(NamedTuple):
    """A symbol's close at a panel's last session.

    Attributes
    ----------
    session, close
        Which session, and dollars.
    source, provider
        Where the symbol's prices come from, and who gave them to the source.
    """

    session: np.datetime64
    close: float
    source: str
    provider: str


def last_price(panel: PricePanel, symbol: Symbol) -> LastPrice:
    """Give a symbol's close at a panel's last session, and where it comes from."""
    close = float(panel.close[-1, panel.column(symbol)])
    return LastPrice(panel.sessions[-1], close, panel.source, panel.provider(symbol))


def own_returns(panel: PricePanel, symbol: Symbol) -> NDArray[np.float64]:
    """``[T]`` float64 last log returns of a symbol, of as many sessions as a forecast is held against."""
    closes = panel.adj_close[-SESSIONS - 1 :, panel.column(symbol)]
    return np.asarray(np.diff(np.log(closes)))


def until(panel: PricePanel, as_of: date | None) -> PricePanel:
    """Prices up to a day; None is all of them."""
    return panel if as_of is None else panel.through(np.datetime64(as_of, "D"))


def last_session(panel: PricePanel, symbol: Symbol) -> np.datetime64:
    """Last session at which the symbol has prices; :class:`PriceDataError` if there is none."""
    closes = panel.adj_close[:, panel.column(symbol)]
    if len(closes) and np.isfinite(closes[-1]):
        return panel.sessions[-1]
    traded = np.flatnonzero(np.isfinite(closes))
    if not len(traded):
        raise PriceDataError(
            f"No prices for {symbol} in the store ({panel.source}). Run: tickgraph prices update --symbols {symbol}"
        )
    return panel.sessions[traded[-1]]
