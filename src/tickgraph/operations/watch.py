"""The newest runs and the live quality, for those who look every second: only changed files are read again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tickgraph.operations.records import (
    Kind,
    LiveQuality,
    RefreshRun,
    RunLog,
    RunState,
    read_quality,
    read_run,
)

LOOKED_THROUGH = 100  # runs: over three months of daily and weekly ones

OUTCOMES = ("updated", "unchanged", "restated", "switched", "published", "retrained", "failed")

_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class RunSummary:
    """A run of refresh without its symbols.

    Attributes
    ----------
    kind, state
        Of the run.
    started_at, finished_at
        When it began and ended; None if it still runs or was killed.
    symbols
        Symbols by what was done: each of :data:`OUTCOMES`, 0 included. ``failed`` counts a symbol once, whatever
        of it failed.
    """

    kind: Kind
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    symbols: dict[str, int]

    @classmethod
    def of(cls, run: RefreshRun) -> RunSummary:
        """Count a run's symbols by what was done with them."""
        counts: Counter[str] = Counter()
        for outcome in run.symbols.values():
            counts["failed"] += "failed" in (outcome.prices, outcome.correlations, outcome.training) or bool(
                outcome.errors
            )
            counts["published"] += outcome.correlations == "published"
            counts["retrained"] += outcome.training == "trained"
            if outcome.prices is not None and outcome.prices != "failed":
                counts[outcome.prices] += 1
        symbols = {outcome: counts[outcome] for outcome in OUTCOMES}
        return cls(run.kind, run.state, run.started_at, run.finished_at, symbols)

    @property
    def ended_at(self) -> datetime:
        """When the run ended; when it began if it was killed."""
        return self.finished_at or self.started_at

    @property
    def seconds(self) -> float | None:
        """How long the run took; None if it did not come to an end."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


class OperationsWatch:
    """The newest runs and the live quality of a folder of operations.

    Parameters
    ----------
    operations_dir
        Need not exist.

    Attributes
    ----------
    runs
        The newest runs, dry ones left out, the newest first.
    quality
        Live quality; None without it.
    """

    def __init__(self, operations_dir: Path) -> None:
        self._folder, self._log = operations_dir, RunLog(operations_dir)
        self._read: dict[str, tuple[_Stamp, RunSummary | None]] = {}
        self._quality_stamp: _Stamp | None = None
        self.runs: tuple[RunSummary, ...] = ()
        self.quality: LiveQuality | None = None

    def look(self) -> bool:
        """Read what has changed since the last look, and say whether anything had.

        Raises
        ------
        StorageError
            The folder cannot be listed; what was read before is kept.
        """
        read: dict[str, tuple[_Stamp, RunSummary | None]] = {}
        for file in self._log.files()[:LOOKED_THROUGH]:
            if (stamp := _stamp(file)) is None:  # trimmed since the folder was listed
                continue
            known = self._read.get(file.name)
            if known is None or known[0] != stamp:
                run = read_run(file)
                known = stamp, RunSummary.of(run) if run else None
            read[file.name] = known
        quality_stamp = _stamp(self._folder / "quality.json")
        changed = read != self._read or quality_stamp != self._quality_stamp
        if read != self._read:
            self._read = read
            self.runs = tuple(run for _, run in read.values() if run is not None)
        if quality_stamp != self._quality_stamp:
            self._quality_stamp, self.quality = quality_stamp, read_quality(self._folder)
        return changed


def _stamp(file: Path) -> _Stamp | None:
    """What tells a file from the one that replaced it; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
