"""Checks of an answer's horizons: each for the right session, wider the longer, and the same as another answer's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tickgraph.market.calendar import known_sessions, sessions_a_year
from tickgraph.serving.answer import Forecast
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.price_ranges import HorizonForecast

_LEAST = 1 - 1e-9  # rounding is no fall


def inconsistency(answer: Forecast, model: LoadedModel | None) -> str | None:
    """What is wrong with how an answer's horizons fit together; None where nothing is."""
    name, longest = f"{answer.symbol} as of {answer.as_of}", max(model.horizons, default=0) if model else 0
    days = known_sessions(np.datetime64(answer.as_of, "D"), longest) if longest else np.array([])
    wanted = [ahead for ahead in model.horizons if ahead <= len(days)] if model else []
    if [one.sessions for one in answer.horizons] != wanted:
        return f"{name}: horizons {[one.sessions for one in answer.horizons]}, and its model has {wanted}"
    for one in answer.horizons:
        if one.expiry != days[one.sessions - 1].item():
            return f"{name}: {one.sessions} sessions ahead is not {one.expiry}"
        ends = [(interval.lower_return, interval.upper_return) for interval in one.intervals]
        nested = all(wide[0] <= low < high <= wide[1] for (low, high), wide in pairwise(ends))
        if not (nested and ends[0][0] < ends[0][1] and one.volatility > 0 and one.expected_move > 0):
            return f"{name}: what it says of {one.sessions} sessions does not fit together"
    for shorter, longer in pairwise(answer.horizons):
        if not _widens(shorter, longer):
            return f"{name}: it is surer of {longer.sessions} sessions than of {shorter.sessions}"
    return None


def difference_ahead(answer: Sequence[HorizonForecast], other: Sequence[HorizonForecast]) -> float:
    """Largest difference of two answers' horizons; infinite where they do not have the same.

    It is of interval ends in units of the volatility until then, and of volatilities as shares.
    """
    if [one.sessions for one in answer] != [one.sessions for one in other]:
        return float("inf")
    a_session = np.sqrt(sessions_a_year())
    largest = 0.0
    for one, same in zip(answer, other, strict=True):
        deviation = same.volatility * np.sqrt(same.sessions) / a_session
        differences = [one.volatility / same.volatility - 1]
        for interval, its in zip(one.intervals, same.intervals, strict=True):
            differences.append((interval.lower_return - its.lower_return) / deviation)
            differences.append((interval.upper_return - its.upper_return) / deviation)
        largest = max(largest, *(abs(float(apart)) for apart in differences))
    return largest


def _widens(shorter: HorizonForecast, longer: HorizonForecast) -> bool:
    """Whether neither variance nor an interval's width falls."""
    if longer.volatility**2 * longer.sessions < shorter.volatility**2 * shorter.sessions * _LEAST:
        return False
    widths = (
        (one.upper_return - one.lower_return, other.upper_return - other.lower_return)
        for one, other in zip(shorter.intervals, longer.intervals, strict=True)
    )
    return all(wide >= narrow * _LEAST for narrow, wide in widths)
