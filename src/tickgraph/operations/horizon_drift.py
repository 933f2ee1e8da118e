"""How much of what came intervals of a horizon hold while every model is sound, and when more or less is no chance.

Two things make many forecasts say little. Forecasts of h sessions that are made on n days overlap: two that begin k
sessions apart share 1 - k / h of their sessions. If their outcomes are correlated by as much, they say what so many
independent stretches would:

    stretches = n / (1 + 2 sum_{k < min(h, n)} (1 - k / h) (1 - k / n))

And symbols move together: whether one return lies outside its interval is correlated by TOGETHER with whether another
symbol's does. Calm and stormy spells last longer than any of these horizons, which leaves SPELL however many days there
are. So coverage of S symbols by a sound interval of level c varies by

    c (1 - c) / N        1 / N = (TOGETHER + (1 - TOGETHER) / S) / stretches + SPELL

It is taken to have a beta distribution with that mean and variance. ``benchmarks/drift.py`` measures the constants and
the false alarms on the sample; docs/live_quality.md has the figures.
"""

from __future__ import annotations

import numpy as np

TOGETHER = 0.15
SPELL = 0.009
SPELLS_END = 252
"""Sessions after which another spell counts as begun: over more of them SPELL averages out. Windows of live quality are
shorter."""
CHANCE = 0.01
"""Probability that coverage of a sound model lies outside its band, half of it on each side."""
MIN_SESSIONS = 40
MIN_STRETCHES = 5.0


def independent_stretches(sessions: int, ahead: int) -> float:
    """How many independent stretches of ``ahead`` sessions forecasts that end on so many days in a row are worth."""
    apart = np.arange(1, min(ahead, sessions))
    return float(sessions / (1 + 2 * np.sum((1 - apart / ahead) * (1 - apart / sessions))))


def independent_forecasts(ahead: int, sessions: int, forecasts: int) -> float:
    """How many independent forecasts so many forecasts are worth: N of the module's formula."""
    stretches = independent_stretches(sessions, ahead)
    spell = SPELL * min(1.0, SPELLS_END / sessions)
    return 1 / ((TOGETHER + (1 - TOGETHER) * sessions / forecasts) / stretches + spell)


def usual_coverage(level: float, ahead: int, sessions: int, forecasts: int) -> tuple[float, float] | None:
    """Band of the coverage of sound intervals; None where there are too few independent stretches for a verdict.

    Parameters
    ----------
    level
        What the intervals promise, such as 0.8.
    ahead
        Sessions that the forecasts look ahead.
    sessions, forecasts
        Days on which they end, and how many there are.
    """
    stretches = independent_stretches(sessions, ahead)
    if sessions < MIN_SESSIONS or stretches < MIN_STRETCHES:
        return None
    from scipy.stats import beta  # slow to import

    count = independent_forecasts(ahead, sessions, forecasts)
    ends = beta.ppf([CHANCE / 2, 1 - CHANCE / 2], level * (count - 1), (1 - level) * (count - 1))
    return float(ends[0]), float(ends[1])
