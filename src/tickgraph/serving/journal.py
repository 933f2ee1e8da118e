"""The journal: every forecast that was computed to be answered with, on disk before anyone knows if it was right.

A forecast's distribution does not depend on the request's price, so it is written once, when it is computed. The
journal is JSON lines, a file for each month (of UTC) and host, only ever appended to:

- One batch is one write to a file opened with O_APPEND, so the processes of a host may share it. Hosts do not share
  files: a network file system does not order their appends.
- Every write begins with a new line. A record that a crash or a full disk cut off stands on a line of its own, and a
  reader (:mod:`tickgraph.serving.journal_reading`) skips it.
- Nothing is flushed to the disk by force: a power failure may lose the last seconds.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tickgraph.market.calendar import Clock, known_sessions
from tickgraph.model.measures import LEVELS
from tickgraph.serving.outlook import Outlook
from tickgraph.storage import READABLE, exclusive, names_in

FILE_NAME = re.compile(r"(\d{4}-\d{2})\.[A-Za-z0-9._-]+\.jsonl")
"""Of the files: a month, and a host."""
KEPT_MONTHS = 13  # that have files; those of older ones are deleted when a new month begins

# Without waiting: a named pipe in the file's place would have it wait for a reader for good.
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_DIGITS = 7  # significant ones: a hundredth of what prices are known to, and half the file
_DIGITS_AHEAD = 5  # at most a cent of a hundred dollars for the widest interval
_log = logging.getLogger(__name__)


class Logged(NamedTuple):
    """How many forecasts of a batch were written, and how many could not be."""

    written: int
    dropped: int


class ForecastJournal:
    """Append-only record of forecasts; safe for several threads and processes.

    Writing never raises: a forecast matters more than its record. Records that cannot be written are counted, and
    the first failure in a row is logged.

    Parameters
    ----------
    folder
        Where; made with the first record.
    now
        Clock that records are dated by; None is the system's.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] | None = None) -> None:
        self.folder = Path(folder)
        self._clock = Clock(now)
        self._host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "host"
        self._turn = threading.Lock()
        self._folder_made = False
        self._month = ""
        self._failing = False

    def log(self, outlooks: Iterable[Outlook]) -> Logged:
        """Append one record for each; says how many were written and how many were dropped."""
        batch = tuple(outlooks)
        if not batch:
            return Logged(0, 0)
        now = self._clock.now().astimezone(UTC)
        try:
            lines = [json.dumps(self._record(one, now), separators=(",", ":")) for one in batch]
            written = self._append(lines, now)
            problem = None if written == len(batch) else "the disk took only a part"
        except Exception as error:  # noqa: BLE001  a record must never cost a forecast
            written, problem = 0, str(error)
        if problem and not self._failing:
            _log.warning(
                "forecasts are not being logged in %s: %s. They are answered all the same.",
                self.folder,
                problem,
            )
        self._failing = problem is not None
        return Logged(written, len(batch) - written)

    def _record(self, outlook: Outlook, now: datetime) -> dict[str, Any]:
        distribution, model = outlook.distribution, outlook.model
        target, behind = self._clock.read(outlook.as_of, now)
        ends = {
            f"{end}_{level}": _rounded(value)
            for level, *bounds in outlook.intervals
            for end, value in zip(("lower", "upper"), bounds, strict=True)
        }
        return {
            "logged_at": _moment(now),
            "symbol": outlook.symbol,
            "as_of": str(outlook.as_of),
            "target_session": str(target),
            "model": "gnn" if model else "momentum",
            "generation": model.generation if model else None,
            "trained_at": _moment(model.trained_at) if model else None,
            "source": outlook.source,
            "sessions_behind": behind,
            "last_close": _rounded(outlook.last_close),
            "predicted_return": _rounded(distribution.forecast),
            "centre": _rounded(distribution.trust * distribution.forecast),
            "volatility": _rounded(distribution.volatility),
            "mean_score": _rounded(float(np.abs(distribution.scores).mean())),
            "probability_up": _rounded(outlook.probability_up),
            **ends,
            **_ahead(outlook),
        }

    def _append(self, lines: Sequence[str], now: datetime) -> int:
        """Write whole records at once; gives how many of them arrived."""
        month = f"{now:%Y-%m}"
        # A folder that was made, and is gone with all above it, is a disk that failed: nothing is put in its place.
        if not self._folder_made:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._folder_made = True
        elif not self.folder.is_dir():
            self.folder.mkdir()
        path = self.folder / f"{month}.{self._host}.jsonl"
        data = ("\n" + "\n".join(lines) + "\n").encode()
        # An append of Windows is a seek and a write.
        with exclusive(self.folder / ".lock", self._turn) if os.name == "nt" else contextlib.nullcontext():
            handle = os.open(path, _APPEND, READABLE)
            try:
                taken = os.write(handle, data)
            finally:
                os.close(handle)
        if month != self._month:
            self._month = month
            self._delete_old()
        return data[:taken].count(b"}\n")

    def _delete_old(self) -> None:
        # By the months that there are: a clock that is wrong for a minute would delete all that is kept.
        months = {name: found[1] for name in names_in(self.folder) if (found := FILE_NAME.fullmatch(name))}
        kept = sorted(set(months.values()))[-KEPT_MONTHS:]
        for name, month in months.items():
            if month not in kept:
                (self.folder / name).unlink(missing_ok=True)


def _ahead(outlook: Outlook) -> dict[str, Any]:
    """Give the distribution by horizon, as far as the exchange has published its sessions."""
    distribution = outlook.horizons
    if distribution is None:
        return {}
    days = known_sessions(outlook.as_of, distribution.longest)
    horizons = distribution.horizons[distribution.horizons <= len(days)]
    columns = {"variances": distribution.variance(horizons)}
    for level in LEVELS:
        ends = distribution.interval(level, horizons)  # [H, 2]
        columns |= {f"lower_{level}_ahead": ends[:, 0], f"upper_{level}_ahead": ends[:, 1]}
    return {
        "ahead": horizons.tolist(),
        "expiries": days[horizons - 1].astype(str).tolist(),
        **{
            name: [_rounded(value, _DIGITS_AHEAD) for value in values.tolist()]
            for name, values in columns.items()
        },
    }


def _rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
