"""What says how far a price will move: features of every symbol at every session, for the variance network.

- Levels: logarithms of exponential averages of the range variance and of the squared return. It is the heterogeneous
  autoregression of Corsi 2009, "A Simple Approximate Long-Memory Model of Realized Volatility", J. Financial
  Econometrics 7(2), with the exponential averages of Bollerslev, Hood, Huss & Pedersen 2018, "Risk Everywhere", Review
  of Financial Studies 31(7).
- What a symbol hears: the levels of all others relative to their long averages, by attention on correlation.
- Own shocks and the market's, with their signs: a fall is followed by more movement than a rise.
- Activity: volume, and the part of the variance that comes overnight.
- Season: how much a symbol moved in the same sessions of the quarters before. Companies report once a quarter, some
  13 weeks apart, on the same weekday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tickgraph.market.panel import PricePanel
from tickgraph.market.range_variance import range_variance
from tickgraph.shapes import Bool, Float32, Float64, Shaped

LEVELS: tuple[tuple[str, int], ...] = (
    ("range", 125),
    ("range", 1),
    ("range", 5),
    ("range", 25),
    ("return", 5),
    ("return", 25),
)
"""Averages: of the range variance or of the squared return, and centre of mass in sessions. The first is the long one,
which others are relative to."""
HEARD = slice(1, 4)
"""Levels that others hear, relative to the long one."""
COMMON = (
    *(f"{of} variance, {sessions} sessions" for of, sessions in LEVELS),
    *(f"heard, {sessions} sessions" for _, sessions in LEVELS[HEARD]),
    "downside",
    "shock",
    "size of the shock",
    "market's shock",
    "size of the market's shock",
    "overnight",
    "volume",
)
"""Features that do not depend on the horizon, in their order."""
ACTIVITY = 2
"""How many of them, the last ones, only the nonlinear path reads."""
SEASON = ("the day", "5 days", "11 days", "last quarter, 5 days")
"""Features of each horizon: how wide around the horizon the quarters before are looked at."""

QUARTERS = 8
HISTORY = 800
"""Sessions of prices behind the features of one session: the quarters before take 502, and beyond 800 lies 0.2 % of the
long average."""
OBSERVED = 150
"""Returns that a symbol's features need."""

_FLOOR = 1e-7  # daily variance of a price that hardly moves: 3 basis points a day
_CORRELATED = 250  # sessions of returns behind the attention
_SHARPNESS = 3.0  # attention is the softmax of so many times the correlation
_SEASONS = ((0, range(1, QUARTERS + 1)), (2, range(1, QUARTERS + 1)), (5, range(1, QUARTERS + 1)), (2, (1,)))
_SHOCKS = 5.0  # standard deviations


def num_variance_features(horizons: Sequence[int]) -> int:
    """How many features a node has."""
    return len(COMMON) + len(SEASON) * len(horizons)


def season_columns(horizon: int) -> slice:
    """Columns of the season of one horizon, by its place among the horizons."""
    return slice(len(COMMON) + len(SEASON) * horizon, len(COMMON) + len(SEASON) * (horizon + 1))


