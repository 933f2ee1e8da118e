"""The result of a ranking benchmark, as it is written to JSON and read by its report."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from benchmarks.ranking.entries import Kind
from benchmarks.ranking.market import Scaling
from benchmarks.ranking.published import PublishedTable
from tickgraph.lab.evaluation.evaluation_result import Estimate


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Scores(_Result):
    """Columns of the table, by its definitions."""

    ic: float
    icir: float
    precision: float
    sharpe: float


class RankingRow(_Result):
    """One model on one scaling of the inputs, averaged over seeds."""

    model: str
    kind: Kind
    scaling: Scaling
    """``published``: the file's own scale, which holds each stock's maximum of all days, a look-ahead.
    ``causal``: inputs divided by the day's close, so that it cancels."""
    description: str
    scores: Scores
    """Means over the seeds."""
    ic: Estimate
    """With an interval over days, of the daily IC averaged over seeds."""
    icir: Estimate
    """Mean over seeds, with an interval over days."""
    seeds: list[Scores]
    validation: list[Scores]
    """The same on the validation days, by which the epoch was chosen."""
    epochs: list[int]
    """Epoch chosen, by seed, from 1; 0 where there was nothing to train."""
    seconds: float


class RandomQuantiles(_Result):
    """What 1,000 forecasts that know nothing score on the same days."""

    low: Scores
    """2.5 % quantile of each column."""
    median: Scores
    high: Scores
    """97.5 % quantile."""
    count: int


class RankingDifference(_Result):
    """Paired difference of two rows over the same days: first - second."""

    first: str
    second: str
    scaling: Scaling
    ic: Estimate
    icir: Estimate
    conclusion: str


class RankingResult(_Result):
    """A whole benchmark."""

    created: datetime
    version: str
    market: str
    source: str
    sha256: str
    stocks: int
    days: dict[str, int]
    """Days in each part."""
    published: PublishedTable | None = None
    """The published rows of the same market, stocks and days; null where there are none."""
    random: RandomQuantiles
    rows: list[RankingRow]
    differences: list[RankingDifference]
    findings: list[str]
