"""The scheduler: a refresh at every due moment, and at once for those that were missed.

Each refresh is a process of its own. It gives its memory back (compiled programs stay in a process for good), takes
the scheduler down with no crash and no lack of memory, and is the very command that cron or systemd would run. What is
due is decided by :func:`tickgraph.operations.timetable.missed` alone: a due moment is only a reason to look.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from tickgraph.market.calendar import is_future
from tickgraph.operations.records import RunLog
from tickgraph.operations.timetable import DEFAULT, FIRST_RETRY, LAST_RETRY, Timetable, missed, next_due

_log = logging.getLogger(__name__)

_LOOK = "look"  # the one job
CLOCK_LOOKS = 60.0  # seconds between looks whether the clock was set back


class DueTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """Fires at the due moments of a timetable.

    Parameters
    ----------
    timetable
        When a refresh is due.
    now
        Clock that the timetable is read by; None is APScheduler's.
    """

    def __init__(self, timetable: Timetable, now: Callable[[], datetime] | None = None) -> None:
        self._timetable, self._now = timetable, now

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Next due moment after now; however many passed while the machine slept, one look is enough for all."""
        ahead = self._now() - now if self._now else timedelta(0)
        after = max(now, previous_fire_time or now) + ahead
        return next_due(after, self._timetable).at - ahead


class Command:
    """A command that runs as a process of its own, and can be told to stop.

    Parameters
    ----------
    words
        Program and arguments.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)
        self._lock = threading.RLock()  # a signal may arrive while it is held
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def __call__(self) -> int:
        """Run it to its end; its exit code, or 0 if it was told to stop before it began."""
        with self._lock:
            if self._stopped:
                return 0
            # Away from the terminal's group: Ctrl-C reaches it once, through the scheduler.
            self._process = subprocess.Popen(self._words, start_new_session=os.name != "nt")  # noqa: S603
            if self._stopped:  # while it was being started
                self._process.send_signal(signal.SIGTERM)
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to end after the symbol that it is at; start it no more."""
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)


class Scheduler:
    """Run a refresh whenever one is due.

    Parameters
    ----------
    operations_dir
        Folder of operations, whose runs say what is done.
    run
        Does everything that is due, records it, and returns an exit code.
    timetable
        When a refresh is due.
    now
        Clock; None is the system's.
    first_retry, last_retry
        Time until what is still due is tried again; it doubles from the first to the last.
    """

    def __init__(
        self,
        operations_dir: Path,
        run: Callable[[], int],
        *,
        timetable: Timetable = DEFAULT,
        now: Callable[[], datetime] | None = None,
        first_retry: timedelta = FIRST_RETRY,
        last_retry: timedelta = LAST_RETRY,
    ) -> None:
        self._runs, self._run, self._timetable = RunLog(operations_dir), run, timetable
        self._now = now
        self._first_retry, self._last_retry = first_retry, last_retry
        self._retry: timedelta | None = None  # what was waited last
        self._latest: datetime | None = None
        self._scheduler: Any = None
        self._stop = threading.Event()
        self._firing = threading.Lock()

    def catch_up(self) -> int:
        """Run what is due now; its exit code, 0 if nothing is."""
        due = missed(self._runs, self._time(), self._timetable)
        if not due:
            return 0
        latest = due[-1].at
        if latest != self._latest:
            self._latest, self._retry = latest, None
        _log.info("due: %s", ", ".join(f"{d.kind} of {self._said(d.at)}" for d in due))
        code = self._run()
        _log.log(logging.ERROR if code else logging.INFO, "refresh ended with exit code %d", code)
        return code

    def serve(self, stop: threading.Event) -> None:
        """Catch up, then run at every due moment until told to stop; what runs then is waited for."""
        self._stop = stop
        # One thread: whatever is asked for meanwhile waits, and then finds it done.
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
            timezone=UTC,
        )
        # One job for all, which has no last time: APScheduler's thread fails if it ends while it removes one that had.
        self._scheduler.add_job(
            self._fire, DueTrigger(self._timetable, self._now), id=_LOOK, next_run_time=datetime.now(UTC)
        )
        self._scheduler.start()
        try:
            while not stop.wait(CLOCK_LOOKS):
                self.keep_time()
        finally:
            # Not shutdown(wait=True): that waits under a lock that what runs may need to plan its next try.
            self._scheduler.shutdown(wait=False)
            with self._firing:
                pass

    def keep_time(self) -> None:
        """Plan the next look anew if it lies beyond the next due moment: the clock was wrong, and was set back."""
        job, now = self._scheduler.get_job(_LOOK), datetime.now(UTC)
        if job is None or job.next_run_time is None:
            return
        due = DueTrigger(self._timetable, self._now).get_next_fire_time(None, now)
        if is_future(job.next_run_time, due):
            with suppress(JobLookupError):
                job.modify(next_run_time=due)
                _log.warning("the clock was set back; next look at %s", self._said(due))

    def _fire(self) -> None:
        with self._firing:
            if self._stop.is_set():
                return
            try:
                self.catch_up()
            except Exception:  # noqa: BLE001  the next due moment must find a scheduler
                _log.exception("the refresh could not be run")
            self._look_ahead()

    def _look_ahead(self) -> None:
        if self._stop.is_set():
            return
        if self._is_still_due():
            wait = self._first_retry if self._retry is None else 2 * self._retry
            self._retry = min(wait, self._last_retry)
            self._look_again(self._retry)
        else:
            self._retry = None
        due = next_due(self._time(), self._timetable)
        _log.info("next: %s of %s", due.kind, self._said(due.at))

    def _look_again(self, delay: timedelta) -> None:
        job, again = self._scheduler.get_job(_LOOK), datetime.now(UTC) + delay
        if job is None:  # it has ended meanwhile
            return
        if again >= job.next_run_time:
            _log.warning("still due; tried again with the next")
            return
        with suppress(JobLookupError):
            job.modify(next_run_time=again)
            _log.warning("still due; tried again in %s", delay)

    def _is_still_due(self) -> bool:
        try:
            return bool(missed(self._runs, self._time(), self._timetable))
        except Exception:  # noqa: BLE001  a disk that does not answer now may do so at the next try
            _log.exception("what is due could not be read")
            return True

    def _said(self, moment: datetime) -> str:
        zone = self._timetable.zone
        return f"{moment.astimezone(zone):%A %Y-%m-%d %H:%M} {zone.key}"

    def _time(self) -> datetime:
        return self._now() if self._now else datetime.now(UTC)
