"""Levels of every session: how likely each method said they are touched, and whether they were.

The distribution is that of the product's network, walked forward. What was found is kept on disk, so that the same
evaluation is not computed twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.range_regressions import YOUNGEST
from tickgraph.lab.horizons.schedule import Schedule
from tickgraph.lab.horizons.walk import HorizonProgress, stretch_count
from tickgraph.lab.options.touch_methods import (
    HAUG,
    PATHS,
    PRODUCT,
    REFLECTION,
    TWICE,
    lognormal_touch,
    reflection,
)
from tickgraph.lab.stored_arrays import DamagedFileError, fingerprint, read_arrays, write_arrays
from tickgraph.market.panel import PricePanel
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.price_paths import dated_moves, price_paths, seed_of
from tickgraph.options.touch import TouchDistribution, gap_shares
from tickgraph.shapes import Float64

DISTANCES: tuple[float, ...] = (-2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Distances of levels from the close, in standard deviations over h sessions, of the last 60 sessions."""
SIMULATED = 2000
"""Paths of one symbol from one session on."""
VERSION = 2
"""Raise it when a change of code makes stored results wrong."""


@dataclass(frozen=True)
class ForecastTouches:
    """What was said of each level, and what came.

    Attributes
    ----------
    said
        By method, ``[O, S, H, L]`` probability of a touch; NaN where it is not known.
    touched
        ``[O, S, H, L]`` 1 where a day's high or low got there, else 0; NaN where that is not known.
    """

    said: dict[str, Float64[np.ndarray, "origins symbols horizons levels"]]
    touched: Float64[np.ndarray, "origins symbols horizons levels"]