@dataclass(frozen=True)
class VarianceFeatures:
    """Features of symbols at sessions, in the order of :data:`COMMON` and then, horizon by horizon, :data:`SEASON`.

    Attributes
    ----------
    sessions
        datetime64[D].
    symbols
        Names of the columns.
    values
        0 where they are not known.
    known
        Where they are.
    """

    sessions: Shaped[np.ndarray, "sessions"]
    symbols: tuple[str, ...]
    values: Float32[np.ndarray, "sessions symbols features"]
    known: Bool[np.ndarray, "sessions symbols"]

    @cached_property
    def columns(self) -> Mapping[str, int]:
        """Column of each symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}


def variance_features(
    panel: PricePanel, horizons: Sequence[int], symbols: Sequence[str] | None = None, last: int | None = None
) -> VarianceFeatures:
    """Features from prices; those of a session from the sessions up to it and from nothing else.

    Parameters
    ----------
    panel
        Prices of the universe: everyone in it is heard.
    horizons
        Sessions ahead, ascending.
    symbols
        Whose features; None is everyone's.
    last
        Of how many sessions, the last ones of the panel; None is all.
    """
    names = panel.symbols if symbols is None else tuple(symbols)
    columns = [panel.columns[name] for name in names]
    rows = slice(0 if last is None else max(0, len(panel.sessions) - last), None)
    returns, variance = panel.log_returns(), range_variance(panel)
    squared = returns**2
    series = {"range": variance, "return": squared}
    levels = np.stack([_log(_average(series[of], sessions)) for of, sessions in LEVELS], axis=-1)  # [T, S, 6]
    relative = levels[..., HEARD] - levels[..., :1]  # [T, S, 3]
    falls = np.where(returns < 0, squared, np.where(np.isfinite(returns), 0.0, np.nan))
    shock = np.clip(returns / np.exp(levels[..., 5] / 2), -_SHOCKS, _SHOCKS)  # [T, S]
    market = np.repeat(_mean_of_all(shock), len(names), axis=1)
    downside = np.clip(_log(_average(falls, 5)) - levels[..., 4], -4.0, 1.0)
    volume = np.log(np.maximum(panel.volume, 1.0))
    common = np.concatenate(
        [
            levels[rows][:, columns],
            _heard(panel.sessions, returns, relative, columns)[rows],
            np.stack([downside, shock, np.abs(shock)], axis=-1)[rows][:, columns],
            np.stack([market, np.abs(market)], axis=-1)[rows],
            np.stack(
                [
                    np.nan_to_num(_log(_average(_overnight(panel), 5)) - levels[..., 2]),
                    np.nan_to_num(np.clip(_average(volume, 1) - _average(volume, 60), -3.0, 3.0)),
                ],
                axis=-1,
            )[rows][:, columns],
        ],
        axis=-1,
    )
    season = _season(panel.sessions, variance, levels[..., 0], columns, horizons, rows)  # [R, s, 4 H]
    values = np.concatenate([common, season], axis=-1)
    seen = np.cumsum(np.isfinite(returns), axis=0)[rows][:, columns] >= OBSERVED
    known = np.asarray(np.isfinite(values).all(axis=-1) & np.isfinite(returns)[rows][:, columns] & seen)
    values = np.where(known[..., None], values, 0.0).astype(np.float32)
    return VarianceFeatures(panel.sessions[rows], names, values, known)


def _average(
    values: Float64[np.ndarray, "sessions symbols"], mass: int
) -> Float64[np.ndarray, "sessions symbols"]:
    """Exponential average of what is known, with the given centre of mass; NaN before the first known value."""
    known = np.where(np.isfinite(values), values, np.nan)
    return pd.DataFrame(known).ewm(com=mass).mean().to_numpy()


def _log(values: Float64[np.ndarray, "*axes"]) -> Float64[np.ndarray, "*axes"]:
    return np.asarray(np.log(np.maximum(values, _FLOOR)))


def _mean_of_all(values: Float64[np.ndarray, "sessions symbols"]) -> Float64[np.ndarray, "sessions 1"]:
    """Mean over the symbols that have a value; 0 where none has."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(total / np.maximum(known.sum(axis=1, keepdims=True), 1))


