"""Confidence intervals by the stationary bootstrap over sessions.

Returns of one session move together and errors cluster in time, so whole sessions are drawn, in blocks. Every figure is
a function of sums over sessions. A resample is then how often each session was drawn, and all resamples of all figures
are one matrix product.

Sources: stationary bootstrap, Politis & Romano 1994, "The Stationary Bootstrap", JASA 89; block length,
Politis & White 2004, "Automatic Block-Length Selection for the Dependent Bootstrap", with the correction of
Patton, Politis & White 2009; both as the library arch has them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from numpy.typing import NDArray

from tickgraph.lab.evaluation.evaluation_result import Estimate

RESAMPLES = 1000
CONFIDENCE = 0.95

SHORTEST_BLOCK = 5
"""A trading week. A shorter block length would be an estimate from noise."""

FEWEST_SESSIONS = 20
"""With fewer, a figure has no interval."""

Series = NDArray[np.float64]
Statistic = Callable[[Series], Series]
"""From sums ``[..., M]`` to figures ``[...]``; NaN where there is none."""

_COLUMNS_AT_ONCE = 1024


def ratio(sums: Series) -> Series:
    """First sum over the second: a mean, where the second counts. ``[..., 2]`` to ``[...]``."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)


def mean_over_deviation(sums: Series) -> Series:
    """Mean over standard deviation (of n, not n - 1) from sums of x, x squared and 1, ``[..., 3]``."""
    mean, square = ratio(sums[..., [0, 2]]), ratio(sums[..., [1, 2]])
    return _over_root(mean, _positive(square - mean**2, square))


def correlation(sums: Series) -> Series:
    """Pearson correlation from sums of x, y, xx, yy, xy and 1, ``[..., 6]``."""
    x, y, xx, yy, xy = (ratio(sums[..., [i, 5]]) for i in range(5))
    return _over_root(xy - x * y, _positive(xx - x**2, xx) * _positive(yy - y**2, yy))


def _positive(variance: Series, square: Series) -> Series:
    """The variance, or NaN where it is only what rounding left of a constant."""
    return np.where(variance > 1e-12 * square, variance, np.nan)


def _over_root(numerator: Series, square: Series) -> Series:
    return np.asarray(numerator / np.sqrt(square))


