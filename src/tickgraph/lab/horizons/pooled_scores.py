"""Quantiles of a forecast of variance: standardised returns of the recent past, pooled over symbols.

The score of a session is R_h / sqrt(F_h), the return that came over the deviation that was forecast. Quantiles of the
scores of the last 500 sessions, times today's sqrt(F_h), are the quantiles of the next return: filtered historical
simulation over one step of h sessions (Barone-Adesi, Giannopoulos & Vosper 1999), pooled over symbols because one
symbol has only a few stretches of h sessions that do not overlap.
"""

from __future__ import annotations

import numpy as np

from tickgraph.lab.horizons.method import PROBABILITIES
from tickgraph.shapes import Float64

WINDOW = 500
"""Sessions of scores."""
FEWEST_SCORES = 200
_MOST_SCORES = 60_000  # of a large universe every second, third ... score is enough


def score_quantiles(
    scores: Float64[np.ndarray, "sessions symbols"], session: int, horizon: int
) -> Float64[np.ndarray, "quantiles"]:
    """Quantiles of the scores that were known at the close of a session.

    The score of session u needs the close of u + horizon, so the last one known at t is that of t - horizon.

    Their mean is the drift of the years in the window. A part of it is taken off that grows as the window holds fewer
    stretches that do not overlap: one half at one session, nearly all at 63.

    Parameters
    ----------
    scores
        Row t holds R_h / sqrt(F_h) of the forecast made after session t; NaN where unknown.
    session
        Position t.
    horizon
        h.

    Returns
    -------
    ndarray
        NaN throughout with fewer than 200 scores.
    """
    known = scores[max(0, session - horizon - WINDOW + 1) : max(0, session - horizon + 1)].ravel()
    known = known[np.isfinite(known)]
    if len(known) < FEWEST_SCORES:
        return np.full(len(PROBABILITIES), np.nan)
    known = known - known.mean() * horizon / (horizon + 1)
    return np.quantile(known[:: -(-len(known) // _MOST_SCORES)], PROBABILITIES)
