"""The worker process: trains and refreshes, away from the process that answers requests."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from pathlib import Path

from filelock import FileLock

from tickgraph.errors import PartialFailure, TickgraphError
from tickgraph.model.training import TrainingProgram
from tickgraph.pipeline.jobs import Job, JobBoard
from tickgraph.pipeline.workplace import Workplace
from tickgraph.registry.registry import ModelRegistry

NICENESS = 10  # answering requests comes first

_stopping: Event | None = None
_programs: dict[str, TrainingProgram] = {}


class Stopped(TickgraphError):
    """The service is shutting down."""


def begin(stopping: Event) -> None:
    """Set the process up: yield to the one that serves, leave Ctrl-C to it, and do not outlive it."""
    global _stopping
    _stopping = stopping
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def run(workplace: Workplace, board_folder: Path, job: Job, basis: str | None) -> tuple[Job, int]:
    """Do one job and keep the board informed.

    Parameters
    ----------
    workplace
        Where prices and models are.
    board_folder
        Folder of the :class:`JobBoard`.
    job
        What to do.
    basis
        For training: the generation that was published when the job was asked for. If another process has
        published a newer one meanwhile, there is nothing left to do.

    Returns
    -------
    tuple
        The job as it ended, and how often this process has compiled the training program.
    """
    board = JobBoard(board_folder)
    job = board.write(job.model_copy(update={"state": "running", "started_at": datetime.now(UTC)}))
    try:
        job = _train(workplace, board_folder, job, basis) if job.symbol else _refresh(workplace, board, job)
        job = job.model_copy(update={"state": "done"})
    except (TickgraphError, FloatingPointError, ArithmeticError) as error:
        job = job.model_copy(update={"state": "failed", "error": str(error)})
    job = board.write(job.model_copy(update={"finished_at": datetime.now(UTC)}))
    return job, sum(program.compilations for program in _programs.values())


def _train(workplace: Workplace, board_folder: Path, job: Job, basis: str | None) -> Job:
    symbol = str(job.symbol)
    locks = board_folder.parent / "training"
    locks.mkdir(parents=True, exist_ok=True)
    # One training of a symbol at a time over all processes of the service.
    with FileLock(locks / f"{symbol}.lock"):
        if ModelRegistry(workplace.models_dir).generation(symbol) == basis:
            workplace.train(symbol, _program(workplace))
    return job.model_copy(update={"completed": 1})


def _refresh(workplace: Workplace, board: JobBoard, job: Job) -> Job:
    def started(total: int) -> None:
        nonlocal job
        job = board.write(job.model_copy(update={"total": total}))

    def finished(_: str) -> None:
        nonlocal job
        if _stopping is not None and _stopping.is_set():
            raise Stopped("The service was shut down; what was refreshed before is kept.")
        job = board.write(job.model_copy(update={"completed": job.completed + 1}))

    report = workplace.refresh(started, finished)
    job = job.model_copy(update={"failures": report.failed})
    if report.failed:
        raise PartialFailure(
            f"{len(report.failed)} of {job.total} symbols failed; the others were refreshed."
        )
    return job


def _program(workplace: Workplace) -> TrainingProgram:
    key = workplace.training.model_dump_json()
    if key not in _programs:
        _programs[key] = TrainingProgram(workplace.training)
    return _programs[key]
