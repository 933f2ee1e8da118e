"""The newest answer to a question that has one answer for each state of the data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable


class CurrentAnswer:
    """Keeps the body of an answer for as long as the data that it was made from are the newest.

    However many threads ask at once, one makes the answer and the others wait for it. An answer that fails is not kept.
    """

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._kept: tuple[Hashable, bytes] | None = None

    def of(self, state: Hashable, make: Callable[[], bytes]) -> bytes:
        """Give the answer of a state of the data; ``make`` makes it where another state's, or none, is kept."""
        if (kept := self._kept) is not None and kept[0] == state:
            return kept[1]
        with self._making:
            if (kept := self._kept) is not None and kept[0] == state:  # another thread has just made it
                return kept[1]
            made = make()
            self._kept = state, made
            return made