def _overnight(panel: PricePanel) -> Float64[np.ndarray, "sessions symbols"]:
    """Squared overnight return; NaN where there is no open."""
    overnight = np.full_like(panel.close, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        opened = np.log(panel.open[1:] * (panel.adj_close[1:] / panel.close[1:]))
        overnight[1:] = (opened - np.log(panel.adj_close[:-1])) ** 2
    overnight[~np.isfinite(overnight)] = np.nan
    return overnight


def _heard(
    sessions: Shaped[np.ndarray, "sessions"],
    returns: Float64[np.ndarray, "sessions symbols"],
    relative: Float64[np.ndarray, "sessions symbols levels"],
    columns: Sequence[int],
) -> Float64[np.ndarray, "sessions chosen levels"]:
    r"""Attention of the chosen symbols over all others.

    .. math:: m_i = \sum_{j \ne i} \mathrm{softmax}_j(3 \rho_{ij}) x_j

    The correlations of a calendar month are those of the 250 sessions before it.
    """
    heard = np.zeros((len(sessions), len(columns), relative.shape[-1]))
    known = np.isfinite(relative).all(axis=-1).astype(np.float64)  # [T, S]
    levels = np.where(known[..., None] > 0, relative, 0.0)
    filled = np.where(np.isfinite(returns), returns, 0.0)
    months = sessions.astype("datetime64[M]")
    starts = np.flatnonzero(np.diff(months, prepend=months[:1] - 1))
    for start, stop in zip(starts, [*starts[1:], len(sessions)], strict=True):
        correlation = _correlation(filled[max(0, start - _CORRELATED) : start], columns)  # [c, S]
        weights = np.exp(_SHARPNESS * correlation)
        weights[np.arange(len(columns)), columns] = 0.0
        present, part = known[start:stop], levels[start:stop]
        total = np.maximum(present @ weights.T, 1e-12)  # [t, c]
        heard[start:stop] = np.einsum("cs,tsf->tcf", weights, part, optimize=True) / total[..., None]
    return heard


def _correlation(
    returns: Float64[np.ndarray, "sessions symbols"], columns: Sequence[int]
) -> Float64[np.ndarray, "chosen symbols"]:
    """Correlation of the chosen symbols with all; 0 where one of them did not move."""
    if not len(returns):
        return np.zeros((len(columns), returns.shape[1]))
    centred = returns - returns.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    return np.asarray(unit[:, columns].T @ unit)


def _season(
    sessions: Shaped[np.ndarray, "sessions"],
    variance: Float64[np.ndarray, "sessions symbols"],
    long_level: Float64[np.ndarray, "sessions symbols"],
    columns: Sequence[int],
    horizons: Sequence[int],
    rows: slice,
) -> Float64[np.ndarray, "rows chosen season"]:
    """Log of how much the same sessions of the quarters before moved a symbol, relative to itself and to the market.

    For a horizon of h the sessions t + 1 to t + h are looked up 13, 26, ... weeks before, some days to either side of
    them included. What lies after t is not looked at. 0 where there is no such quarter yet.
    """
    own = variance / np.exp(long_level)
    own = (own / np.maximum(_mean_of_all(own), 1e-12))[:, columns]
    known = np.isfinite(own)
    start = np.zeros((1, len(columns)))
    total = np.concatenate([start, np.cumsum(np.where(known, own, 0.0), axis=0)])
    count = np.concatenate([start, np.cumsum(known, axis=0)])
    now = np.arange(len(sessions))[rows]
    anchors = {}
    for quarter in range(1, QUARTERS + 1):
        then = sessions[rows] - np.timedelta64(91 * quarter, "D")
        anchors[quarter] = np.searchsorted(sessions, then, side="right") - 1  # -1: before the first
    season = np.zeros((len(now), len(columns), len(horizons) * len(SEASON)))
    for place, horizon in enumerate(horizons):
        for column, (width, quarters) in enumerate(_SEASONS):
            moved = np.zeros((len(now), len(columns)))
            found = np.zeros_like(moved)
            for quarter in quarters:
                anchor = anchors[quarter]
                low = np.maximum(anchor + 1 - width, 0)
                high = np.maximum(np.minimum(anchor + horizon + width, now) + 1, low)
                there = np.where(anchor[:, None] >= 0, count[high] - count[low], 0.0)
                moved += np.divide(total[high] - total[low], there, out=np.zeros_like(moved), where=there > 0)
                found += there > 0
            mean = np.divide(moved, found, out=np.ones_like(moved), where=found > 0)
            season[..., place * len(SEASON) + column] = np.log(np.maximum(mean, 0.05))
    return season
