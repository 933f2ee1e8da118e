"""A strategy's profit over the price, drawn with characters, and how likely the prices are below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.text import Text

from tickgraph.cli.output import money
from tickgraph.serving.strategy_answer import PayoffCurve
from tickgraph.shapes import Float64

HEIGHT, WIDTH = 11, 56  # of the profit; the density has three rows, and two lines below it say what is drawn
DENSE = 3


@dataclass(frozen=True)
class Marks:
    """What the drawing is made of."""

    filled: str
    nothing: str
    density: str  # from none to a whole row
    price: str


LINES = Marks("█", "─", " ▁▂▃▄▅▆▇█", "│")
ASCII = Marks("#", "-", " .:|", "|")
_GAIN, _LOSS, _ZERO, _DENSITY, _PRICE = "green", "red", "dim", "cyan", "yellow"


def payoff(curve: PayoffCurve, price: float, marks: Marks = LINES) -> Text:
    """Draw the profit at each price as a bar up or down from nothing, and the density of the price below.

    Parameters
    ----------
    curve
        At least two prices.
    price
        Dollars; where the price is now.
    marks
        :data:`LINES`, or :data:`ASCII` for a terminal that shows nothing else.

    Returns
    -------
    Text
        16 lines.
    """
    prices, profits, densities = (np.array(each) for each in (curve.prices, curve.profits, curve.densities))
    columns = np.linspace(prices[0], prices[-1], WIDTH)
    rows = _rows(profits)
    bars = np.interp(columns, prices, profits)
    now = int(np.argmin(np.abs(columns - price)))
    labels = {
        int(np.argmin(np.abs(rows - profit))): _dollars(profit)
        for profit in (profits.max(), profits.min(), 0.0)
    }
    margin = max(map(len, labels.values()))
    zero = int(np.argmin(np.abs(rows)))
    half = (rows[0] - rows[-1]) / (HEIGHT - 1) / 2
    drawing = Text()
    for number, row in enumerate(rows):
        drawing.append(f"{labels.get(number, ''):>{margin}} ")
        for column, profit in enumerate(bars):
            reaches = (row - half <= profit if row > 0 else row + half >= profit) if number != zero else False
            if reaches:
                drawing.append(marks.filled, _GAIN if row > 0 else _LOSS)
            elif number == zero:
                drawing.append(marks.nothing, _ZERO)
            elif column == now:
                drawing.append(marks.price, _PRICE)
            else:
                drawing.append(" ")
        drawing.append("\n")
    _append_density(drawing, np.interp(columns, prices, densities), margin, marks)
    low, high, at = money(float(prices[0])), money(float(prices[-1])), money(price)
    middle = min(max(now - len(at) // 2, len(low) + 1), WIDTH - len(high) - len(at) - 1)
    drawing.append(f"{'':>{margin}} {low:<{middle}}")
    drawing.append(at, _PRICE)
    drawing.append(f"{high:>{WIDTH - middle - len(at)}}\n")
    drawing.append(f"{'':>{margin}} ")
    for mark, style, said in (
        (marks.filled, _GAIN, "profit"),
        (marks.filled, _LOSS, "loss"),
        (marks.density[-1], _DENSITY, "how likely the close is"),
        (marks.price, _PRICE, "price now"),
    ):
        drawing.append(mark * 2, style)
        drawing.append(f" {said}   ")
    drawing.rstrip()
    return drawing


def _rows(profits: Float64[np.ndarray, ...]) -> Float64[np.ndarray, ...]:
    """Profits of the rows from the top: they hold the largest, the smallest and nothing."""
    top, bottom = max(float(profits.max()), 0.0), min(float(profits.min()), 0.0)
    if top == bottom:
        top, bottom = 1.0, -1.0
    rows = np.linspace(top, bottom, HEIGHT)
    return rows - rows[int(np.argmin(np.abs(rows)))]


def _append_density(drawing: Text, densities: Float64[np.ndarray, ...], margin: int, marks: Marks) -> None:
    """Bars from the bottom up, each row in as many steps as there are marks."""
    steps = len(marks.density) - 1
    heights = np.round(densities / max(densities.max(), 1e-300) * DENSE * steps).astype(int)
    for row in reversed(range(DENSE)):
        filled = np.clip(heights - row * steps, 0, steps)
        drawing.append(f"{'':>{margin}} ")
        drawing.append("".join(marks.density[each] for each in filled), _DENSITY)
        drawing.append("\n")


def _dollars(profit: float) -> str:
    if not profit:
        return "0"
    return f"{profit:+,.0f}" if abs(profit) >= 10 else f"{profit:+,.2f}"
