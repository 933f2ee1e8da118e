"""The ranking benchmark: every entry on both scalings of the inputs, by seeds, scored beside the published rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranking.conclusions import differences, findings
from benchmarks.ranking.entries import Entry, FormulaEntry, MarketInputs, entries
from benchmarks.ranking.inputs import graph_inputs
from benchmarks.ranking.intervals import ic_estimates
from benchmarks.ranking.market import RankingMarket, Scaling
from benchmarks.ranking.published import published_for
from benchmarks.ranking.result import RandomQuantiles, RankingResult, RankingRow, Scores
from benchmarks.ranking.runs import Run, as_scores, keep_run
from benchmarks.ranking.scores import RankingScores, random_scores, score
from benchmarks.ranking.training import Objective
from tickgraph.errors import InputError
from tickgraph.lab.side_by_side import Check, run_side_by_side
from tickgraph.model.program import prepare_jax

RANDOM_FORECASTS = 1000
SCALINGS: tuple[Scaling, ...] = get_args(Scaling)


@dataclass(frozen=True)
class Listener:
    """A function that is told how far a benchmark is: label of a run, runs done, runs in all, a word on its epoch.

    The word is empty when a run begins.
    """

    step: Callable[[str, int, int, str], None] = lambda *_: None


def run_benchmark(
    market: RankingMarket,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    scalings: Sequence[Scaling] = SCALINGS,
    seeds: int = 3,
    epochs: int = 4,
    objective: Objective = "correlation",
    jobs: int = 0,
    listener: Listener | None = None,
) -> RankingResult:
    """Run entries and score them on the test days.

    Each run is kept in ``folder`` the moment it is done; a later call with the same market and settings
    takes it from there.

    Parameters
    ----------
    market
        From :func:`benchmarks.ranking.market.read_market`.
    folder
        Where runs are kept.
    names
        Entries; all of :func:`benchmarks.ranking.entries.entries` if None.
    scalings
        Of the inputs.
    seeds
        Runs of every network; a row is their average.
    epochs
        Bound on the training of every network; the epoch is chosen on validation days.
    objective
        Loss of the published networks; the factor-neutral network learns by 1 - IC.
    jobs
        Runs side by side, a thread each; 0 is one per core. Results do not depend on it.
    listener
        Is told of progress, from the threads of the runs.

    Raises
    ------
    InputError
        An unknown name.
    StorageError
        The folder cannot be used.
    FloatingPointError
        A training diverged, or a network's forecasts are constant.
    KeyboardInterrupt
        Ctrl-C. What was finished is kept; training stops after its epoch.
    """
    available = entries(epochs, objective)
    chosen = list(available) if names is None else list(names)
    if unknown := [name for name in chosen if name not in available]:
        raise InputError(f"Unknown model {', '.join(unknown)}. Known: {', '.join(available)}.")
    listener = listener or Listener()
    plan = [
        (scaling, available[name])
        for scaling in scalings
        for name in chosen
        if not (scaling == "causal" and available[name].kind == "probe")  # a probe is of the file's own scale
    ]
    prepare_jax()
    test = market.days["test"]
    returns, scored = np.nan_to_num(market.following.T[test]), market.scored.T[test]
    graph_of = cache(graph_inputs)  # both scalings have the same
    total = sum(_seeds(entry, seeds) for _, entry in plan)
    counted = _Counted(listener, total)
    rows, daily = [], {}
    for scaling in scalings:
        own = [entry for of, entry in plan if of == scaling]
        inputs = MarketInputs(market, scaling, graph_of)
        kept = _runs(folder, own, inputs, seeds, jobs, counted)
        for entry in own:
            runs = [kept[entry.name, seed] for seed in range(_seeds(entry, seeds))]
            results = [score(run.forecast, returns, scored) for run in runs]
            rows.append(_row(entry, scaling, runs, results))
            daily[entry.name, scaling] = np.stack([one.daily_ic for one in results])
    listener.step("done", total, total, "")
    gaps = differences(rows, daily)
    chance = _chance(returns, scored)
    published, why_not = published_for(market)
    return RankingResult(
        created=datetime.now(UTC),
        version=version("tickgraph"),
        market=market.name,
        source=market.source,
        sha256=market.sha256,
        stocks=len(market.tickers),
        days={part: len(rows) for part, rows in market.days.items()},
        published=published,
        random=chance,
        rows=rows,
        differences=gaps,
        findings=[*([] if published else [why_not]), *findings(rows, gaps, chance, published)],
    )


class _Counted:
    """Tells a listener of the progress of runs side by side, one word at a time."""

    def __init__(self, listener: Listener, total: int) -> None:
        self._listener, self._total, self._done = listener, total, 0
        self._lock = threading.Lock()

    def say(self, label: str, word: str) -> None:
        with self._lock:
            self._listener.step(label, self._done, self._total, word)

    def finish(self) -> None:
        with self._lock:
            self._done += 1


def _runs(
    folder: Path, chosen: Sequence[Entry], inputs: MarketInputs, seeds: int, jobs: int, counted: _Counted
) -> dict[tuple[str, int], Run]:
    """Make or take every run of one scaling, by entry and seed."""

    def one(entry: Entry, seed: int, check: Check) -> Run:
        label = f"{entry.name} ({inputs.scaling}), seed {seed}"

        def progress(word: str) -> None:
            check()
            counted.say(label, word)

        progress("")
        run = keep_run(folder, entry, inputs, seed, progress)
        counted.finish()
        return run

    return run_side_by_side(
        {
            (entry.name, seed): partial(one, entry, seed)
            for entry in chosen
            for seed in range(_seeds(entry, seeds))
        },
        jobs,
    )


def _seeds(entry: Entry, seeds: int) -> int:
    return 1 if isinstance(entry, FormulaEntry) else seeds


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
