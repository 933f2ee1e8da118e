"""The walk by horizon: every forecaster is fitted on the past, again and again, and forecasts what comes.

A finished forecaster is kept on disk, so that an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np

from tickgraph.lab.horizons.losses import DensityLosses, density_losses
from tickgraph.lab.horizons.method import HorizonForecaster, Stretch
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.pooled_scores import score_quantiles
from tickgraph.lab.horizons.schedule import Schedule
from tickgraph.lab.run import Progress, Run
from tickgraph.lab.side_by_side import Check, run_side_by_side
from tickgraph.lab.stored_arrays import DamagedFileError, fingerprint, read_arrays, take_up, write_arrays
from tickgraph.shapes import Float64

RENEWED = 5
"""Sessions between two looks at the trailing scores: a week changes 1 % of them."""

_ARRAYS = ("variance", *(each.name for each in fields(DensityLosses)), "seconds")


@dataclass(frozen=True)
class WalkedForecasts:
    """Forecasts of one forecaster over the test range, and the losses of its distributions.

    Attributes
    ----------
    variance
        ``[T', S, H]`` float64, range variance over h sessions, every session of the test range.
    densities
        Losses ``[O, S, H]`` at the origins.
    seconds
        Time it took.
    """

    variance: Float64[np.ndarray, "tested symbols horizons"]
    densities: DensityLosses
    seconds: float


def walk_by_horizon(
    moves: Moves,
    forecasters: Sequence[HorizonForecaster],
    schedule: Schedule,
    run: Run,
) -> dict[str, WalkedForecasts]:
    """Run forecasters over all stretches.

    Parameters
    ----------
    moves
        Of the symbols to evaluate, over all sessions.
    forecasters
        Each with a name of its own.
    schedule
        The test range and its stretches.
    run
        Where finished forecasters are kept. Its listener is called from the threads that forecast.

    Raises
    ------
    StorageError
        The folder cannot be written.
    KeyboardInterrupt
        Ctrl-C. Finished forecasters are kept; the others stop after their stretch.
    """
    folder = run.folder / fingerprint(walk_identity(moves, schedule))

    def walked(forecaster: HorizonForecaster, check: Check) -> WalkedForecasts:
        path = folder / f"{forecaster.name}-{fingerprint(forecaster.settings)}.npz"
        count = len(stretches_of(forecaster, schedule))
        stored, damaged = take_up(lambda: read_walked(path, moves, schedule), fresh=run.fresh)
        if stored is not None:
            run.listener.on_piece(Progress(forecaster.name, pieces=count, reused=True))
            return stored

        def told(done: int) -> None:
            last = done == count
            run.listener.on_piece(Progress(forecaster.name, done=last, damaged=damaged if last else None))

        own = walk_forecaster(moves, forecaster, schedule, check, told)
        write_walked(path, own)
        return own

    found = run_side_by_side({each.name: partial(walked, each) for each in forecasters}, run.jobs)
    return {each.name: found[each.name] for each in forecasters}


def walk_identity(moves: Moves, schedule: Schedule) -> dict[str, object]:
    """All but the forecaster that walked forecasts depend on."""
    return {
        "data": moves.panel.data_version,
        "variance": hashlib.sha256(np.ascontiguousarray(moves.variance).tobytes()).hexdigest(),
        "windows": schedule.windows.model_dump(mode="json"),
        "range": (schedule.first, schedule.stop),
    }


def stretches_of(forecaster: HorizonForecaster, schedule: Schedule) -> tuple[Stretch, ...]:
    """Stretches of a forecaster in the walk."""
    every = max(schedule.windows.refit_every, forecaster.fewest_sessions)
    return schedule.stretches(every, with_scores=not forecaster.has_quantiles)


def walk_forecaster(
    moves: Moves,
    forecaster: HorizonForecaster,
    schedule: Schedule,
    check: Check = lambda: None,
    on_stretch: Callable[[int], None] = lambda _: None,
) -> WalkedForecasts:
    """Run one forecaster over its stretches and score its distributions; tell how many stretches are done."""
    started = time.perf_counter()
    with_scores = not forecaster.has_quantiles
    forecast = forecaster.prepare(moves)
    variances, scored = [], []
    for stretch in stretches_of(forecaster, schedule):
        check()
        own = forecast(stretch)
        variances.append(own.variance)
        if own.quantiles is not None and len(stretch.origins):
            scored.append(_scored(moves, own.quantiles, stretch.origins))
        on_stretch(len(variances))
    variance = np.concatenate(variances)  # [lead + T', S, H]
    begin = schedule.begin(with_scores=with_scores)
    if with_scores:
        scored = _pooled(moves, variance, begin, schedule, check)
    return WalkedForecasts(variance[schedule.first - begin :], _joined(scored), time.perf_counter() - started)


def _pooled(
    moves: Moves,
    variance: Float64[np.ndarray, "walked symbols horizons"],
    begin: int,
    schedule: Schedule,
    check: Check,
) -> list[DensityLosses]:
    """Losses at every origin, of quantiles from trailing scores; ``variance`` starts at session ``begin``."""
    deviation = np.sqrt(np.where(variance > 0, variance, np.nan))
    scores = np.full(moves.return_ahead.shape, np.nan)
    rows = slice(begin, begin + len(variance))
    scores[rows] = moves.return_ahead[rows] / deviation
    scored, origins = [], schedule.origins
    step = max(1, RENEWED // schedule.windows.density_every)
    for first in range(0, len(origins), step):
        check()
        near = origins[first : first + step]
        quantiles = np.stack(
            [score_quantiles(scores[..., place], int(near[0]), h) for place, h in enumerate(moves.horizons)]
        )  # [H, Q], as known at the first of them
        scored.append(_scored(moves, deviation[near - begin][..., None] * quantiles, near))
    return scored


def _scored(
    moves: Moves, quantiles: Float64[np.ndarray, "origins symbols horizons quantiles"], origins: np.ndarray
) -> DensityLosses:
    unit = moves.deviation[origins, :, None] * np.sqrt(moves.horizons)
    return density_losses(quantiles, moves.return_ahead[origins], unit)


def _joined(parts: Sequence[DensityLosses]) -> DensityLosses:
    return DensityLosses(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))


def write_walked(path: Path, walked: WalkedForecasts) -> None:
    """Store a forecaster whole or not at all; :class:`StorageError` if the folder cannot be written."""
    arrays = {"variance": walked.variance, **vars(walked.densities)}
    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    write_arrays(path, **single, seconds=np.array(walked.seconds))


def read_walked(path: Path, moves: Moves, schedule: Schedule) -> WalkedForecasts | None:
    """Read a forecaster; None if there is none.

    Raises
    ------
    DamagedFileError, StorageError
        As :func:`tickgraph.lab.stored_arrays.read_arrays`; or the arrays are of another size.
    """
    arrays = read_arrays(path, *_ARRAYS)
    if arrays is None:
        return None
    try:
        variance, *densities, seconds = (array.astype(np.float64) for array in arrays)
        walked = WalkedForecasts(variance, DensityLosses(*densities), float(seconds))
    except (TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}).") from error
    cells = len(moves.panel.symbols), len(moves.horizons)
    if walked.variance.shape != (schedule.stop - schedule.first, *cells) or walked.densities.crps.shape != (
        len(schedule.origins),
        *cells,
    ):
        raise DamagedFileError(f"{path} holds other sessions or symbols than this run has.")
    return walked
