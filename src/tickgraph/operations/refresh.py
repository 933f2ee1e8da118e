"""Refresh: newest prices, live quality, correlations, and the models that are due; one at a time, and resumable.

Whatever a run finished is on disk as soon as it is done, so a run that was killed is resumed by the next one, which
looks at what is stored and does what is left: prices that reach the last session are not asked for, correlations of
that session are not published, and models that are not due any more are not trained.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime

from tickgraph.errors import StorageError, TickgraphError
from tickgraph.market import calendar
from tickgraph.market.universe import canonical
from tickgraph.operations.lease import Lease, LeaseLostError, this_process
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
    symbols: Sequence[str] | None = None,
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
        Train every model that was trained before the run was due or began. A full run of all symbols that was
        interrupted is carried on by the next run, whatever that is, and what it trained is not trained again.
    dry_run
        Say what would be done and why; nothing on disk is changed, no source is asked and no lease is taken.
    force
        Publish correlations even where they are current.
    update
        Ask the sources for prices.
    retrain
        Train what is due.
    on_event
        Hears of the run: ``"begin STEP"`` with the number of symbols in it, then ``STEP`` with each symbol that is
        done. Steps are ``prices``, ``quality``, ``correlations`` and ``training``.

    Returns
    -------
    RefreshRun
        As recorded. ``failed`` with a source that could not be reached or a symbol that failed; ``interrupted``
        after Ctrl-C, with what was finished kept.

    Raises
    ------
    LeaseHeldError
        Another refresh is running.
    LeaseLostError
        Another refresh took over because this one was held up; nothing was published after that.
    StorageError
        Something cannot be written; the run is recorded as failed if that can be.
    """
    log = RunLog(site.operations_dir)
    wanted = None if symbols is None else tuple(dict.fromkeys(map(canonical, symbols)))
    run = _begin(site, log, kind, due_at, full or kind == "weekly", dry_run, wanted is not None)
    wishes = Wishes(wanted, force=force, update=update, retrain=retrain)
    events = on_event or _nothing
    if dry_run:
        return Steps(site, run, wishes, lambda: None, events, lambda _: None).plan()
    with Lease(site.operations_dir, run.id, site.now) as lease:
        unfinished = _settle_the_unfinished(log)
        for symbol in site.registry.recover():
            _log.warning("completed the interrupted publish of %s", symbol)
        run = log.write(_resumed(run, unfinished))
        return _recorded(log, Steps(site, run, wishes, lease.check, events, log.write), site.now)


def _recorded(log: RunLog, steps: Steps, now: Callable[[], datetime]) -> RefreshRun:
    """Do the steps and record how they ended."""
    try:
        run = steps.do()
    except LeaseLostError:  # the record is the taker's, who has marked it as interrupted
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


def _begin(
    site: Site, log: RunLog, kind: Kind, due_at: datetime | None, full: bool, dry_run: bool, selected: bool
) -> RefreshRun:
    now = site.now()
    return RefreshRun(
        id=_new_id(log, now),
        kind=kind,
        due_at=due_at,
        started_at=now,
        owner=this_process(),
        session=_session(now),
        dry_run=dry_run,
        full=full,
        selected=selected,
    )


def _session(now: datetime) -> date:
    return date.fromisoformat(str(calendar.last_completed_session(now)))


def _new_id(log: RunLog, now: datetime) -> str:
    """Identity that sorts after every earlier run's, even where the clock stood still or was set back."""
    stamp = f"{now:%Y%m%d%H%M%S%f}"
    last = next((run.id for run in log.newest_first()), "").partition("-")[0]
    if last >= stamp and last.isdigit():
        stamp = str(int(last) + 1).zfill(len(stamp))
    return f"{stamp}-{secrets.token_hex(4)}"


def _settle_the_unfinished(log: RunLog) -> RefreshRun | None:
    """Mark the runs of dead owners; give the newest run if it did not come to its end.

    To be called with the lease: nobody else is running.
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
    """The run, as the continuation of one that was interrupted where it is one."""
    if unfinished is None:
        return run
    same = run.due_at is not None and (run.kind, run.due_at) == (unfinished.kind, unfinished.due_at)
    # One for some symbols says nothing of all others: carried on as a full run, it would train every model there is.
    if not same and (not unfinished.full or unfinished.selected):
        return run
    left = {s for s, done in unfinished.symbols.items() if unfinished.full and done.training == "planned"}
    carried = {symbol: SymbolRun() for symbol in sorted(left)}
    return run.model_copy(
        update={
            # The other may have begun while the clock was wrong.
            "started_at": min(unfinished.started_at, run.started_at),
            "full": run.full or unfinished.full,
            "selected": False,  # interrupted too, it leaves what is left of the other to the next
            "symbols": carried,
        }
    )


def _nothing(_: str, __: str) -> None:
    pass
