"""The ranking benchmark: every entry on both scalings of the inputs, by seeds, scored beside the published table."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tickgraph.atomic import storage_errors, write_atomically
from tickgraph.errors import InputError
from tickgraph.evaluation.pieces import fingerprint
from tickgraph.evaluation.ranking.conclusions import differences, findings
from tickgraph.evaluation.ranking.entries import Entry, FormulaEntry, MarketInputs, entries
from tickgraph.evaluation.ranking.market import RankingMarket, Scaling
from tickgraph.evaluation.ranking.result import RandomQuantiles, RankingResult, RankingRow, Scores
from tickgraph.evaluation.ranking.scores import RankingScores, random_scores, score
from tickgraph.evaluation.ranking.training import train
from tickgraph.evaluation.resampling import SessionBootstrap, mean_over_deviation, ratio
from tickgraph.evaluation.result import Estimate

RANDOM_FORECASTS = 1000
SCALINGS: tuple[Scaling, ...] = get_args(Scaling)


@dataclass(frozen=True)
class Listener:
    """Told how far a run is: a label, steps done, steps in all, and a word on the last."""

    step: Callable[[str, int, int, str], None] = lambda *_: None


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
        What it took.
    """

    forecast: NDArray[np.float32]
    validation: Scores
    epoch: int
    seconds: float


def run_benchmark(
    market: RankingMarket,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    scalings: Sequence[Scaling] = SCALINGS,
    seeds: int = 3,
    epochs: int = 12,
    listener: Listener | None = None,
) -> RankingResult:
    """Run entries and score them on the test days.

    Each run is kept in ``folder`` the moment it is done; a later call with the same market and settings
    takes it from there.

    Parameters
    ----------
    market
        From :func:`tickgraph.evaluation.ranking.market.read_market`.
    folder
        Where runs are kept.
    names
        Entries; all of :func:`tickgraph.evaluation.ranking.entries.entries` if None.
    scalings
        Of the inputs.
    seeds
        Runs of every network; rows are averages over them.
    epochs
        Bound on the training of every network; the epoch is chosen on validation days.

    Raises
    ------
    InputError
        An unknown name.
    StorageError
        The folder cannot be used.
    """
    available = entries(epochs)
    chosen = list(available) if names is None else list(names)
    if unknown := [name for name in chosen if name not in available]:
        raise InputError(f"Unknown model {', '.join(unknown)}. Known: {', '.join(available)}.")
    listener = listener or Listener()
    plan = [
        (scaling, available[name])
        for scaling in scalings
        for name in chosen
        if not (scaling == "causal" and available[name].kind == "probe")  # it is about the file's own scale
    ]
    total = sum(1 if isinstance(entry, FormulaEntry) else seeds for _, entry in plan)
    test = market.days["test"]
    returns, scored = np.nan_to_num(market.following.T[test]), market.scored.T[test]
    rows, daily, done = [], {}, 0
    for scaling in scalings:
        inputs = MarketInputs(market, scaling)
        for entry in (entry for of, entry in plan if of == scaling):
            runs = []
            for seed in range(1 if isinstance(entry, FormulaEntry) else seeds):
                label = f"{entry.name} ({scaling}), seed {seed}"
                listener.step(label, done, total, "")
                runs.append(_kept(folder, entry, inputs, seed, partial(listener.step, label, done, total)))
                done += 1
            results = [score(run.forecast, returns, scored) for run in runs]
            rows.append(_row(entry, scaling, runs, results))
            daily[entry.name, scaling] = np.stack([one.daily_ic for one in results])
    listener.step("done", total, total, "")
    gaps = differences(rows, daily)
    chance = _chance(returns, scored)
    return RankingResult(
        created=datetime.now(UTC),
        version=version("tickgraph"),
        market=market.name,
        source=market.source,
        sha256=market.sha256,
        stocks=len(market.tickers),
        days={part: len(rows) for part, rows in market.days.items()},
        random=chance,
        rows=rows,
        differences=gaps,
        findings=findings(rows, gaps, chance),
    )


def _kept(
    folder: Path, entry: Entry, inputs: MarketInputs, seed: int, progress: Callable[[str], None]
) -> Run:
    """Take a run from the folder, or make and keep it."""
    market = inputs.market
    settings = {
        "market": market.sha256,
        "split": [market.validation_from, market.test_from],
        "scaling": inputs.scaling,
        "entry": entry.name,
        "seed": seed,
        "recipe": repr(getattr(entry, "recipe", None)),
        "version": ENTRIES_VERSION,
    }
    path = folder / f"{entry.name}-{inputs.scaling}-{seed}-{fingerprint(settings)}.npz"
    kept = _read(path, (len(market.days["test"]), len(market.tickers)))
    if kept is not None:
        return kept
    made = _make(entry, inputs, seed, progress)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        forecast=made.forecast,
        validation=np.array(list(made.validation.model_dump().values())),
        epoch=np.array(made.epoch),
        seconds=np.array(made.seconds),
    )
    write_atomically(path, buffer.getvalue())
    return made


