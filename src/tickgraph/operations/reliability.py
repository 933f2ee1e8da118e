"""Past forecasts of one symbol against what happened: of what was said to come so often, how often it came.

A forecast that was logged says with which probability the close lies below each end of its intervals. Once its session
is over, the close did or did not. The share of forecasts whose close lay below, beside the probability that was stated,
is the reliability diagram of Murphy & Winkler 1977, "Reliability of subjective probability forecasts", J. Royal
Statistical Society C 26(1), for quantiles.

A share of a few forecasts says little, and forecasts of several sessions overlap. So each share has an interval that
holds the true probability with 95 %, by Wilson 1927, "Probable inference, the law of succession, and statistical
inference", JASA 22(158). Its count is that of independent forecasts
(:func:`~tickgraph.operations.horizon_drift.independent_forecasts`)::

    (p + z^2 / 2N  -+  z sqrt(p (1 - p) / N + z^2 / 4N^2)) / (1 + z^2 / N)        z = 1.96
"""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tickgraph.market.expiry import LONGEST
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import renamings
from tickgraph.model.measures import LEVELS
from tickgraph.operations.horizon_drift import independent_forecasts
from tickgraph.operations.horizon_outcomes import horizon_outcomes
from tickgraph.operations.outcomes import Panel, window_of, with_outcomes
from tickgraph.registry.evaluation_record import HorizonWalkForward
from tickgraph.serving.journal_reading import read_journal

WINDOW = 189
"""Sessions to look back on: three quarters of a year, so that 63 sessions ahead have some that do not overlap."""
Z = 1.959964
"""Of the standard normal, exceeded on both sides together with 5 %."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Observed(_Part):
    """What was stated, and how often it came."""

    probability: float
    """That was stated."""
    share: float
    """Of the forecasts whose sessions are over, for how many it came so."""
    low: float
    """Lower end of a 95 % interval for the true probability: the share is of few forecasts, which overlap."""
    high: float
    """Its upper end."""


class HorizonReliability(_Part):
    """Forecasts of one horizon against what happened."""

    sessions: int
    """Sessions ahead."""
    forecasts: int
    """Forecasts whose last session is over."""
    independent: float
    """How many independent forecasts they are worth: those of several sessions overlap."""
    first: date
    """First of the sessions that the forecasts were for."""
    last: date
    """Last of them."""
    below: tuple[Observed, ...]
    """That the close lies below each end of the intervals, ascending; empty for walk-forward forecasts."""
    inside: tuple[Observed, ...]
    """That the close lies inside the interval, by its level."""


def live_reliability(
    operations_dir: Path, symbol: Symbol, panel: Panel, now: datetime
) -> tuple[HorizonReliability, ...]:
    """Judge a symbol's logged forecasts by horizon; nothing where none was logged or none is over.

    Parameters
    ----------
    operations_dir
        Folder of operations; the journal is in ``journal/`` below it.
    symbol
        Whose forecasts. Those that were logged under a former name are its own, too.
    panel
        ``panel(source, symbols, first)`` gives stored prices from a day on.
    now
        Aware; sessions that are over then are judged.

    Raises
    ------
    StorageError
        The journal cannot be read.
    """
    first = window_of(now, WINDOW + LONGEST)[0].item()
    records = read_journal(operations_dir / "journal", since=first, symbols=_names(symbol))
    outcomes = horizon_outcomes(records, panel, now, WINDOW)
    outcomes = outcomes[outcomes["symbol"] == symbol]
    ahead = outcomes["ahead"].to_numpy(dtype=np.int64)
    judged = [_judged(int(each), outcomes[ahead == each]) for each in np.unique(ahead)]
    if not (ahead == 1).any():
        nearest = _of_the_next_session(records, panel, now)
        nearest = nearest[nearest["symbol"] == symbol]
        judged = [*([_judged(1, nearest)] if len(nearest) else []), *judged]
    return tuple(judged)


def evaluated_reliability(record: HorizonWalkForward) -> tuple[HorizonReliability, ...]:
    """Coverage of a symbol's walk-forward forecasts by horizon, with intervals as of live ones."""
    found = []
    for ahead, figures in sorted(record.figures.items(), key=lambda pair: int(pair[0])):
        forecasts = -(-figures.sessions // record.density_every)
        independent = min(
            independent_forecasts(int(ahead), figures.sessions, figures.sessions), float(forecasts)
        )
        found.append(
            HorizonReliability(
                sessions=int(ahead),
                forecasts=forecasts,
                independent=independent,
                first=record.first_session,
                last=record.last_session,
                below=(),
                inside=tuple(
                    observed(float(level), share, independent) for level, share in figures.coverage.items()
                ),
            )
        )
    return tuple(found)


def observed(probability: float, share: float, independent: float) -> Observed:
    """Put a share beside what was stated, with Wilson's interval for so many independent forecasts."""
    z = Z * Z / independent
    middle = (share + z / 2) / (1 + z)
    half = math.sqrt(z * share * (1 - share) + z * z / 4) / (1 + z)
    return Observed(
        probability=probability, share=share, low=max(0.0, middle - half), high=min(1.0, middle + half)
    )


def _names(symbol: Symbol) -> Collection[str]:
    """Today's name and the former ones."""
    return {symbol, *(former for former, found in renamings().items() if found.today == symbol)}


def _of_the_next_session(records: pd.DataFrame, panel: Panel, now: datetime) -> pd.DataFrame:
    """Outcomes of forecasts of the next session alone, as momentum and older models give them."""
    return with_outcomes(records, panel, now, WINDOW).rename(columns={"target_session": "expiry"})


def _judged(ahead: int, own: pd.DataFrame) -> HorizonReliability:
    came, days = own["realised"].to_numpy(dtype=np.float64), own["expiry"]
    count = int(days.nunique())
    independent = independent_forecasts(ahead, count, len(own))
    below: list[Observed] = []
    inside = []
    for level in LEVELS:
        lower, upper = own[f"lower_{level}"].to_numpy(), own[f"upper_{level}"].to_numpy()
        under, within = float((came < lower).mean()), float(((lower <= came) & (came <= upper)).mean())
        below.append(observed((1 - level) / 2, under, independent))
        below.append(observed((1 + level) / 2, under + within, independent))
        inside.append(observed(level, within, independent))
    return HorizonReliability(
        sessions=ahead,
        forecasts=len(own),
        independent=independent,
        first=days.min().date(),
        last=days.max().date(),
        below=tuple(sorted(below, key=lambda each: each.probability)),
        inside=tuple(inside),
    )
