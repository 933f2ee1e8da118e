"""A session's variance from its open, high, low and close: several times as exact as the squared return."""

from __future__ import annotations

import numpy as np

from tickgraph.market.panel import PricePanel
from tickgraph.shapes import Bool, Float64

# An open or close may lie outside the range by this share of the range: prices that were adjusted and rounded do.
ROUNDING = 0.1
# An open, high or low is not believed where it is more than 1.5 times, or less than two thirds, of both closes around
# it. Of 1,063,686 bars of 479 large US stocks two are so. One, of a flash crash, would be a sixth of its symbol's
# variance of nine years.
BEYOND = np.log(1.5)


def range_variance(panel: PricePanel) -> Float64[np.ndarray, "sessions symbols"]:
    """Variance of each session's log return, from the close before to the close.

    It is the squared overnight return plus the estimate of Garman & Klass for the day, on adjusted prices::

        f         = adj_close_t / close_t
        overnight = log(open_t f) - log(adj_close_{t-1})
        day       = 0.5 log(high_t / low_t)^2 - (2 log 2 - 1) log(close_t / open_t)^2
        variance  = overnight^2 + day

    The day's part is never negative, since open and close lie within the range.

    Returns
    -------
    ndarray
        ``[T, S]`` squared daily log returns. It is the squared return itself where :func:`usable_range` is False, and
        NaN where the return is not known.

    References
    ----------
    Garman & Klass (1980). On the Estimation of Security Price Volatilities from Historical Data. Journal of Business
    53(1), 67-78, doi 10.1086/296072: the estimate named "practical" there.
    """
    returns, opened, high, low = _logs_from_close(panel)  # [T, S] each
    with np.errstate(invalid="ignore"):
        overnight = returns + opened
        width = np.maximum(high, np.maximum(opened, 0)) - np.minimum(low, np.minimum(opened, 0))
        day = 0.5 * width**2 - (2 * np.log(2) - 1) * opened**2
        return np.where(_sound(opened, high, low, -returns), overnight**2 + day, returns**2)


def usable_range(panel: PricePanel) -> Bool[np.ndarray, "sessions symbols"]:
    """Whether a session's range counts in :func:`range_variance`.

    It does not count in these cases:

    - open, high or low is missing or no price;
    - high and low are the same: the symbol did not trade, or once;
    - open or close lies outside by more than :data:`ROUNDING` of the range;
    - a price is further than :data:`BEYOND` from both closes around it;
    - the return is not known.

    Volume is not asked: an index has none.
    """
    returns, opened, high, low = _logs_from_close(panel)
    return _sound(opened, high, low, -returns) & np.isfinite(returns)


def sound_range(
    opened: Float64[np.ndarray, "*bars"],
    high: Float64[np.ndarray, "*bars"],
    low: Float64[np.ndarray, "*bars"],
    close: Float64[np.ndarray, "*bars"],
    before: Float64[np.ndarray, "*bars"],
) -> Bool[np.ndarray, "*bars"]:
    """Whether bars have a range that can be, as :func:`usable_range`; ``before`` is the last close, NaN if unknown.

    All prices of a bar are on one scale.
    """
    base = _log(close)
    return _sound(_log(opened) - base, _log(high) - base, _log(low) - base, _log(before) - base)


def _sound(
    opened: Float64[np.ndarray, "*bars"],
    high: Float64[np.ndarray, "*bars"],
    low: Float64[np.ndarray, "*bars"],
    before: Float64[np.ndarray, "*bars"],
) -> Bool[np.ndarray, "*bars"]:
    """Judge bars whose prices are logs, less that of the close; comparisons with a missing one are False."""
    with np.errstate(invalid="ignore"):
        width = high - low
        outside = np.maximum(np.maximum(opened, 0) - high, low - np.minimum(opened, 0))
        upper, lower = np.fmax(before, 0) + BEYOND, np.fmin(before, 0) - BEYOND
        near = (high <= upper) & (low >= lower) & (opened <= upper) & (opened >= lower)
        return (width > 0) & (outside <= ROUNDING * width) & near


def _logs_from_close(panel: PricePanel) -> tuple[Float64[np.ndarray, "sessions symbols"], ...]:
    """``[T, S]`` log returns, and the logs of open, high and low less that of the close."""
    adjusted, close = _log(panel.adj_close), _log(panel.close)
    returns = np.full_like(adjusted, np.nan)
    np.subtract(adjusted[1:], adjusted[:-1], out=returns[1:])
    return returns, *(_log(prices) - close for prices in (panel.open, panel.high, panel.low))


def _log(prices: Float64[np.ndarray, "*bars"]) -> Float64[np.ndarray, "*bars"]:
    """Logs of prices, NaN for what is no price."""
    return np.log(np.where((prices > 0) & np.isfinite(prices), prices, np.nan))
