"""How far an evaluation is: a bar, or lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tickgraph.cli.output import note
from tickgraph.cli.progress import Bars
from tickgraph.wording import counted

if TYPE_CHECKING:  # needs the extra
    from tickgraph.lab.run import Listener


@contextmanager
def evaluation_progress() -> Iterator[Listener]:
    """Show a bar with the last piece and the time left; lines where there is no terminal."""
    from tickgraph.lab.run import Listener, Progress

    reused = 0
    with Bars(width=24) as bars:
        bar = bars.begin("walk")

        def start(pieces: int) -> None:
            bars.reset(bar, total=pieces)

        def show(piece: Progress) -> None:
            nonlocal reused
            label, part = piece.forecaster, " by horizon"
            if piece.window is not None:
                label, part = f"{label} {piece.window + 1}", ""
            bars.update(bar, advance=piece.pieces, description=label)
            if piece.damaged:
                note(f"{piece.damaged} It was computed again.")
            if piece.reused:
                reused += 1
            elif piece.done:
                bars.line(f"forecast {label}{part}")

        def measured(name: str) -> None:
            bars.update(bar, description=f"measured {name}")

        yield Listener(start, show, measured)
    if reused:
        note(
            f"reused {counted(reused, 'forecast')} of an earlier run with the same settings; --fresh starts over"
        )
