"""Dividends behind adjusted closes, and those to expect: an option is on the price, which falls as they go ex.

A dividend of the share ``delta`` of the price, which goes ex at session t, shows in adjusted closes as::

    delta_t = 1 - f_{t-1} / f_t        f = adj_close / close
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tickgraph.errors import InputError
from tickgraph.market.calendar import known_sessions, sessions_a_year
from tickgraph.market.panel import PricePanel
from tickgraph.shapes import Float64, Shaped

Source = Literal["past ex-dates", "trailing yield", "none"]

# Least dividend that is told from rounding. Closes in single precision make f fall and rise by 3e-6 at most. The
# smallest of 13,283 dividends of 479 large US stocks is 3e-5 of the price.
LEAST = 1e-5
# Coarser closes, of whole cents for instance, make f fall as often as rise. No dividend makes it fall. So what is
# within this many times the 95th percentile of its falls is rounding.
FALLS = 3.0
MOST = 0.1  # a larger one is a spin-off or a liquidation, and does not come again
SPECIAL = 3.0  # times the usual amount, from which a dividend is one of its own
DEAR = 1.5  # times the share of the price that it was: after such a fall of the price dollars are not kept
LATELY = 400  # days of which the usual amount is taken: a year, and a month by which one may be late
LOOKBACK = 800  # days: two years and some, so that a yearly dividend is seen twice
YEAR = 365
A_YEAR = (12, 4, 2, 1)  # dividends that a regular payer pays
SPREAD = 0.35  # share of the spacing by which a regular one may come early or late
REGULAR = 2 / 3  # share of the gaps of the last year that have to be so
OVERDUE = 0.25  # share of the spacing after which one that has not come is not expected any more


@dataclass(frozen=True)
class PastDividends:
    """Dividends of a symbol that went ex up to a session.

    Attributes
    ----------
    ex_dates
        ``[n]`` datetime64[D], ascending: the first sessions without them.
    shares
        ``[n]`` of the close before.
    amounts
        ``[n]`` dollars, on the scale of the split-adjusted close.
    close
        Split-adjusted close of the last session.
    """

    ex_dates: Shaped[np.ndarray, "dividends"]
    shares: Float64[np.ndarray, "dividends"]
    amounts: Float64[np.ndarray, "dividends"]
    close: float


@dataclass(frozen=True)
class DividendOutlook:
    """Dividends that are expected to go ex after a session.

    Attributes
    ----------
    source
        Whether past ex-dates are expected to come again, the last year's yield is spread evenly, or nothing is
        expected.
    drag
        ``[sessions]``: ``drag[h - 1]`` is the sum of ``-log(1 - delta)`` of what goes ex within h sessions. It never
        falls with h. It is what lies between the expected log return of the adjusted close and that of the close.
    ex_dates
        ``[n]`` datetime64[D]: sessions within these at which one is expected; none for an evenly spread yield.
    """

    source: Source
    drag: Float64[np.ndarray, "sessions"]
    ex_dates: Shaped[np.ndarray, "dividends"]


def price_returns(panel: PricePanel) -> Float64[np.ndarray, "sessions symbols"]:
    """``[T, S]`` daily log returns of the split-adjusted close, which falls by dividends; NaN in row 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(panel.close)
    returns = np.full_like(logs, np.nan)
    np.subtract(logs[1:], logs[:-1], out=returns[1:])
    return returns


