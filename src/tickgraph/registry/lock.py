"""One writer of a model at a time."""

from __future__ import annotations

import threading
from pathlib import Path

from tickgraph import locks

WAIT_SECONDS = locks.WAIT_SECONDS


def exclusive(path: Path, threads: threading.Lock) -> locks.exclusive:
    """Hold a lock file and a thread lock, as :class:`tickgraph.locks.exclusive`."""
    return locks.exclusive(path, threads, WAIT_SECONDS, "Wait for the other training run to end, or stop it.")
