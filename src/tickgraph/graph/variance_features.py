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

BLOCK = 250
"""Symbols whose features are made at once: of N symbols, some arrays of so many times N are in memory, and none of N
times N."""

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
    first = 0 if last is None else max(0, len(panel.sessions) - last)
    heard = _Heard.of(panel, first)
    rows = slice(first, None)
    shape = len(panel.sessions) - first, len(names)
    values = np.zeros((*shape, num_variance_features(horizons)), np.float32)
    known = np.zeros(shape, np.bool_)
    for start in range(0, len(names), BLOCK):
        part = slice(start, start + BLOCK)
        columns = [panel.columns[name] for name in names[part]]
        some = _with_market(panel, heard, columns, horizons, rows)
        known[:, part] = np.isfinite(some).all(axis=-1) & heard.seen(columns)
        values[:, part] = np.where(known[:, part, None], some, 0.0)
    return VarianceFeatures(panel.sessions[rows], names, values, known)


@dataclass(frozen=True)
class _Series:
    """Series of some symbols that their features are made of.

    Attributes
    ----------
    returns, variance
        Log returns and range variances.
    levels
        Log averages, in the order of :data:`LEVELS`.
    shock
        Returns in standard deviations.
    """

    returns: Float64[np.ndarray, "sessions symbols"]
    variance: Float64[np.ndarray, "sessions symbols"]
    levels: Float64[np.ndarray, "sessions symbols levels"]
    shock: Float64[np.ndarray, "sessions symbols"]

    @classmethod
    def of(cls, panel: PricePanel) -> _Series:
        """Series of every symbol of a panel."""
        returns, variance = panel.log_returns(), range_variance(panel)
        series = {"range": variance, "return": returns**2}
        levels = np.stack([_log(_average(series[of], sessions)) for of, sessions in LEVELS], axis=-1)
        shock = np.clip(returns / np.exp(levels[..., 5] / 2), -_SHOCKS, _SHOCKS)
        return cls(returns, variance, levels, shock)

    @property
    def moved(self) -> Float64[np.ndarray, "sessions symbols"]:
        """Variances relative to the long average."""
        return np.asarray(self.variance / np.exp(self.levels[..., 0]))

    @property
    def relative(self) -> Float64[np.ndarray, "sessions symbols heard"]:
        """What others hear: levels relative to the long average."""
        return np.asarray(self.levels[..., HEARD] - self.levels[..., :1])


@dataclass(frozen=True)
class _Heard:
    """What is heard of all symbols of a panel, at its sessions from ``first`` on.

    Attributes
    ----------
    first
        Row of the panel that the features begin with.
    months
        First row and the one after the last of each calendar month that has features.
    origin
        Row of the panel that the arrays by session begin with: correlations look back so far.
    returns
        0 where a symbol did not trade.
    relative, present
        Levels relative to the long ones, 0 where not known; and whether they are, 1.
    shock, moved
        Means over all symbols at every session of the panel.
    enough
        Whether so many returns are known that there are features, from ``first`` on.
    """

    first: int
    months: tuple[tuple[int, int], ...]
    origin: int
    returns: Float64[np.ndarray, "recent symbols"]
    relative: Float64[np.ndarray, "recent symbols heard"]
    present: Float64[np.ndarray, "recent symbols"]
    shock: Float64[np.ndarray, "sessions 1"]
    moved: Float64[np.ndarray, "sessions 1"]
    enough: Bool[np.ndarray, "rows symbols"]

    @classmethod
    def of(cls, panel: PricePanel, first: int) -> _Heard:
        """Read a block of symbols after another, so that memory holds the series of one block."""
        sessions, symbols = panel.close.shape
        months = panel.sessions.astype("datetime64[M]")
        starts = np.flatnonzero(np.diff(months, prepend=months[:1] - 1))
        spans = zip(starts.tolist(), [*starts[1:].tolist(), sessions], strict=True)
        wanted = tuple((start, stop) for start, stop in spans if stop > first)
        origin = max(0, wanted[0][0] - _CORRELATED) if wanted else sessions
        returns = np.empty((sessions - origin, symbols))
        relative = np.empty((*returns.shape, HEARD.stop - HEARD.start))
        present = np.empty(returns.shape)
        enough = np.empty((sessions - first, symbols), np.bool_)
        shock, moved = _Mean(sessions), _Mean(sessions)
        for start in range(0, symbols, BLOCK):
            part = slice(start, start + BLOCK)
            own = _Series.of(_columns(panel, part))
            recent, traded = own.relative[origin:], np.isfinite(own.returns)
            known = np.isfinite(recent).all(axis=-1)
            returns[:, part] = np.where(traded, own.returns, 0.0)[origin:]
            relative[:, part], present[:, part] = np.where(known[..., None], recent, 0.0), known
            enough[:, part] = (traded & (np.cumsum(traded, axis=0) >= OBSERVED))[first:]
            shock.take_in(own.shock)
            moved.take_in(own.moved)
        return cls(first, wanted, origin, returns, relative, present, shock.value, moved.value, enough)

    def seen(self, columns: Sequence[int]) -> Bool[np.ndarray, "rows chosen"]:
        """Whether the chosen symbols traded at a session, and often enough before."""
        return np.asarray(self.enough[:, columns])

    def by(self, columns: Sequence[int]) -> Float64[np.ndarray, "rows chosen heard"]:
        r"""Attention of the chosen symbols over all others.

        .. math:: m_i = \sum_{j \ne i} \mathrm{softmax}_j(3 \rho_{ij}) x_j

        The correlations of a calendar month are those of the 250 sessions before it.
        """
        rows, levels = len(self.enough), self.relative.shape[-1]
        heard = np.zeros((rows, len(columns), levels))
        for begin, stop in self.months:
            start = max(begin, self.first)
            before = self.returns[max(0, begin - _CORRELATED) - self.origin : begin - self.origin]
            weights = np.exp(_SHARPNESS * _correlation(before, columns))  # [c, S]
            weights[np.arange(len(columns)), columns] = 0.0
            span = slice(start - self.origin, stop - self.origin)
            total = np.maximum(self.present[span] @ weights.T, 1e-12)  # [t, c]
            said = np.einsum("cs,tsf->tcf", weights, self.relative[span], optimize=True)
            heard[start - self.first : stop - self.first] = said / total[..., None]
        return heard


