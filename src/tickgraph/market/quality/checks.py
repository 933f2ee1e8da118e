"""All checks of a batch of bars, each over what the ones before it left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import numpy as np
import pandas as pd

from tickgraph.market.quality import bars as faults
from tickgraph.market.quality.histories import Finding, Flags, Histories, Implausible
from tickgraph.market.quality.implausible import implausible as implausible_moves


def check(
    bars: pd.DataFrame,
    *,
    now: datetime | None = None,
    implausible: Implausible = "leave_out",
    after: Mapping[str, date] | None = None,
) -> list[Finding]:
    """Look for everything that would make a return or a correlation wrong; parameters as in :func:`usable`."""
    return usable(bars, now=now, implausible=implausible, after=after)[1]


def usable(
    bars: pd.DataFrame,
    *,
    now: datetime | None = None,
    implausible: Implausible = "leave_out",
    after: Mapping[str, date] | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Leave out what cannot be used: single bars where the rest of a symbol is sound, else the symbol.

    Parameters
    ----------
    bars
        Columns ``symbol, date, open, high, low, close, adj_close, volume``. The symbols of one batch say of each other
        how the market moved.
    now
        Aware; a session that has not closed by then has no bar yet. None is the system's clock.
    implausible
        What becomes of prices that cannot be: ``leave_out`` bars that come back and refuse levels that stay,
        ``refuse`` the symbol for both, or ``keep`` them.
    after
        By symbol, the last session that is context only: nothing is said of it and of those before.

    Returns
    -------
    DataFrame
        Usable bars, ordered by symbol and date.
    list of Finding
        Ordered by symbol and session; one for each symbol and kind of fault.
    """
    if bars.empty:
        return bars, []
    ordered = bars.sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
    every = Histories.of(ordered, after)
    out = np.zeros(len(every), dtype=np.bool_)
    rest = every

    def leave(flags: Flags) -> Histories:
        out[np.flatnonzero(~out)[flags]] = True
        return rest.without(flags)

    findings = faults.undated(rest)
    rest = leave(np.isnat(rest.days))
    for step in (
        faults.unpriced,  # before dates that come twice: a dividend may have a row of its own
        faults.twice,
        faults.not_daily,
        lambda left: faults.unfinished(left, now),
        faults.closed,
    ):
        found, flags = step(rest)
        findings += found
        rest = leave(flags)
    findings += [*faults.impossible(rest), *faults.beyond_price(rest)]
    broken, unused = faults.unused(rest)
    findings += [*broken, *faults.doubtful(rest), *faults.gaps(rest)]
    places = np.flatnonzero(~out)
    for column, flags in unused.items():
        if flags.any():
            if not pd.api.types.is_float_dtype(ordered[column]):
                ordered[column] = ordered[column].astype(np.float64)
            ordered.loc[places[flags], column] = np.nan
    findings += _moves(rest, implausible, out)
    refused = {found.symbol for found in findings if found.severity == "error"}
    findings = [f for f in findings if f.kind != faults.GAP or f.symbol not in refused]
    findings.sort(key=lambda found: (found.symbol, found.session, found.kind))
    kept = ~out & ~ordered["symbol"].isin(refused).to_numpy()
    return (ordered if kept.all() else ordered[kept].reset_index(drop=True)), findings


def _moves(rest: Histories, implausible: Implausible, out: Flags) -> list[Finding]:
    """Judge moves of what has positive closes, and mark the bars that are left out."""
    positive = (rest.values["close"] > 0) & (rest.values["adj_close"] > 0)
    sound = rest.without(~positive)
    if not len(sound):
        return []
    found, flags = implausible_moves(sound, faults.missing_before(sound), implausible)
    places = np.flatnonzero(~out)[positive]
    out[places[flags]] = True
    return found
