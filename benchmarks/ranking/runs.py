"""One run of the ranking benchmark: an entry on a scaling with a seed, computed once and kept on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranking.entries import Entry, FormulaEntry, MarketInputs
from benchmarks.ranking.result import Scores
from benchmarks.ranking.scores import RankingScores, score
from benchmarks.ranking.training import train
from tickgraph.lab.stored_arrays import DamagedFileError, fingerprint, read_arrays, write_arrays

ENTRIES_VERSION = 1
"""Raise it when a change of code changes the forecasts of an entry."""

_BUILDING = threading.Lock()
"""Held while a network is built: Keras draws first weights from one generator of the process."""


@dataclass(frozen=True)
class Run:
    """One entry, scaling and seed.

    Attributes
    ----------
    forecast
        ``[D, S]`` float32 of the test days.
    validation
        Score on the validation days.
    epoch
        Chosen by it, from 1; 0 where there was nothing to train.
    seconds
        Time of training and forecasting.
    """

    forecast: NDArray[np.float32]
    validation: Scores
    epoch: int
    seconds: float


def keep_run(
    folder: Path,
    entry: Entry,
    inputs: MarketInputs,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Run:
    """Take a run from the folder, or make it and keep it there.

    A run is made again if anything it depends on has changed, or if its file is damaged.

    Raises
    ------
    StorageError
        The folder cannot be used.
    FloatingPointError
        As :func:`make_run`.
    """
    market = inputs.market
    path = folder / f"{entry.name}-{inputs.scaling}-{seed}-{_fingerprint(entry, inputs, seed)}.npz"
    run = read_run(path, (len(market.days["test"]), len(market.tickers)))
    if run is None:
        run = make_run(entry, inputs, seed, progress)
        write_run(path, run)
    return run


def _fingerprint(entry: Entry, inputs: MarketInputs, seed: int) -> str:
    return fingerprint(
        {
            "market": inputs.market.identity,
            "split": [inputs.market.validation_from, inputs.market.test_from],
            "scaling": inputs.scaling,
            "entry": entry.name,
            "seed": seed,
            "recipe": repr(getattr(entry, "recipe", None)),
            "version": ENTRIES_VERSION,
        }
    )


def write_run(path: Path, run: Run) -> None:
    """Store a run whole or not at all; :class:`StorageError` if the folder cannot be written."""
    write_arrays(
        path,
        forecast=run.forecast,
        validation=np.array(list(run.validation.model_dump().values())),
        epoch=np.array(run.epoch),
        seconds=np.array(run.seconds),
    )


def read_run(path: Path, shape: tuple[int, int]) -> Run | None:
    """Read a kept run; None if there is none, or if it is damaged."""
    try:
        arrays = read_arrays(path, "forecast", "validation", "epoch", "seconds")
        if arrays is None or arrays[0].shape != shape:
            return None
        forecast, validation, epoch, seconds = arrays
        scores = dict(zip(Scores.model_fields, validation.tolist(), strict=True))
        return Run(forecast, Scores.model_validate(scores), int(epoch), float(seconds))
    except (DamagedFileError, TypeError, ValueError):
        return None


def make_run(entry: Entry, inputs: MarketInputs, seed: int, progress: Callable[[str], None]) -> Run:
    """Train and forecast; the validation days choose the epoch, the test days are only forecast.

    Raises
    ------
    FloatingPointError
        A forecast is not finite, or no epoch ranked the validation days.
    """
    market, days = inputs.market, inputs.market.days
    validated = days["validation"]
    returns, scored = np.nan_to_num(market.following.T[validated]), market.scored.T[validated]
    data = inputs.day_data(entry.inputs)
    started = time.perf_counter()
    if isinstance(entry, FormulaEntry):
        forecast = entry.forecast(inputs)
        reached = score(forecast[validated], returns, scored)
        seconds = time.perf_counter() - started
        return Run(forecast[days["test"]].astype(np.float32), as_scores(reached), 0, seconds)
    import keras

    with _BUILDING:
        keras.utils.set_random_seed(seed)
        network = entry.build(inputs)
    by_epoch: list[RankingScores] = []

    def validate(forecast: NDArray[np.float32]) -> float:
        by_epoch.append(score(forecast, returns, scored))
        return by_epoch[-1].ic

    tested, epoch, _ = train(
        network,
        data,
        days,
        entry.recipe,
        validate,
        seed,
        lambda number, of, ic: progress(f"epoch {number} of {of}, validation IC {ic:.4f}"),
    )
    return Run(tested, as_scores(by_epoch[epoch]), epoch + 1, time.perf_counter() - started)


def as_scores(scores: RankingScores) -> Scores:
    """The four columns alone."""
    return Scores(ic=scores.ic, icir=scores.icir, precision=scores.precision, sharpe=scores.sharpe)
