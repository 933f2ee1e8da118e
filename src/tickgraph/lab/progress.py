"""How far an evaluation is: what its walks tell, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
