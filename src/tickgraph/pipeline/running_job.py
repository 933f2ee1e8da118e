"""A job of this process that is not over: queued, waiting for another process, or running."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from tickgraph.market.spelling import Symbol
from tickgraph.pipeline.jobs import Job


@dataclass
class RunningJob:
    """A job on its way.

    Attributes
    ----------
    job
        As it was when it was queued.
    basis
        What was published of its symbol when it was asked for.
    insists
        Whether a training is to be tried even if another machine could not, a short while ago.
    ended
        Done when the job ends.
    attempts
        How many worker processes were given the job.
    """

    job: Job
    basis: str | None
    insists: bool = False
    ended: Future[Job] = field(default_factory=Future)
    attempts: int = 0

    @property
    def symbol(self) -> Symbol:
        """What is to be trained, if the job is a training."""
        assert self.job.symbol is not None  # noqa: S101  asked of trainings only
        return self.job.symbol
