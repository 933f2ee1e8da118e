"""Which files a look of the watcher looks at: all of a few; of many all where their folder changed, or else a share.

A published model and a replaced history get into place by a rename, which changes the time of their folder. So one look
at the folder says that no file was replaced. Every file gets its turn all the same, for file systems that say too
little of folders and for files that somebody changed in their place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from tickgraph.market.store.layout import FileStamp

ALL = 1_000
"""Files that every look looks at."""
ROUND = 60
"""Looks in which each of more files has its turn."""
SETTLED_SECONDS = 3.0
"""How long a folder must have been as it is: within it another change may leave the same time."""

T = TypeVar("T")


class Rounds:
    """Rounds over the files of a folder.

    Parameters
    ----------
    folder
        Gives the identity of the folder; None where it does not tell of changes.
    now
        Monotonic seconds.
    """

    def __init__(
        self, folder: Callable[[], FileStamp | None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._now = folder, now
        self._stamp: FileStamp | None = None
        self._since = 0.0
        self._turn = 0  # of the round: the number of the look

    def due(self, files: Sequence[T]) -> Sequence[T]:
        """Begin a look; gives those files that it is to look at."""
        return files if self._begin(len(files)) else files[self._turn % ROUND :: ROUND]

    def is_list_due(self, count: int) -> bool:
        """Begin a look; whether it is to list the folder, which had so many files."""
        return self._begin(count) or self.is_first_turn

    @property
    def is_first_turn(self) -> bool:
        """Whether a round began with this look."""
        return self._turn % ROUND == 0

    def _begin(self, count: int) -> bool:
        """Begin a look; whether it takes in all of so many files, and not a share."""
        stamp, now = self._folder(), self._now()
        if stamp is None or stamp != self._stamp:
            self._stamp, self._since = stamp, now
        self._turn += 1
        return count <= ALL or stamp is None or now - self._since < SETTLED_SECONDS