def past_dividends(panel: PricePanel, symbol: str, session: np.datetime64) -> PastDividends:
    """Dividends of the last :data:`LOOKBACK` days that went ex by ``session``, spin-offs left out.

    Raises
    ------
    PriceDataError
        The panel has no such symbol.
    InputError
        It has no price of the symbol by then.
    """
    column, first = panel.column(symbol), session - np.timedelta64(LOOKBACK, "D")
    rows = slice(
        int(np.searchsorted(panel.sessions, first)),
        int(np.searchsorted(panel.sessions, session, side="right")),
    )
    close, adjusted = panel.close[rows, column], panel.adj_close[rows, column]
    priced = (close > 0) & (adjusted > 0) & np.isfinite(close) & np.isfinite(adjusted)
    if not priced.any():
        raise InputError(f"No price of {symbol} in the {LOOKBACK} days up to {session}.")
    close, days = close[priced], panel.sessions[rows][priced]
    factor = adjusted[priced] / close
    shares = 1 - factor[:-1] / factor[1:]  # delta
    falls = -shares[shares < 0]
    noise = max(LEAST, FALLS * float(np.quantile(falls, 0.95))) if len(falls) else LEAST
    places = np.flatnonzero((shares > noise) & (shares <= MOST))
    return PastDividends(days[places + 1], shares[places], shares[places] * close[places], float(close[-1]))


def expected_dividends(
    panel: PricePanel, symbol: str, session: np.datetime64, sessions: int = 63
) -> DividendOutlook:
    """Expect dividends after a session, from prices up to it.

    Where the past ones came regularly (monthly, quarterly, half-yearly or yearly), the next comes on the date of a year
    before if there is one near, else by that spacing after the last. It pays the dollars of the last, or where there
    are two a year those of the year before. A regular one that is overdue is expected at once, and after a quarter of
    the spacing not any more. Other payers are expected to pay the last year's yield, spread evenly.

    Errors as in :func:`past_dividends`. Nothing is expected at sessions that the exchange has not published yet.
    """
    past, ahead = past_dividends(panel, symbol, session), known_sessions(session, sessions)
    none = np.array([], dtype="datetime64[D]")
    lately = past.amounts[past.ex_dates > session - np.timedelta64(LATELY, "D")]
    usual = past.amounts <= SPECIAL * np.median(lately) if len(lately) else np.zeros(len(past.amounts), bool)
    days, amounts, shares = past.ex_dates[usual], past.amounts[usual], past.shares[usual]
    spacing = _spacing(days, session)
    if spacing is None:
        year = past.ex_dates > session - np.timedelta64(YEAR, "D")
        trailing = min(past.amounts[year].sum() / past.close, MOST)
        if not trailing:
            return DividendOutlook("none", np.zeros(sessions), none)
        a_session = -np.log1p(-trailing) / sessions_a_year()
        return DividendOutlook("trailing yield", a_session * np.arange(1, sessions + 1), none)
    drag, expected, last = np.zeros(sessions), [], days[-1]
    while True:
        last, match = _following(last, days, spacing)
        if last <= session - np.timedelta64(int(OVERDUE * spacing), "D"):
            break
        place = int(np.searchsorted(ahead, last))
        if place == len(ahead):
            break
        like = match if spacing > YEAR / 3 and match is not None else -1
        share = min(amounts[like] / past.close, DEAR * shares[like], MOST)
        drag[place:] -= np.log1p(-share)
        expected.append(ahead[place])
    found: Source = "past ex-dates" if expected or last > session else "none"
    return DividendOutlook(found, drag, np.array(expected, dtype="datetime64[D]"))


def _spacing(days: Shaped[np.ndarray, "dividends"], session: np.datetime64) -> float | None:
    """Days between regular dividends; None where they are not regular."""
    gaps = np.diff(days).astype(np.float64)
    recent = gaps[days[1:] > session - np.timedelta64(LATELY, "D")]
    if not len(recent):
        return None
    for count in A_YEAR:
        spacing = YEAR / count
        alike = np.abs(recent / spacing - 1) <= SPREAD
        if len(recent) >= min(count, 2) and alike.mean() >= REGULAR:
            return spacing
    return None


def _following(
    last: np.datetime64, days: Shaped[np.ndarray, "dividends"], spacing: float
) -> tuple[np.datetime64, int | None]:
    """The date after ``last``, and the place of the dividend a year before, None without one."""
    target = last + np.timedelta64(round(spacing), "D")
    before = target - np.timedelta64(YEAR, "D")
    nearest = int(np.abs(days - before).argmin())
    if abs((days[nearest] - before).astype(int)) < spacing / 2:
        return days[nearest] + np.timedelta64(YEAR, "D"), nearest
    return target, None
