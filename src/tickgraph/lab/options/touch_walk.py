"""Levels of every session: how likely each method said they are touched, and whether they were.

The distribution is that of the product's network, walked forward. What was found is kept on disk, so that the same
evaluation is not computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.options.network_walk import NetworkWalk, Origin
from tickgraph.lab.options.touch_methods import (
    HAUG,
    PATHS,
    PRODUCT,
    REFLECTION,
    TWICE,
    lognormal_touch,
    reflection,
)
from tickgraph.lab.run import Progress, Run
from tickgraph.lab.stored_arrays import fingerprint, read_arrays, take_up, write_arrays
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
    walk: NetworkWalk,
    names: Sequence[str],
    run: Run,
    *,
    paths_every: int,
) -> ForecastTouches:
    """Say at every origin how likely each level of each symbol is touched, by each method.

    Parameters
    ----------
    walk
        Gives the distribution at each origin.
    names
        Methods.
    run
        Where results are kept, and who is told of each stretch.
    paths_every
        Paths are simulated at every so many origins: they take long.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    settings = {
        **walk.identity,
        "version": VERSION,
        "methods": list(names),
        "distances": DISTANCES,
        "paths": (paths_every, SIMULATED),
    }
    path = run.folder / f"touch-{fingerprint(settings)}.npz"
    shape = *walk.shape, len(DISTANCES)
    stored, damaged = take_up(lambda: read_arrays(path, "touched", *names, shape=shape), fresh=run.fresh)
    if stored is not None:
        run.listener.on_piece(Progress("touch", pieces=walk.stretch_count, reused=True))
        touched, *said_by = (array.astype(np.float64) for array in stored)
        return ForecastTouches(dict(zip(names, said_by, strict=True)), touched)
    said = {name: np.full(shape, np.nan) for name in names}
    level = _levels(walk)
    for origin in walk.origins("touch", run.listener, damaged):
        _say(said, walk, origin, level[origin.place], with_paths=origin.place % paths_every == 0)
    found = ForecastTouches(said, _came(walk, level))
    write_arrays(
        path,
        touched=found.touched.astype(np.float32),
        **{name: values.astype(np.float32) for name, values in said.items()},
    )
    return found


def _say(
    said: dict[str, Float64[np.ndarray, "origins symbols horizons levels"]],
    walk: NetworkWalk,
    origin: Origin,
    levels: Float64[np.ndarray, "symbols horizons levels"],
    *,
    with_paths: bool,
) -> None:
    """Fill in what each method says at one origin."""
    symbols = np.flatnonzero(origin.usable & np.isfinite(levels).all(axis=(1, 2)))
    variance = origin.variance[symbols][:, walk.asked, None]
    for name, formula in ((REFLECTION, reflection), (HAUG, lognormal_touch)):
        if name in said:
            said[name][origin.place, symbols] = formula(levels[symbols], variance)
    panel = walk.moves.panel.through(walk.moves.panel.sessions[origin.session])
    gaps = gap_shares(panel, panel.symbols)
    ahead = np.array(walk.horizons)[:, None]
    for symbol in symbols.tolist():
        distribution, level, cell = origin.distribution(symbol), levels[symbol], (origin.place, symbol)
        if PRODUCT in said:
            touch = TouchDistribution(distribution, float(gaps[symbol]))
            said[PRODUCT][cell] = touch.probability_touched(level, ahead)
        if TWICE in said:
            above = distribution.probability_above(level, ahead)
            said[TWICE][cell] = np.minimum(2 * np.where(level > 0, above, 1 - above), 1.0)
        if PATHS in said and with_paths:
            said[PATHS][cell] = _on_paths(distribution, panel, panel.symbols[symbol], level, walk.horizons)


def _on_paths(
    distribution: HorizonDistribution,
    panel: PricePanel,
    symbol: str,
    level: Float64[np.ndarray, "horizons levels"],
    horizons: Sequence[int],
) -> Float64[np.ndarray, "horizons levels"]:
    """Share of paths that touch; NaN where the symbol has too few dates to draw from."""
    try:
        drawn = dated_moves(panel, [symbol])
    except HistoryTooShortError:
        return np.full(level.shape, np.nan)
    seed = seed_of([symbol], panel.sessions[-1])
    paths = price_paths([distribution], drawn, horizons[-1], seed, SIMULATED)
    touched = paths.probability_touched(level.reshape(1, -1))[0].reshape(*level.shape, -1)  # [H, L, sessions]
    return np.stack([touched[place, :, horizon - 1] for place, horizon in enumerate(horizons)])


def _levels(walk: NetworkWalk) -> Float64[np.ndarray, "origins symbols horizons levels"]:
    unit = walk.moves.deviation[walk.schedule.origins, :, None] * np.sqrt(
        np.array(walk.horizons)
    )  # [O, S, H]
    return np.asarray(np.where(unit > 0, unit, np.nan)[..., None] * np.array(DISTANCES))


def _came(
    walk: NetworkWalk, level: Float64[np.ndarray, "origins symbols horizons levels"]
) -> Float64[np.ndarray, "origins symbols horizons levels"]:
    """Whether a level was touched, on prices from which dividends are taken, as from the distribution."""
    panel, origins = walk.moves.panel, walk.schedule.origins
    factor = panel.adj_close / panel.close
    close = np.log(panel.adj_close)
    high, low = (np.log(each * factor) for each in (panel.high, panel.low))
    touched = np.full(level.shape, np.nan)
    for place, horizon in enumerate(walk.horizons):
        judged = origins + horizon < len(close)
        starts = origins[judged]
        ahead = starts[:, None] + np.arange(1, horizon + 1)  # [O', h]
        top = high[ahead].max(axis=1) - close[starts]  # [O', S]; NaN where a high is missing
        bottom = low[ahead].min(axis=1) - close[starts]
        at = level[judged, :, place]
        came = np.where(at > 0, top[..., None] >= at, bottom[..., None] <= at)
        known = np.isfinite(top) & np.isfinite(bottom) & np.isfinite(close[ahead]).all(axis=1)
        touched[judged, :, place] = np.where(known[..., None] & np.isfinite(at), came, np.nan)
    return touched
