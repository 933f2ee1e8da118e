"""What a worker process does: it trains and publishes, away from the process that answers requests."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from filelock import FileLock, Timeout

from tickgraph.errors import ArtefactError, PriceDataError, TickgraphError, reason_of, text_of
from tickgraph.market.calendar import use_exchange
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.market.universe import add_aliases
from tickgraph.model.training import program_for
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.gathering import read_panel
from tickgraph.pipeline.jobs import Job, JobBoard
from tickgraph.pipeline.state_of_the_day import horizons_by_source, publish_states
from tickgraph.pipeline.workplace import Workplace
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.panels import PanelCache

NICENESS = 10  # answering requests comes first
OF_SYMBOL = PriceDataError, ArtefactError
"""Errors that training a symbol ends in on any machine: its prices are too few, its model would be wild."""

_stopping: threading.Event | None = None


class Stopped(TickgraphError):
    """The service is shutting down."""


def serve(calls: Connection, results: Connection, grace_seconds: float | None = None) -> None:
    """Make calls one after the other. Yield to the service, leave Ctrl-C to it, and end with it.

    Parameters
    ----------
    calls
        Gives functions and their arguments. It ends when the service stops or dies.
    results
        Takes what each call returned or raised.
    grace_seconds
        How long a job may go on after the end of ``calls``; None is without limit.
    """
    global _stopping
    _stopping = threading.Event()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()
    asked: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_hear, args=(calls, asked, _stopping, grace_seconds), daemon=True).start()
    while (task := asked.get()) is not None:
        call, words = task
        outcome: tuple[Any, Exception | None]
        try:
            outcome = call(*words), None
        except Exception as error:  # noqa: BLE001  whoever waits must hear of it
            outcome = None, RuntimeError(f"{type(error).__name__}: {error}")  # some errors cannot be sent
        try:
            results.send(outcome)
        except OSError:  # nobody is there to read it
            return


def _hear(
    calls: Connection, asked: SimpleQueue[Any], stopping: threading.Event, grace_seconds: float | None
) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            asked.put(calls.recv())
    stopping.set()
    asked.put(None)
    if grace_seconds is not None:
        threading.Event().wait(grace_seconds)
        os._exit(1)  # publishing is atomic: nothing is left half done


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
        Of a training: what :meth:`Workplace.basis` said when the job was asked for. If that has changed, another
        process has trained the symbol, and there is nothing left to do.

    Returns
    -------
    tuple
        The job as it ended, and how often the training program was compiled for it.
    """
    use_exchange(workplace.exchange)
    add_aliases(workplace.aliases)
    board, program = JobBoard(board_folder), program_for(workplace.training)
    before = program.compilations
    if _is_stopping():
        return _ended(board, job, "The service was shut down before the job began."), 0
    job = board.write(job.model_copy(update={"state": "running", "started_at": datetime.now(UTC)}))
    if job.symbol is None:
        return _publish_correlations(workplace, board, job), 0
    error = None
    end: dict[str, object] = {"completed": 1}
    try:
        _train(workplace, board_folder, job.symbol, basis)
    except Exception as failure:  # noqa: BLE001  foreseen or not, it fails this job
        error = reason_of(job.symbol, failure)
        end = {"of_machine": not isinstance(failure, OF_SYMBOL)}
    return _ended(board, job.model_copy(update=end), error), program.compilations - before


def _ended(board: JobBoard, job: Job, error: str | None) -> Job:
    state = "failed" if error else "done"
    update = {"state": state, "error": error, "finished_at": datetime.now(UTC)}
    return board.write(job.model_copy(update=update))


def _is_stopping() -> bool:
    return _stopping is not None and _stopping.is_set()


def _train(workplace: Workplace, board_folder: Path, symbol: Symbol, basis: str | None) -> None:
    locks = board_folder.parent / "training"
    locks.mkdir(parents=True, exist_ok=True)
    # One training of a symbol at a time over all processes of the service.
    lock = FileLock(locks / f"{symbol}.lock", timeout=1)
    while not lock.is_locked:
        if _is_stopping():
            raise Stopped("The service was shut down while another process trained the symbol.")
        with contextlib.suppress(Timeout):
            lock.acquire()
    try:
        if workplace.basis(symbol) == basis:
            workplace.train(symbol, program_for(workplace.training))
    finally:
        lock.release()


def _publish_correlations(workplace: Workplace, board: JobBoard, job: Job) -> Job:
    registry = workplace.open_registry()

    def finished(_: str) -> None:
        nonlocal job
        job = board.write(job.model_copy(update={"completed": job.completed + 1}))
        if _is_stopping() and job.completed < job.total:
            raise Stopped("The service was shut down; what was refreshed before is kept.")

    try:
        symbols = registry.symbols()
        job = board.write(job.model_copy(update={"total": len(symbols)}))
        panels = PanelCache(PriceStore(workplace.prices_dir))
        failures = publish_correlations(registry, panels, symbols, on_symbol=finished).failed
        lost = _publish_states(workplace, registry, symbols)
    except Exception as failure:  # noqa: BLE001  whoever waits must hear of it
        return _ended(board, job, text_of("refresh", failure))
    job = job.model_copy(update={"failures": failures})
    if failures:
        lost = [f"{len(failures)} of {job.total} symbols failed; the others were refreshed.", *lost]
    return _ended(board, job, " ".join(lost) or None)


def _publish_states(workplace: Workplace, registry: ModelRegistry, symbols: Sequence[Symbol]) -> list[str]:
    """Publish what models hear of all stored symbols; give why of a source it could not be."""
    store, models = PriceStore(workplace.prices_dir), []
    for symbol in symbols:
        with contextlib.suppress(ArtefactError):  # its correlations could not be published either
            models.append(registry.metadata(symbol))

    def panels(source: str) -> PricePanel | None:
        return read_panel(store, source, store.symbols(source))

    return list(publish_states(registry, panels, horizons_by_source(models)).values())
