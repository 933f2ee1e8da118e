"""How far an evaluation is: a bar, or lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tickgraph.cli.output import note
from tickgraph.cli.progress import Bars
from tickgraph.wording import counted

if TYPE_CHECKING:  # needs the extra
    from tickgraph.lab.evaluation.evaluate import Listener
    from tickgraph.lab.horizons.evaluate_horizons import HorizonListener


@contextmanager
def evaluation_progress() -> Iterator[tuple[Listener, HorizonListener]]:
    """Show a bar with the last piece and the time left; lines where there is no terminal."""
    from tickgraph.lab.evaluation.evaluate import Listener
    from tickgraph.lab.evaluation.walk_forward import Progress
    from tickgraph.lab.horizons.evaluate_horizons import HorizonListener
    from tickgraph.lab.horizons.walk import HorizonProgress

    reused = 0
    with Bars(width=24) as bars:
        bar = bars.begin("walk")

        def start(pieces: int) -> None:
            bars.reset(bar, total=pieces)

        def show(piece: Progress) -> None:
            nonlocal reused
            reused += piece.reused
            label = f"{piece.forecaster} {piece.window + 1}"
            bars.update(bar, advance=1, description=label)
            if piece.damaged:
                note(f"{piece.damaged} It was computed again.")
            if not piece.reused:
                bars.line(f"forecast {label}")

        def measured(name: str) -> None:
            bars.update(bar, description=f"measured {name}")

        def walked(stretch: HorizonProgress) -> None:
            nonlocal reused
            bars.update(bar, advance=stretch.stretches, description=stretch.forecaster)
            if stretch.damaged:
                note(f"{stretch.damaged} It was computed again.")
            if stretch.reused:
                reused += 1
            elif stretch.done:
                bars.line(f"forecast {stretch.forecaster} by horizon")

        yield Listener(start, show, measured), HorizonListener(start, walked, measured)
    if reused:
        note(
            f"reused {counted(reused, 'forecast')} of an earlier run with the same settings; --fresh starts over"
        )
