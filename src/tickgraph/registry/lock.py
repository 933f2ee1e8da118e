"""One writer of a model at a time."""

from __future__ import annotations

import threading
from pathlib import Path

from tickgraph import locks
from tickgraph.errors import ArtefactError
from tickgraph.regular_file import other_kind

WAIT_SECONDS = locks.WAIT_SECONDS


def exclusive(path: Path, threads: threading.Lock) -> locks.exclusive:
    """Hold a lock file and a thread lock, as :class:`tickgraph.locks.exclusive`.

    Raises
    ------
    ArtefactError
        Something else stands in the file's place. It is of one model, so that the others go on.
    """
    if (kind := other_kind(path)) is not None:
        raise ArtefactError(f"{path} is {kind}, where a lock file belongs. Remove it.")
    return locks.exclusive(path, threads, WAIT_SECONDS, "Wait for the other training run to end, or stop it.")
