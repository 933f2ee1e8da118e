"""The fan of a distribution, drawn with characters: how wide its intervals are on every session of the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from rich.text import Text

from tickgraph.cli.output import money
from tickgraph.serving.price_ranges import HorizonForecast
from tickgraph.shapes import Float64

HEIGHT, WIDTH = 11, 56  # of the drawing; two lines below it say when


@dataclass(frozen=True)
class Marks:
    """What the drawing is made of."""

    wide: str
    narrow: str
    price: str


LINES = Marks("░", "▒", "─")
ASCII = Marks(".", ":", "-")
_STYLES = {"wide": "cyan", "narrow": "bold cyan", "price": "yellow"}


def fan(path: Sequence[HorizonForecast], price: float, as_of: date, marks: Marks = LINES) -> Text:
    """Draw the intervals on the way to a horizon.

    Parameters
    ----------
    path
        At least one horizon, the shortest first; each with a narrow and a wide interval.
    price
        Dollars, at the close of ``as_of``.
    as_of
        Where the way begins.
    marks
        :data:`LINES`, or :data:`ASCII` for a terminal that shows nothing else.

    Returns
    -------
    Text
        No more than 13 lines. Between the horizons, distances from the price follow the square root of time.
    """
    longest = path[-1].sessions
    columns = np.linspace(0, longest, WIDTH + 1)[1:]
    bounds = [
        _bound(path, columns, price, level, name)
        for level, name in ((1, "lower"), (0, "lower"), (0, "upper"), (1, "upper"))
    ]
    bottom, top = bounds[0].min(), bounds[3].max()
    rows = np.linspace(top, bottom, HEIGHT)
    half = (top - bottom) / (HEIGHT - 1) / 2
    start = int(np.argmin(np.abs(rows - price)))
    labels = {0: money(top), start: money(price), HEIGHT - 1: money(bottom)}
    margin = max(map(len, labels.values()))
    drawing = Text()
    for number, row in enumerate(rows):
        drawing.append(f"{labels.get(number, ''):>{margin}} ")
        for wide_low, low, high, wide_high in zip(*bounds, strict=True):
            kind = (
                "price"
                if number == start
                else "narrow"
                if low - half <= row <= high + half
                else "wide"
                if wide_low - half <= row <= wide_high + half
                else ""
            )
            drawing.append(getattr(marks, kind) if kind else " ", _STYLES.get(kind))
        drawing.append("\n")
    ends = f"{as_of}", f"{path[-1].expiry}"
    drawing.append(f"{'':>{margin}} {ends[0]}{ends[1]:>{WIDTH - len(ends[0])}}\n")
    narrow, wide = path[-1].intervals
    drawing.append(f"{'':>{margin}} ")
    for kind, said in (
        ("narrow", f"{narrow.level:.0%}"),
        ("wide", f"{wide.level:.0%} interval"),
        ("price", "price"),
    ):
        drawing.append(getattr(marks, kind) * 2, _STYLES[kind])
        drawing.append(f" {said}   ")
    drawing.rstrip()
    return drawing


def _bound(
    path: Sequence[HorizonForecast], columns: Float64[np.ndarray, ...], price: float, level: int, name: str
) -> Float64[np.ndarray, ...]:
    """End of an interval at each column, in dollars."""
    ends = np.array([0.0, *(getattr(each.intervals[level], name) / price - 1 for each in path)])
    squares = np.interp(columns, [0, *(each.sessions for each in path)], np.sign(ends) * ends**2)
    return np.asarray(price * (1 + np.sign(squares) * np.sqrt(np.abs(squares))))