class _Mean:
    """Mean over symbols at each session of values that come block by block; 0 where none is known."""

    def __init__(self, sessions: int) -> None:
        self._total, self._count = np.zeros((sessions, 1)), np.zeros((sessions, 1))

    def take_in(self, values: Float64[np.ndarray, "sessions symbols"]) -> None:
        known = np.isfinite(values)
        self._total += np.where(known, values, 0.0).sum(axis=1, keepdims=True)
        self._count += known.sum(axis=1, keepdims=True)

    @property
    def value(self) -> Float64[np.ndarray, "sessions 1"]:
        return np.asarray(self._total / np.maximum(self._count, 1))


def _with_market(
    panel: PricePanel, heard: _Heard, columns: Sequence[int], horizons: Sequence[int], rows: slice
) -> Float64[np.ndarray, "rows chosen features"]:
    """Features of some symbols, not finite where they are not known."""
    own = panel.select([panel.symbols[column] for column in columns])
    series = _Series.of(own)
    levels, shock = series.levels, series.shock
    falls = np.where(
        series.returns < 0, series.returns**2, np.where(np.isfinite(series.returns), 0.0, np.nan)
    )
    market = np.repeat(heard.shock[rows], len(columns), axis=1)
    downside = np.clip(_log(_average(falls, 5)) - levels[..., 4], -4.0, 1.0)
    volume = np.log(np.maximum(own.volume, 1.0))
    return np.concatenate(
        [
            levels[rows],
            heard.by(columns),
            np.stack([downside, shock, np.abs(shock)], axis=-1)[rows],
            np.stack([market, np.abs(market)], axis=-1),
            np.stack(
                [
                    np.nan_to_num(_log(_average(_overnight(own), 5)) - levels[..., 2]),
                    np.nan_to_num(np.clip(_average(volume, 1) - _average(volume, 60), -3.0, 3.0)),
                ],
                axis=-1,
            )[rows],
            _season(panel.sessions, series.moved / np.maximum(heard.moved, 1e-12), horizons, rows),
        ],
        axis=-1,
    )


def _columns(panel: PricePanel, columns: slice) -> PricePanel:
    """Neighbouring columns of a panel."""
    return panel.select(panel.symbols[columns])


def _average(
    values: Float64[np.ndarray, "sessions symbols"], mass: int
) -> Float64[np.ndarray, "sessions symbols"]:
    """Exponential average of what is known, with the given centre of mass; NaN before the first known value."""
    known = np.where(np.isfinite(values), values, np.nan)
    return pd.DataFrame(known).ewm(com=mass).mean().to_numpy()


def _log(values: Float64[np.ndarray, "*axes"]) -> Float64[np.ndarray, "*axes"]:
    return np.asarray(np.log(np.maximum(values, _FLOOR)))


def _overnight(panel: PricePanel) -> Float64[np.ndarray, "sessions symbols"]:
    """Squared overnight return; NaN where there is no open."""
    overnight = np.full_like(panel.close, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        opened = np.log(panel.open[1:] * (panel.adj_close[1:] / panel.close[1:]))
        overnight[1:] = (opened - np.log(panel.adj_close[:-1])) ** 2
    overnight[~np.isfinite(overnight)] = np.nan
    return overnight


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
    moved: Float64[np.ndarray, "sessions chosen"],
    horizons: Sequence[int],
    rows: slice,
) -> Float64[np.ndarray, "rows chosen season"]:
    """Log of how much the same sessions of the quarters before moved a symbol, relative to itself and to the market.

    For a horizon of h the sessions t + 1 to t + h are looked up 13, 26, ... weeks before, some days to either side of
    them included. What lies after t is not looked at. 0 where there is no such quarter yet.
    """
    known = np.isfinite(moved)
    start = np.zeros((1, moved.shape[1]))
    total = np.concatenate([start, np.cumsum(np.where(known, moved, 0.0), axis=0)])
    count = np.concatenate([start, np.cumsum(known, axis=0)])
    now = np.arange(len(sessions))[rows]
    anchors = {}
    for quarter in range(1, QUARTERS + 1):
        then = sessions[rows] - np.timedelta64(91 * quarter, "D")
        anchors[quarter] = np.searchsorted(sessions, then, side="right") - 1  # -1: before the first
    season = np.zeros((len(now), moved.shape[1], len(horizons) * len(SEASON)))
    for place, horizon in enumerate(horizons):
        for column, (width, quarters) in enumerate(_SEASONS):
            before = np.zeros(season.shape[:2])
            found = np.zeros_like(before)
            for quarter in quarters:
                anchor = anchors[quarter]
                low = np.maximum(anchor + 1 - width, 0)
                high = np.maximum(np.minimum(anchor + horizon + width, now) + 1, low)
                there = np.where(anchor[:, None] >= 0, count[high] - count[low], 0.0)
                before += np.divide(
                    total[high] - total[low], there, out=np.zeros_like(before), where=there > 0
                )
                found += there > 0
            mean = np.divide(before, found, out=np.ones_like(before), where=found > 0)
            season[..., place * len(SEASON) + column] = np.log(np.maximum(mean, 0.05))
    return season
