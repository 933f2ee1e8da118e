"""What operations left on disk, in brief, for those who look every second: only changed files are read again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tickgraph.operations.records import Kind, LiveQuality, RefreshRun, RunLog, RunState, read_quality

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
        When it began and ended; the latter is None for one that runs or was killed.
    symbols
        Symbols by what was done: each of :data:`OUTCOMES`, 0 included. ``failed`` counts a symbol once, whatever
        of it failed.
    """

    kind: Kind
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    symbols: dict[str, int]

    @property
    def ended_at(self) -> datetime:
        """When it ended; for one that was killed, when it began."""
        return self.finished_at or self.started_at

    @property
    def seconds(self) -> float | None:
        """How long it took; None if it did not come to an end."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


class OperationsWatch:
    """The newest runs and the live quality of a folder of operations.

    Parameters
    ----------
    operations_dir
        Folder of operations; need not exist.

    Attributes
    ----------
    runs
        The newest runs, dry ones left out, the newest first.
    quality
        Live quality; None without one.
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
        runs_changed = self._look_at_runs()
        return self._look_at_quality() or runs_changed

    def _look_at_runs(self) -> bool:
        found: dict[str, tuple[_Stamp, RunSummary | None]] = {}
        for file in self._log.files()[:LOOKED_THROUGH]:
            stamp = _stamp(file)
            if stamp is None:  # trimmed since the folder was listed
                continue
            known = self._read.get(file.name)
            found[file.name] = known if known and known[0] == stamp else (stamp, self._summary(file))
        if found == self._read:
            return False
        self._read = found
        self.runs = tuple(run for _, run in found.values() if run is not None)
        return True

    def _summary(self, file: Path) -> RunSummary | None:
        run = self._log.read(file)
        return None if run is None else summarize(run)

    def _look_at_quality(self) -> bool:
        stamp = _stamp(self._folder / "quality.json")
        if stamp == self._quality_stamp:
            return False
        self._quality_stamp, self.quality = stamp, read_quality(self._folder)
        return True


def summarize(run: RefreshRun) -> RunSummary:
    """Count a run's symbols by what was done with them."""
    counts: Counter[str] = Counter()
    for symbol in run.symbols.values():
        failed = "failed" in (symbol.prices, symbol.correlations, symbol.training) or bool(symbol.errors)
        counts["failed"] += failed
        counts["published"] += symbol.correlations == "published"
        counts["retrained"] += symbol.training == "trained"
        if symbol.prices is not None and symbol.prices != "failed":
            counts[symbol.prices] += 1
    return RunSummary(
        run.kind, run.state, run.started_at, run.finished_at, {name: counts[name] for name in OUTCOMES}
    )


def _stamp(file: Path) -> _Stamp | None:
    """What tells a file from the one that replaced it; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
