"""How an evaluation is run: where its forecasts are kept, on how many threads, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """A window or a stretch of one forecaster is there, or all of its stretches at once that were found on disk.

    Attributes
    ----------
    forecaster
        Its name, or that of a part of the evaluation.
    window
        Counted from 0; None in a walk by horizon.
    pieces
        How many are there now that were not there before.
    reused
        Whether they were found on disk.
    done
        Whether the window is whole, or the stretch the forecaster's last.
    damaged
        What was wrong with the file on disk, so that it was computed again; said when that is done.
    """

    forecaster: str
    window: int | None = None
    pieces: int = 1
    reused: bool = False
    done: bool = True
    damaged: str | None = None


@dataclass(frozen=True)
class Listener:
    """Functions that are told how far an evaluation is; they may be called from several threads.

    Attributes
    ----------
    on_start
        Called at the start of each part with the number of its pieces: methods times windows, or stretches.
    on_piece
        Called after each piece.
    on_measured
        Called with the name of each forecaster that is measured.
    """

    on_start: Callable[[int], None] = lambda _: None
    on_piece: Callable[[Progress], None] = lambda _: None
    on_measured: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Run:
    """How an evaluation, or a part of it, is run.

    Attributes
    ----------
    folder
        Where forecasts are kept and looked for, so that an interrupted run goes on.
    jobs
        Forecasters or windows side by side, a thread each; 0 is one per core.
    fresh
        Compute everything, whatever the folder holds.
    listener
        Is told of progress.
    """

    folder: Path
    jobs: int = 0
    fresh: bool = False
    listener: Listener = Listener()

    def within(self, part: str) -> Run:
        """The run of a part, in a folder of its own."""
        return replace(self, folder=self.folder / part)