def forecast_touches(
    moves: Moves,
    forecaster: HorizonForecaster,
    names: Sequence[str],
    horizons: Sequence[int],
    schedule: Schedule,
    folder: Path,
    *,
    paths_every: int,
    fresh: bool = False,
    on_progress: Callable[[HorizonProgress], None] = lambda _: None,
) -> ForecastTouches:
    """Say at every origin how likely each level of each symbol is touched, by each method.

    Parameters
    ----------
    moves
        Of the symbols; its horizons begin with 1 and hold those that are asked for.
    forecaster
        Gives the distribution; its forecasts carry quantiles of their own.
    names
        Methods.
    horizons
        H numbers of sessions.
    schedule
        Its origins are the sessions after whose closes levels are judged.
    folder
        Where results are kept and looked for.
    paths_every
        Paths are simulated at every so many origins: they take long.
    fresh
        Compute everything, whatever the folder holds.
    on_progress
        Called after each stretch.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    settings = {
        "version": VERSION,
        "data": moves.panel.data_version,
        "variance": hashlib.sha256(np.ascontiguousarray(moves.variance).tobytes()).hexdigest(),
        "windows": schedule.windows.model_dump(mode="json"),
        "range": (schedule.first, schedule.stop),
        "horizons": list(horizons),
        "forecaster": dict(forecaster.settings),
        "methods": list(names),
        "distances": DISTANCES,
        "paths": (paths_every, SIMULATED),
    }
    path = folder / f"touch-{fingerprint(settings)}.npz"
    shape = len(schedule.origins), len(moves.panel.symbols), len(horizons), len(DISTANCES)
    damaged = None
    if not fresh:
        try:
            stored = _read(path, names, shape)
        except DamagedFileError as error:
            stored, damaged = None, str(error)
        if stored is not None:
            on_progress(HorizonProgress("touch", stretch_count(forecaster, schedule), reused=True))
            return stored
    said = {name: np.full(shape, np.nan) for name in names}
    level = _levels(moves, horizons, schedule)
    forecast = forecaster.prepare(moves)
    stretches = schedule.stretches(
        max(schedule.windows.refit_every, forecaster.fewest_sessions), with_scores=False
    )
    asked = [moves.horizons.index(horizon) for horizon in horizons]
    for stretch in stretches:
        own = forecast(stretch)
        assert own.quantiles is not None  # noqa: S101
        for row, session in enumerate(stretch.origins):
            place = int(np.searchsorted(schedule.origins, session))
            at = _Origin(
                moves,
                int(session),
                own.variance[session - stretch.first],
                own.quantiles[row],
                np.array(horizons),
                asked,
                level[place],
            )
            at.fill(said, place, with_paths=place % paths_every == 0)
        last = stretch is stretches[-1]
        on_progress(HorizonProgress("touch", 1, done=last, damaged=damaged if last else None))
    found = ForecastTouches(said, _came(moves.panel, level, horizons, schedule))
    write_arrays(
        path,
        touched=found.touched.astype(np.float32),
        **{name: values.astype(np.float32) for name, values in said.items()},
    )
    return found


@dataclass(frozen=True)
class _Origin:
    """One session after whose close all methods are asked.

    ``variance`` is ``[S, G]``, ``quantiles`` ``[S, G, Q]``, of all horizons of the moves; ``asked`` says where those of
    ``horizons`` are; ``level`` is ``[S, H, L]``.
    """

    moves: Moves
    session: int
    variance: Float64[np.ndarray, "symbols grid"]
    quantiles: Float64[np.ndarray, "symbols grid quantiles"]
    horizons: np.ndarray
    asked: list[int]
    level: Float64[np.ndarray, "symbols horizons levels"]

    def fill(
        self,
        said: dict[str, Float64[np.ndarray, "origins symbols horizons levels"]],
        place: int,
        *,
        with_paths: bool,
    ) -> None:
        known = np.isfinite(self.quantiles).all(axis=(1, 2)) & (self.variance > 0).all(axis=1)
        known &= np.isfinite(self.level).all(axis=(1, 2)) & (self.moves.ages[self.session] >= YOUNGEST)
        symbols = np.flatnonzero(known)
        variance = self.variance[symbols][:, self.asked, None]
        for name, formula in ((REFLECTION, reflection), (HAUG, lognormal_touch)):
            if name in said:
                said[name][place, symbols] = formula(self.level[symbols], variance)
        panel = self.moves.panel.through(self.moves.panel.sessions[self.session])
        gaps = gap_shares(panel, panel.symbols)
        for symbol in symbols:
            deviations = np.sqrt(self.variance[symbol])
            distribution = HorizonDistribution(
                np.array(self.moves.horizons), deviations**2, self.quantiles[symbol] / deviations[:, None]
            )
            level, ahead = self.level[symbol], self.horizons[:, None]
            if PRODUCT in said:
                touch = TouchDistribution(distribution, float(gaps[symbol]))
                said[PRODUCT][place, symbol] = touch.probability_touched(level, ahead)
            if TWICE in said:
                above = distribution.probability_above(level, ahead)
                said[TWICE][place, symbol] = np.minimum(2 * np.where(level > 0, above, 1 - above), 1.0)
            if PATHS in said and with_paths:
                said[PATHS][place, symbol] = self._on_paths(distribution, panel, panel.symbols[symbol], level)

    def _on_paths(
        self,
        distribution: HorizonDistribution,
        panel: PricePanel,
        symbol: str,
        level: Float64[np.ndarray, "horizons levels"],
    ) -> Float64[np.ndarray, "horizons levels"]:
        try:
            drawn = dated_moves(panel, [symbol])
        except HistoryTooShortError:
            return np.full(level.shape, np.nan)
        seed = seed_of([symbol], panel.sessions[-1])
        paths = price_paths([distribution], drawn, int(self.horizons[-1]), seed, SIMULATED)
        touched = paths.probability_touched(level.reshape(1, -1))[0].reshape(
            *level.shape, -1
        )  # [H, L, sessions]
        return np.stack([touched[place, :, horizon - 1] for place, horizon in enumerate(self.horizons)])


def _levels(
    moves: Moves, horizons: Sequence[int], schedule: Schedule
) -> Float64[np.ndarray, "origins symbols horizons levels"]:
    unit = moves.deviation[schedule.origins, :, None] * np.sqrt(np.array(horizons))  # [O, S, H]
    return np.asarray(np.where(unit > 0, unit, np.nan)[..., None] * np.array(DISTANCES))


def _came(
    panel: PricePanel,
    level: Float64[np.ndarray, "origins symbols horizons levels"],
    horizons: Sequence[int],
    schedule: Schedule,
) -> Float64[np.ndarray, "origins symbols horizons levels"]:
    """Whether a level was touched, on prices from which dividends are taken, as from the distribution."""
    factor = panel.adj_close / panel.close
    close = np.log(panel.adj_close)
    high, low = (np.log(each * factor) for each in (panel.high, panel.low))
    sessions, touched = len(close), np.full(level.shape, np.nan)
    for place, horizon in enumerate(horizons):
        origins = np.flatnonzero(schedule.origins + horizon < sessions)
        ahead = schedule.origins[origins, None] + np.arange(1, horizon + 1)  # [O', h]
        start = close[schedule.origins[origins]]
        top = high[ahead].max(axis=1) - start  # [O', S]; NaN where a high is missing
        bottom = low[ahead].min(axis=1) - start
        at = level[origins, :, place]
        came = np.where(at > 0, top[..., None] >= at, bottom[..., None] <= at)
        known = np.isfinite(top) & np.isfinite(bottom) & np.isfinite(close[ahead]).all(axis=1)
        touched[origins, :, place] = np.where(known[..., None] & np.isfinite(at), came, np.nan)
    return touched


def _read(path: Path, names: Sequence[str], shape: tuple[int, ...]) -> ForecastTouches | None:
    arrays = read_arrays(path, "touched", *names)
    if arrays is None:
        return None
    if any(array.shape != shape or array.dtype != np.float32 for array in arrays):
        raise DamagedFileError(f"{path} holds other sessions or symbols than this run has.")
    touched, *said = (array.astype(np.float64) for array in arrays)
    return ForecastTouches(dict(zip(names, said, strict=True)), touched)
