"""Strikes for a template where nobody names any: round prices where a forecast puts stated probabilities.

Exchanges list strikes at round distances, wider for dearer shares. Which ones are listed for a symbol, only a market
knows. So a distance is taken that is about a fiftieth of the price, and less where an expiry is so near that several
strikes would fall on one. Where some still do, they part away from the price, so that none gets to its other side.
"""

from __future__ import annotations

import numpy as np

from tickgraph.options.templates import Template
from tickgraph.shapes import Float64

DISTANCES = (0.5, 1.0, 2.5, 5.0)
"""Dollars between two listed strikes; and ten times, a hundred times these."""
NARROW = (0.01, 0.05, 0.1, 0.25)
"""Of cheap shares, and of expiries that are near."""
SHARE = 0.02
"""Of the price, that two strikes are apart at most."""


def template_strikes(
    template: Template, closes: Float64[np.ndarray, "strikes"], price: float
) -> tuple[float, ...]:
    """Round the closes that a template is to be struck at; strikes ascend.

    Parameters
    ----------
    template
        Whose strikes.
    closes
        Dollars; the quantiles of the close of :attr:`~tickgraph.options.templates.Template.struck_at`.
    price
        Dollars; what the share costs now.
    """
    gap = float(np.diff(closes).min(initial=np.inf))
    apart = _distance(min(SHARE * price, gap))
    wanted = closes[: template.strikes]
    steps = [round(float(close) / apart) for close in wanted]
    first_above = min(int(np.searchsorted(wanted, price)), len(steps) - 1)
    for place in range(first_above + 1, len(steps)):
        steps[place] = max(steps[place], steps[place - 1] + 1)
    for place in range(first_above - 1, -1, -1):
        steps[place] = min(steps[place], steps[place + 1] - 1)
    lift = max(0, 1 - steps[0])  # a strike is positive
    return tuple(round((step + lift) * apart, 2) for step in steps)


def _distance(most: float) -> float:
    """The widest customary distance that is not above so many dollars; the narrowest one where none is."""
    ladder = [*NARROW, *(each * 10**power for power in range(6) for each in DISTANCES)]
    return max((each for each in ladder if each <= most), default=NARROW[0])
