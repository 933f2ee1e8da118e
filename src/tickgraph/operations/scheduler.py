"""The scheduler: a refresh at every due moment, and at once for those that were missed.

Each refresh is a process of its own. It gives its memory back (compiled programs stay in a process for good), no crash
or lack of memory takes the scheduler down with it, and it is the very command that cron or systemd would run.
:func:`tickgraph.operations.timetable.missed` alone decides what is due: a due moment is only a reason to look.

There is one job, and the timetable knows its moments, so the scheduler is a loop that waits. A library such as
APScheduler would bring threads, a job store and triggers for this one job. It plans by the clock once, so a look that
was planned while the clock was wrong would have to be found and planned anew. The loop reads the clock every second.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tickgraph.market.calendar import system_time
from tickgraph.operations.records import RunLog
from tickgraph.operations.timetable import DEFAULT, FIRST_RETRY, LAST_RETRY, Timetable, missed, next_due
from tickgraph.threads import LONGEST_WAIT

_log = logging.getLogger(__name__)


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
        """Run the command to its end; returns its exit code, or 0 if it was told to stop before it began."""
        with self._lock:
            if self._stopped:
                return 0
            # Away from the terminal's group: Ctrl-C reaches it once, through the scheduler.
            self._process = subprocess.Popen(self._words, start_new_session=os.name != "nt")  # noqa: S603
            if self._stopped:  # while it was being started
                self._process.send_signal(signal.SIGTERM)
        while True:
            try:
                return self._process.wait(LONGEST_WAIT)
            except subprocess.TimeoutExpired:
                continue

    def stop(self) -> None:
        """Ask the process to end after the symbol that it is at, and start no other."""
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
        Clock; aware.
    first_retry, last_retry
        Time until a refresh that failed is tried again; it doubles from the first to the last.
    """

    def __init__(
        self,
        operations_dir: Path,
        run: Callable[[], int],
        *,
        timetable: Timetable = DEFAULT,
        now: Callable[[], datetime] = system_time,
        first_retry: timedelta = FIRST_RETRY,
        last_retry: timedelta = LAST_RETRY,
    ) -> None:
        self._runs, self._run, self._timetable, self._now = RunLog(operations_dir), run, timetable, now
        self._first_retry, self._last_retry = first_retry, last_retry
        self._retry: timedelta | None = None  # what was waited last
        self._latest: datetime | None = None

    def catch_up(self) -> int:
        """Run what is due now; returns its exit code, 0 if nothing is due."""
        due = missed(self._runs, self._now(), self._timetable)
        if not due:
            return 0
        if due[-1].at != self._latest:
            self._latest, self._retry = due[-1].at, None
        _log.info("due: %s", ", ".join(f"{each.kind} of {self._in_zone(each.at)}" for each in due))
        code = self._run()
        _log.log(logging.ERROR if code else logging.INFO, "refresh ended with exit code %d", code)
        return code

    def serve(self, stop: threading.Event) -> None:
        """Catch up, then run at every due moment until told to stop; what runs then is waited for."""
        while not stop.is_set():
            try:
                self.catch_up()
            except Exception:  # noqa: BLE001  the next due moment must find a scheduler
                _log.exception("the refresh could not be run")
            if not stop.is_set():
                self._wait(stop, self._next_retry())

    def _wait(self, stop: threading.Event, retry: timedelta | None) -> None:
        """Wait for the next due moment, or no longer than a retry takes."""
        due, started = next_due(self._now(), self._timetable), time.monotonic()
        _log.info("next: %s of %s", due.kind, self._in_zone(due.at))
        planned = due.at
        while True:
            now = self._now()
            planned = min(planned, next_due(now, self._timetable).at)  # sooner if the clock was set back
            left = (planned - now).total_seconds()
            if retry is not None:
                left = min(left, retry.total_seconds() - (time.monotonic() - started))
            if left <= 0 or stop.wait(min(left, LONGEST_WAIT)):
                return

    def _next_retry(self) -> timedelta | None:
        """Time until what is still due is tried again; None if nothing is."""
        if not self._is_still_due():
            self._retry = None
        else:
            wait = self._first_retry if self._retry is None else 2 * self._retry
            self._retry = min(wait, self._last_retry)
            _log.warning("still due; tried again in %s", self._retry)
        return self._retry

    def _is_still_due(self) -> bool:
        try:
            return bool(missed(self._runs, self._now(), self._timetable))
        except Exception:  # noqa: BLE001  a disk that does not answer now may do so at the next try
            _log.exception("what is due could not be read")
            return True

    def _in_zone(self, moment: datetime) -> str:
        zone = self._timetable.zone
        return f"{moment.astimezone(zone):%A %Y-%m-%d %H:%M} {zone.key}"
