"""Refresh: newest prices, live quality, correlations, and the models that are due; one at a time, and resumable.

Each part that a run finishes is on disk at once. So the next run resumes one that was killed: it looks at what is
stored and does what is left. It does not ask for prices that reach the last session, publish correlations of that
session again, or train models that are no longer due.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from datetime import date, datetime

from tickgraph.errors import StorageError, TickgraphError
from tickgraph.market import calendar
from tickgraph.market.spelling import Symbol
from tickgraph.operations.bucket_lease import BucketLease
from tickgraph.operations.leader import leader_of
from tickgraph.operations.lease import Lease
from tickgraph.operations.lease_record import LeaseLostError
from tickgraph.operations.records import Kind, RefreshRun, RunLog, SymbolRun
from tickgraph.operations.site import Site
from tickgraph.operations.steps import Steps, Wishes

OnEvent = Callable[[str, str], None]

_log = logging.getLogger(__name__)


def refresh(
    site: Site,
    *,
    kind: Kind = "manual",
    due_at: datetime | None = None,
    symbols: Sequence[Symbol] | None = None,
    full: bool = False,
    dry_run: bool = False,
    force: bool = False,
    update: bool = True,
    retrain: bool = True,
    on_event: OnEvent | None = None,
) -> RefreshRun:
    """Bring a site up to date.

    Parameters
    ----------
    site
        Models, prices, sources, configuration and clock.
    kind, due_at
        What the run stands for; ``weekly`` is a full run.
    symbols
        Models to refresh; None is all that there are and all of the universe.
    full
        Train every model that was trained before the run was due or began. The next run, of whatever kind, carries on a
        full run of all symbols that was interrupted, and does not train again what that has trained.
    dry_run
        Say what would be done and why; nothing on disk is changed, no source is asked and no lease is taken.
    force
        Publish correlations even where they are current.
    update
        Ask the sources for prices.
    retrain
        Train what is due.
    on_event
        Called with ``"begin STEP"`` and the number of symbols in the step, then with ``STEP`` and each symbol that is
        done. Steps are ``prices``, ``quality``, ``correlations``, ``universe`` with its sources, and ``training``.

    Returns
    -------
    RefreshRun
        As recorded. Its state is ``failed`` if a source could not be reached or a symbol failed, and ``interrupted``
        after Ctrl-C; what was finished is kept.

    Raises
    ------
    LeaseHeldError
        Another refresh is running.
    LeaseLostError
        The lease ran out because this run was held up, or another refresh has it. It published nothing after that.
    StorageError
        Something cannot be written; the record says that the run failed, if the record can be written.
    """
    log = RunLog(site.operations_dir)
    wanted = None if symbols is None else tuple(dict.fromkeys(symbols))
    now = site.now()
    run = RefreshRun(
        id=_new_id(log, now),
        kind=kind,
        due_at=due_at,
        started_at=now,
        owner=f"process {os.getpid()} on {socket.gethostname()}",
        session=calendar.last_completed_session(now).astype(date),
        dry_run=dry_run,
        full=full or kind == "weekly",
        selected=wanted is not None,
    )
    wishes = Wishes(wanted, force=force, update=update, retrain=retrain)
    events = on_event or (lambda *_: None)
    if dry_run:
        return Steps(site, run, wishes, lambda: None, events, lambda _: None).plan()
    with leader_of(site, run.id) as leader:
        site, log = site.under(leader), RunLog(site.operations_dir, leader)
        unfinished = _settle_the_unfinished(log)
        for symbol in site.registry.recover():
            _log.warning("completed the interrupted publish of %s", symbol)
        run = log.write(_resumed(run, unfinished))
        steps = Steps(site, run, wishes, leader.check, events, log.write)
        try:
            run = _recorded(log, steps, leader, site.now)
        except LeaseLostError as error:
            # A refresh that took over has marked the record itself.
            with contextlib.suppress(StorageError), leader.closing():
                ended = {"state": "interrupted", "error": str(error)}
                RunLog(site.operations_dir).write(steps.run.model_copy(update=ended))
            raise
        leader.note(run)
        return run


def _recorded(
    log: RunLog, steps: Steps, leader: Lease | BucketLease, now: Callable[[], datetime]
) -> RefreshRun:
    """Do the steps and record how they ended."""
    try:
        run = steps.do()
        leader.renew()  # a run counts as done if it was the leader to its end
    except LeaseLostError:
        raise
    except KeyboardInterrupt:
        run = steps.run.model_copy(
            update={"state": "interrupted", "error": "Interrupted; what was finished is kept."}
        )
    except Exception as error:
        text = str(error) if isinstance(error, TickgraphError) else f"{type(error).__name__}: {error}"
        failed = {"state": "failed", "error": text, "finished_at": now()}
        with contextlib.suppress(StorageError):  # the disk may be full
            log.write(steps.run.model_copy(update=failed))
        raise
    run = log.write(run.model_copy(update={"finished_at": now()}))
    log.trim()
    return run


def _new_id(log: RunLog, now: datetime) -> str:
    """Identity that sorts after every earlier run's, also where the clock stood still or was set back."""
    stamp = f"{now:%Y%m%d%H%M%S%f}"
    last = next((run.id for run in log.newest_first()), "").partition("-")[0]
    if last >= stamp and last.isdigit():
        stamp = str(int(last) + 1).zfill(len(stamp))
    return f"{stamp}-{secrets.token_hex(4)}"


def _settle_the_unfinished(log: RunLog) -> RefreshRun | None:
    """Mark the runs of dead owners; returns the newest run if it did not come to its end.

    The caller has the lease, so nobody else is running.
    """
    newest: RefreshRun | None = None
    for run in log.newest_first():
        if run.state == "running":
            text = f"It was ended before it was done; it was run by {run.owner}."
            run = log.write(run.model_copy(update={"state": "interrupted", "error": text}))
            newest = newest or run
        else:
            return newest or (run if run.state == "interrupted" else None)
    return newest


def _resumed(run: RefreshRun, unfinished: RefreshRun | None) -> RefreshRun:
    """The run; where it carries on an interrupted one, with what that left to do."""
    if unfinished is None:
        return run
    same = run.due_at is not None and (run.kind, run.due_at) == (unfinished.kind, unfinished.due_at)
    # A run of some symbols, carried on as a full run, would train every model there is.
    if not same and (not unfinished.full or unfinished.selected):
        return run
    left = {s for s, one in unfinished.symbols.items() if unfinished.full and one.training == "planned"}
    carried = {symbol: SymbolRun() for symbol in sorted(left)}
    return run.model_copy(
        update={
            # The interrupted run may have begun while the clock was wrong.
            "started_at": min(unfinished.started_at, run.started_at),
            "full": run.full or unfinished.full,
            "selected": False,  # if it is interrupted too, the next run carries on both
            "symbols": carried,
        }
    )
