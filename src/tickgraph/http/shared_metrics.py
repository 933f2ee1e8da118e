"""Metrics of several processes: each writes files into one folder, and whoever is asked adds them up.

No fault of the folder takes the service down. Every value is kept in memory as well, so one that cannot be written is
not lost. A folder that was cleaned away is made again, and each process writes into it what it has counted, at its
next look.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from tickgraph.errors import StorageError
from tickgraph.pipeline.jobs import Ownership

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for the folder
FILE_SIZE = 1 << 20  # bytes; room for thousands of series

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def folder_of_a_service(runtime_dir: Path) -> Iterator[Path]:
    """An empty folder of this service alone, named in the environment for the processes that it starts.

    It lies below the runtime folder, where no cleaner of temporary files works, or in the folder that the variable
    names already. What services that were killed have left there is removed.
    """
    before = os.environ.get(VARIABLE)
    parent = Path(before or runtime_dir / "metrics")
    owner = Ownership(parent)
    try:
        owner.take()
        folder = parent / owner.id
        for lock in parent.glob("*.lock"):
            if owner.is_gone(lock.stem):
                shutil.rmtree(parent / lock.stem, ignore_errors=True)
        owner.forget_the_gone()
        folder.mkdir()
    except (StorageError, OSError) as error:
        folder = Path(tempfile.mkdtemp(prefix="tickgraph-metrics-"))
        _log.warning("metrics are kept in %s: %s", folder, error)
    os.environ[VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
        shutil.rmtree(folder, ignore_errors=True)
        owner.give_up()


class SharedFiles:
    """Files of this process in the folder that the environment names.

    prometheus_client opens its files anew when its process has another identity, as after a fork. So a process whose
    files are gone takes another identity.
    """

    def __init__(self) -> None:
        self._pid, self._renewals = os.getpid(), 0
        self._seen: set[str] = set()
        self._values: list[SharedValue] = []
        self.lock = threading.RLock()
        self.fault: str | None = None

    def identity(self) -> str:
        """Name of this process in its files' names: its id, and how often its files were made again."""
        if self._pid != os.getpid():
            self._pid, self._renewals = os.getpid(), 0
        return f"{self._pid}-{self._renewals}" if self._renewals else str(self._pid)

    def add(self, value: SharedValue) -> None:
        """Remember a value, to write it again when the files are gone."""
        self._values.append(value)

    def reserve(self, kind: str, identity: str | None = None) -> None:
        """Take a file's space on the disk; OSError where there is none.

        The file is written through memory. On a full disk that ends the process if the file has no space of its own.
        """
        if not hasattr(os, "posix_fallocate"):
            return
        path = Path(os.environ[VARIABLE]) / f"{kind}_{identity or self.identity()}.db"
        with path.open("ab") as file:
            if not os.fstat(file.fileno()).st_size:
                os.posix_fallocate(file.fileno(), 0, FILE_SIZE)

    def look(self) -> None:
        """Make the folder and this process's files again where they are gone.

        Raises
        ------
        StorageError
            They cannot be made; the next look tries again.
        """
        folder = Path(os.environ[VARIABLE])
        with self.lock:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                own = self._own(folder)
                if self.fault is not None or not own or not self._seen <= own:
                    self._renew(folder)
                    own = self._own(folder)
                self._seen = own
            except OSError as error:
                self.fault = str(error)
            if self.fault is not None:
                raise StorageError(
                    f"Metrics cannot be kept in {folder}: {self.fault}. Make the folder writable."
                )

    def _own(self, folder: Path) -> set[str]:
        return {path.name for path in folder.glob(f"*_{self.identity()}.db")}

    def _renew(self, folder: Path) -> None:
        left = self._own(folder)
        # Before any value takes the new identity: it opens the files of all of them.
        for kind in {value.kind for value in self._values}:
            self.reserve(kind, f"{os.getpid()}-{self._renewals + 1}")
        self._renewals += 1
        self.fault = None
        for value in self._values:
            value.write()
        for name in left:  # all that they hold is in the new files
            (folder / name).unlink(missing_ok=True)


FILES = SharedFiles()


class SharedValue(values.MultiProcessValue(FILES.identity)):  # type: ignore[misc]
    """A number that is kept in memory and written to this process's files; what fails there never fails the caller."""

    def __init__(self, *made_of: Any, **options: Any) -> None:
        self._made_of, self._options, self._is_open = made_of, options, False
        mode = options.get("multiprocess_mode", "")
        self.kind = f"{made_of[0]}_{mode}" if mode else made_of[0]
        self._kept, self._kept_at = 0.0, 0.0
        with FILES.lock:
            FILES.add(self)
            self.write()

    def inc(self, amount: float) -> None:
        """Add to it."""
        with FILES.lock:
            self._kept, self._kept_at = self._kept + amount, 0.0
            self.write()

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Give it a value."""
        with FILES.lock:
            self._kept, self._kept_at = value, timestamp or 0.0
            self.write()

    def get(self) -> float:
        """Value in this process."""
        return self._kept

    def write(self) -> None:
        """Put it into the files, with the lock held; what goes wrong is mended by the next look."""
        try:
            if not self._is_open:
                FILES.reserve(self.kind)
                super().__init__(*self._made_of, **self._options)
                self._is_open = True
                if self._made_of[0] != "gauge":  # a process that had the same id has counted before
                    self._kept += self._value
            super().set(self._kept, self._kept_at)
        except Exception as error:  # noqa: BLE001  a missing folder, a closed file: no request may fail by it
            if FILES.fault is None:
                _log.warning("metrics cannot be written: %s", error)
            FILES.fault = str(error)


def is_shared() -> bool:
    """Whether the process is one of several, or is told to behave so."""
    return VARIABLE in os.environ


def choose_values() -> None:
    """Have prometheus_client keep its numbers in memory alone, or in shared files too, as the environment says now."""
    values.ValueClass = SharedValue if is_shared() else values.MutexValue


def all_processes() -> CollectorRegistry | MultiProcessCollector:
    """Metrics of all processes that share the folder, less the gauges of those that are no more."""
    folder = Path(os.environ[VARIABLE])
    forget_the_dead(folder)
    return MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]


def forget_the_dead(folder: Path) -> None:
    """Drop the gauges of processes that are no more; what they counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        if not psutil.pid_exists(int(path.stem.rsplit("_", 1)[-1].partition("-")[0])):
            path.unlink(missing_ok=True)  # another process may be asked at the same moment
