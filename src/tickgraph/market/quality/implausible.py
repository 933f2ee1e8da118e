"""Prices that cannot be, and suspicious ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.quality.finding import Finding, Implausible
from tickgraph.market.quality.histories import NEEDED, Flags, Histories
from tickgraph.market.quality.levels import levels, scales
from tickgraph.market.quality.moves import moves_of
from tickgraph.market.quality.slips import slip_findings, slips_of


def implausible(
    bars: Histories, missing: NDArray[np.int64], treatment: Implausible
) -> tuple[list[Finding], Flags]:
    """Judge large moves.

    Parameters
    ----------
    bars
        Positive closes, one for each session.
    missing
        ``[n]`` sessions that are missing before each bar.
    treatment
        What becomes of what cannot be.

    Returns
    -------
    list of Finding
        What was found.
    ndarray
        ``[n]`` bool: bars to leave out.
    """
    by_column = {column: moves_of(bars, column, missing) for column in NEEDED}
    if not any(len(moves.rows) for moves in by_column.values()):
        return [], np.zeros(len(bars), dtype=np.bool_)
    slips = {column: slips_of(bars, moves) for column, moves in by_column.items()}
    found, out = slip_findings(bars, slips["close"], slips["adj_close"], treatment)
    explained = np.logical_or.reduce([each.explained for each in slips.values()])
    found += levels(bars, by_column["adj_close"], explained, missing, treatment)
    found += scales(bars, explained | out, treatment)
    return found, out if treatment == "leave_out" else np.zeros_like(out)