ENTRIES_VERSION = 1
"""Raised when a change of code changes what an entry forecasts."""


def _read(path: Path, shape: tuple[int, int]) -> Run | None:
    """Read a kept run; None if there is none, or if it is damaged and must be made again."""
    try:
        with storage_errors(path):
            data = path.read_bytes()
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            ic, icir, precision, sharpe = stored["validation"].tolist()
            run = Run(
                stored["forecast"],
                Scores(ic=ic, icir=icir, precision=precision, sharpe=sharpe),
                int(stored["epoch"]),
                float(stored["seconds"]),
            )
    except (FileNotFoundError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None
    return run if run.forecast.shape == shape else None


def _make(entry: Entry, inputs: MarketInputs, seed: int, progress: Callable[[str], None]) -> Run:
    market, days = inputs.market, inputs.market.days
    validated = days["validation"]
    returns, scored = np.nan_to_num(market.following.T[validated]), market.scored.T[validated]
    started = time.perf_counter()
    if isinstance(entry, FormulaEntry):
        forecast = entry.forecast(inputs)
        reached = score(forecast[validated], returns, scored)
        seconds = time.perf_counter() - started
        return Run(forecast[days["test"]].astype(np.float32), as_scores(reached), 0, seconds)
    import keras

    keras.utils.set_random_seed(seed)
    network = entry.build(inputs)
    best: list[RankingScores] = []

    def validate(forecast: NDArray[np.float32]) -> float:
        best.append(score(forecast, returns, scored))
        return best[-1].ic

    tested, epoch, _ = train(
        network,
        inputs.day_data(entry.inputs),
        days,
        entry.recipe,
        validate,
        seed,
        lambda number, of, ic: progress(f"epoch {number} of {of}, validation IC {ic:.4f}"),
    )
    return Run(tested, as_scores(best[epoch]), epoch + 1, time.perf_counter() - started)


def as_scores(scores: RankingScores) -> Scores:
    """The four columns alone."""
    return Scores(ic=scores.ic, icir=scores.icir, precision=scores.precision, sharpe=scores.sharpe)


def _row(entry: Entry, scaling: Scaling, runs: list[Run], results: list[RankingScores]) -> RankingRow:
    daily = np.stack([one.daily_ic for one in results])  # [seeds, D]
    ic, icir = ic_estimates(daily)
    seeds = [as_scores(one) for one in results]
    return RankingRow(
        model=entry.name,
        kind=entry.kind,
        scaling=scaling,
        description=entry.description,
        scores=_mean(seeds),
        ic=ic,
        icir=icir,
        seeds=seeds,
        validation=[run.validation for run in runs],
        epochs=[run.epoch for run in runs],
        seconds=sum(run.seconds for run in runs),
    )


def ic_estimates(daily: NDArray[np.float64]) -> tuple[Estimate, Estimate]:
    """IC and ICIR with intervals over days, from the daily IC of every seed ``[seeds, D]``.

    Both are means over seeds; days are drawn for all seeds at once.
    """
    daily = np.nan_to_num(daily)
    count, days = daily.shape
    bootstrap = SessionBootstrap(days)
    ones = np.ones(days)
    ic = bootstrap.estimate(np.stack([daily.mean(axis=0), ones], axis=1), ratio)
    terms = np.concatenate([daily, daily**2, ones[None]]).T  # [D, 2 seeds + 1]

    def mean_icir(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        each = [mean_over_deviation(sums[..., [seed, count + seed, 2 * count]]) for seed in range(count)]
        return np.asarray(np.mean(each, axis=0))

    icir = bootstrap.estimate(terms, mean_icir)
    return ic or Estimate(value=0.0), icir or Estimate(value=0.0)


def _mean(scores: list[Scores]) -> Scores:
    columns: dict[str, Any] = {
        column: float(np.mean([getattr(one, column) for one in scores])) for column in Scores.model_fields
    }
    return Scores(**columns)


def _chance(returns: NDArray[np.float64], scored: NDArray[np.bool_]) -> RandomQuantiles:
    drawn = random_scores(returns, scored, RANDOM_FORECASTS)
    low, median, high = (
        Scores(**{column: float(np.quantile(values, at)) for column, values in drawn.items()})
        for at in (0.025, 0.5, 0.975)
    )
    return RandomQuantiles(low=low, median=median, high=high, count=RANDOM_FORECASTS)
