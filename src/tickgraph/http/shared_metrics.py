"""Metrics of several processes: each writes files into one folder, and the process that is asked adds them up.

Every value is kept in memory, and one thread writes all of them once a second. So no request waits for the folder, and
no fault of the folder takes the service down. A folder that was cleaned away is made again, with all that was counted.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from tickgraph.errors import StorageError
from tickgraph.pipeline.ownership import Ownership
from tickgraph.threads import Loop

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for the folder
FILE_SIZE = 1 << 20  # bytes; room for thousands of series
WRITE_SECONDS = 1.0  # between two writes of all values

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def folder_of_a_service(runtime_dir: Path) -> Iterator[Path]:
    """An empty folder of this service alone, named in the environment for the processes that it starts.

    It lies below the runtime folder, where no cleaner of temporary files works, or below the folder that the variable
    names already. Folders that killed services left there are removed.
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
    """Files of one process in the shared folder, and the thread that writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: list[SharedValue] = []
        # A process that had the same id has left files of another name.
        self._identity = f"{os.getpid()}-{time.time_ns():x}"
        self._files: dict[str, MmapedDict] = {}
        self._lock = threading.Lock()  # held while the folder is used, so never taken by a request
        self._writer = Loop(self._write_again, WRITE_SECONDS, "tickgraph-metrics", last=True)
        self._fault = ""

    def start(self) -> None:
        """Write all values once a second from now on."""
        self._writer.start()

    def stop(self, seconds: float) -> None:
        """Write once more, and wait so long for that."""
        self._writer.stop(seconds)

    def write(self) -> None:
        """Write all values; make the folder and files again where they are gone.

        Raises
        ------
        StorageError
            They cannot be written; the next write tries again.
        """
        with self._lock:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                for kind in {value.kind for value in tuple(self.values)}:
                    self._open(kind)
                for value in tuple(self.values):
                    if value.kind in self._files:  # not one that was made just now
                        value.write_to(self._files[value.kind])
            except Exception as error:
                raise StorageError(
                    f"Metrics cannot be kept in {self.folder}: {error}. Make the folder writable."
                ) from error

    def collector(self) -> MultiProcessCollector:
        """Metrics of all processes that share the folder, without the gauges of processes that have ended."""
        forget_the_dead(self.folder, self._identity)
        return MultiProcessCollector(None, str(self.folder))  # type: ignore[no-untyped-call]

    def _open(self, kind: str) -> None:
        path = self.folder / f"{kind}_{self._identity}.db"
        if kind in self._files and path.exists():
            return
        if file := self._files.pop(kind, None):
            file.close()  # type: ignore[no-untyped-call]
        try:
            if hasattr(os, "posix_fallocate"):
                # The file is written through memory. On a full disk that ends the process, unless the file has its
                # space already.
                with path.open("ab") as reserved:
                    os.posix_fallocate(reserved.fileno(), 0, FILE_SIZE)
            self._files[kind] = MmapedDict(str(path))  # type: ignore[no-untyped-call]
        except OSError:
            path.unlink(missing_ok=True)  # a file without its size could not be read
            raise

    def _write_again(self) -> None:
        try:
            self.write()
            self._fault = ""
        except Exception as error:  # noqa: BLE001  whatever it was, the next write may succeed
            if str(error) != self._fault:  # once, not every second
                _log.warning("metrics cannot be written: %s", error)
            self._fault = str(error)


class SharedValue(values.MutexValue):
    """A number in memory, which the files of this process get once a second."""

    def __init__(
        self,
        files: SharedFiles,
        kind: str,
        metric: str,
        name: str,
        labels: list[str],
        label_values: list[str],
        text: str,
        multiprocess_mode: str = "",
        **options: Any,
    ) -> None:
        super().__init__(kind, metric, name, labels, label_values, text, **options)  # type: ignore[no-untyped-call]
        self.kind = f"{kind}_{multiprocess_mode}" if multiprocess_mode else kind
        self.key = mmap_key(metric, name, labels, label_values, text)
        self._timestamp = 0.0
        files.values.append(self)

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Give it a value."""
        with self._lock:
            self._value, self._timestamp = value, timestamp or 0.0

    def write_to(self, file: MmapedDict) -> None:
        """Put it into a file."""
        with self._lock:
            value, timestamp = self._value, self._timestamp
        file.write_value(self.key, value, timestamp)  # type: ignore[no-untyped-call]


def choose_values() -> SharedFiles | None:
    """Have prometheus_client keep its numbers in memory alone, or in files too if the environment names a folder."""
    folder = os.environ.get(VARIABLE)
    files = SharedFiles(Path(folder)) if folder is not None else None
    values.ValueClass = functools.partial(SharedValue, files) if files else values.MutexValue
    return files


def forget_the_dead(folder: Path, own: str = "") -> None:
    """Drop the gauges of processes that have ended; their counters stay.

    ``own`` is this process's name in its files' names. Other files with its id are of a process that had the id before.
    """
    for path in folder.glob("gauge_live*_*.db"):
        identity = path.stem.rsplit("_", 1)[-1]
        process = int(identity.partition("-")[0])
        if identity != own and (process == os.getpid() or not psutil.pid_exists(process)):
            path.unlink(missing_ok=True)  # another process may be asked at the same moment