def block_length(series: Series) -> int:
    """Mean block length for a daily series.

    Parameters
    ----------
    series
        ``[T]`` float64, finite.

    Returns
    -------
    int
        The optimal length of the stationary bootstrap, rounded up to 5, 10, 20, 40 ... sessions so that
        figures share their resamples; at most a third of the sessions, as in Politis & White.
    """
    if len(series) < FEWEST_SESSIONS or np.ptp(series) <= 1e-12 * np.abs(series).max():
        return SHORTEST_BLOCK
    with np.errstate(all="ignore"):  # it divides by the variance, and says NaN where there is none
        optimal = float(optimal_block_length(series)["stationary"].iloc[0])
    if not optimal > SHORTEST_BLOCK:
        return SHORTEST_BLOCK
    rounded = SHORTEST_BLOCK * 2 ** int(np.ceil(np.log2(optimal / SHORTEST_BLOCK)))
    return max(SHORTEST_BLOCK, min(rounded, len(series) // 3))


class SessionBootstrap:
    """Resamples of the sessions of one panel, shared by all its figures.

    Parameters
    ----------
    sessions
        T, how many sessions the panel has.
    seed
        The same seed gives the same intervals, whatever was estimated before.
    resamples
        R, how many resamples an interval is made of.
    """

    def __init__(self, sessions: int, *, seed: int = 0, resamples: int = RESAMPLES) -> None:
        self.sessions = sessions
        self.seed = seed
        self.resamples = resamples
        self._drawn = cache(self._draw)

    def estimate(self, sums: Series, statistic: Statistic, shortest: int = SHORTEST_BLOCK) -> Estimate | None:
        """One figure with its interval.

        Parameters
        ----------
        sums
            ``[T, M]`` float64: what each session adds to the M sums; 0 where it adds nothing.
        statistic
            Makes the figure from the M sums.
        shortest
            Least mean length of a block. Figures that look several sessions ahead need longer ones.

        Returns
        -------
        Estimate or None
            None where the figure does not exist. No interval below 20 sessions that add something.
        """
        return self.estimates(sums[:, None, :], statistic, shortest)[0]

    def estimates(
        self, sums: Series, statistic: Statistic, shortest: int = SHORTEST_BLOCK
    ) -> list[Estimate | None]:
        """The same figure of G parts of the panel.

        All parts are resampled with the block length of their sum, because a part is too short to estimate its own. A
        part of the sessions is resampled with the whole panel, so the number of its sessions varies too.

        Parameters
        ----------
        sums
            ``[T, G, M]`` float64.
        statistic
            Makes each figure from its M sums.
        shortest
            As :meth:`estimate`.

        Raises
        ------
        ValueError
            The sums are of another number of sessions than are resampled.
        """
        sessions, parts, terms = sums.shape
        if sessions != self.sessions:
            raise ValueError(f"Sums of {sessions} sessions, while {self.sessions} are resampled")
        if not parts:
            return []
        values = statistic(sums.sum(axis=0))  # [G]
        enough = np.any(sums != 0, axis=2).sum(axis=0) >= FEWEST_SESSIONS  # [G]
        low = high = np.full(parts, np.nan)
        if np.any(enough & np.isfinite(values)):
            block = max(shortest, _block_of(sums.sum(axis=1), statistic))
            counts = self._drawn(block)  # [R, T]
            low, high = np.concatenate(
                [
                    self._interval(counts, sums[:, start : start + step], statistic)
                    for step in [max(1, _COLUMNS_AT_ONCE // terms)]
                    for start in range(0, parts, step)
                ],
                axis=1,
            )
        return [
            _estimate(float(value), float(a), float(b), interval=bool(known))
            for value, a, b, known in zip(values, low, high, enough, strict=True)
        ]

    def _draw(self, block: int) -> Series:
        """How often each resample has drawn each session, ``[R, T]``."""
        bootstrap = StationaryBootstrap(
            block, np.arange(self.sessions), seed=np.random.default_rng([self.seed, block])
        )
        drawn = np.stack([data[0] for data, _ in bootstrap.bootstrap(self.resamples)])  # [R, T]
        cells = drawn + self.sessions * np.arange(self.resamples)[:, None]
        counts = np.bincount(cells.ravel(), minlength=cells.size)
        return counts.reshape(cells.shape).astype(np.float64)

    def _interval(self, counts: Series, sums: Series, statistic: Statistic) -> Series:
        """Percentile interval of each part, ``[2, G]``."""
        sessions, parts, terms = sums.shape
        resampled = statistic((counts @ sums.reshape(sessions, -1)).reshape(-1, parts, terms))  # [R, G]
        ends = np.full((2, parts), np.nan)
        # A few resamples may hold no session of a part. With many such resamples there is no interval.
        usable = np.isfinite(resampled).mean(axis=0) > 0.9
        tail = (1 - CONFIDENCE) / 2
        if usable.any():
            ends[:, usable] = np.nanquantile(resampled[:, usable], [tail, 1 - tail], axis=0)
        return ends


def _block_of(sums: Series, statistic: Statistic) -> int:
    # How much the figure changes without each session: a daily series, and the figure behaves like its mean.
    total = sums.sum(axis=0)
    value = statistic(total)
    influence = value - statistic(total - sums)  # [T]
    known = np.isfinite(influence) & (np.abs(influence) > 1e-12 * np.abs(value))
    return block_length(np.where(known, influence, 0.0))


def _estimate(value: float, low: float, high: float, *, interval: bool) -> Estimate | None:
    if not np.isfinite(value):
        return None
    if not interval or not np.isfinite(low + high):
        return Estimate(value=value)
    return Estimate(value=value, low=low, high=high)
