"""All checks of a batch of bars, each over what the ones before it left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import numpy as np
import pandas as pd

from tickgraph.market.quality import bars as single
from tickgraph.market.quality import ranges
from tickgraph.market.quality.histories import Finding, Flags, Histories, Implausible
from tickgraph.market.quality.implausible import implausible_moves


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
        Columns ``symbol, date, open, high, low, close, adj_close, volume``. The median move of the symbols of
        one batch is how the market moved.
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
    rest = Histories.of(ordered, after)
    out: Flags = np.zeros(len(rest), dtype=np.bool_)
    findings: list[Finding] = []
    for step in (
        single.undated,
        single.unpriced,  # before dates that come twice: a dividend may have a row of its own
        single.twice,
        single.not_daily,
        lambda left: single.unfinished(left, now),
        single.closed,
    ):
        new, flags = step(rest)
        findings += new
        out[np.flatnonzero(~out)[flags]] = True
        rest = rest.without(flags)
    findings += [*single.impossible(rest), *single.beyond_price(rest)]
    findings += [*single.untraded(rest), *single.gaps(rest)]
    places = np.flatnonzero(~out)
    for column, flags in ranges.no_prices(rest).items():
        if flags.any():
            if not pd.api.types.is_float_dtype(ordered[column]):
                ordered[column] = ordered[column].astype(np.float64)
            ordered.loc[places[flags], column] = np.nan
    positive = (rest.values["close"] > 0) & (rest.values["adj_close"] > 0)
    sound = rest.without(~positive)
    if len(sound):
        more, flags = implausible_moves(sound, single.missing_before(sound), implausible)
        findings += [*more, *ranges.unusable(sound.without(flags))]
        out[places[positive][flags]] = True
    refused = {finding.symbol for finding in findings if finding.severity == "error"}
    lesser = {single.GAP, ranges.NO_RANGE}
    findings = [each for each in findings if each.kind not in lesser or each.symbol not in refused]
    findings.sort(key=lambda finding: (finding.symbol, finding.session, finding.kind))
    kept = ~out & ~ordered["symbol"].isin(refused).to_numpy()
    return (ordered if kept.all() else ordered[kept].reset_index(drop=True)), findings
