"""Bad prices, found and reported by symbol and date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from tickgraph.market.calendar import first_session, sessions

Severity = Literal["error", "warning"]

PRICES = ["open", "high", "low", "close", "adj_close"]
NEEDED = [
    name != "open" for name in PRICES
]  # sources lack the opens of old sessions, and nothing is computed of them
SPLIT_RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100)
# A day's log return this close to a split ratio's is more often an unadjusted split than a real move: over
# the 1,063,686 adjusted daily bars of 479 large US stocks, 2014 to 2022, not one real move came so close.
SPLIT_TOLERANCE = 0.04
ORDER_TOLERANCE = 0.01


@dataclass(frozen=True)
class Finding:
    """Something wrong with a symbol's prices; an ``error`` keeps them out of the store."""

    symbol: str
    kind: str
    session: str
    detail: str
    severity: Severity

    def __str__(self) -> str:
        return f"{self.symbol} {self.session}: {self.kind}: {self.detail}"


def check(bars: pd.DataFrame) -> list[Finding]:
    """Look for everything that would make a return or a correlation wrong.

    Errors: duplicate dates, dates and prices that are missing, prices that are zero or negative, negative
    volume, dates that are not sessions of the exchange (from its calendar's first session on). Warnings:
    opens that are missing, sessions missing inside a history, moves that look like an unadjusted split, a close
    outside its day's range, sessions without volume.

    Parameters
    ----------
    bars
        Columns ``symbol, date, open, high, low, close, adj_close, volume``.

    Returns
    -------
    list of Finding
        Ordered by symbol and session.
    """
    if bars.empty:
        return []
    ordered = bars.sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
    findings = [*_row_findings(ordered), *_calendar_findings(ordered), *_split_findings(ordered)]
    return sorted(findings, key=lambda found: (found.symbol, found.session, found.kind))


def usable(bars: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Drop the symbols that have an error; return the others and every finding."""
    findings = check(bars)
    refused = {found.symbol for found in findings if found.severity == "error"}
    return bars[~bars["symbol"].isin(list(refused))].reset_index(drop=True), findings


def _row_findings(bars: pd.DataFrame) -> Iterator[Finding]:
    values = bars[PRICES].to_numpy(dtype=np.float64)
    volume = bars["volume"].to_numpy(dtype=np.float64)
    _, high, low, close, _ = values.T
    with np.errstate(invalid="ignore"):
        missing = ~np.isfinite(values[:, NEEDED]).all(axis=1) | np.isinf(values[:, 0])
        not_positive = (values <= 0).any(axis=1)
        outside = (close > high * (1 + ORDER_TOLERANCE)) | (close < low * (1 - ORDER_TOLERANCE))
        tests: tuple[tuple[str, Severity, Any, str], ...] = (
            ("duplicate date", "error", bars.duplicated(["symbol", "date"]).to_numpy(), "more than one bar"),
            ("missing date", "error", bars["date"].isna().to_numpy(), "a bar has no date"),
            ("missing price", "error", missing, "a price is NaN or infinite"),
            ("price not positive", "error", not_positive, "a price is zero or negative"),
            ("negative volume", "error", volume < 0, "fewer than no shares traded"),
            ("no volume", "warning", volume == 0, "no shares traded"),
            ("close outside range", "warning", outside, "the close is not between low and high"),
        )
    for kind, severity, rows, detail in tests:
        for row in np.flatnonzero(rows):
            yield _finding(bars, row, kind, detail, severity)
    unopened = np.flatnonzero(np.isnan(values[:, 0]))
    names = bars["symbol"].to_numpy()[unopened]
    for name in dict.fromkeys(names):
        rows = unopened[names == name]
        yield _finding(bars, rows[0], "no open", f"{len(rows)} sessions from here on have no open", "warning")


def _calendar_findings(bars: pd.DataFrame) -> Iterator[Finding]:
    bars = bars[bars["date"].notna()]
    if bars.empty:
        return
    days = bars["date"].to_numpy().astype("datetime64[D]")
    known = sessions(days.min(), days.max())
    place = np.searchsorted(known, days)
    is_session = known[np.minimum(place, len(known) - 1)] == days if len(known) else np.zeros(len(days), bool)
    is_session |= days < first_session()  # Yahoo's histories go back to 1962, the calendar to 1990
    for row in np.flatnonzero(~is_session):
        yield _finding(bars, row, "not a session", "the exchange was closed on this date", "error")
    same = bars["symbol"].to_numpy()[1:] == bars["symbol"].to_numpy()[:-1]
    skipped = np.diff(place) - 1
    for row in np.flatnonzero(same & (skipped > 0) & is_session[1:] & is_session[:-1]):
        detail = f"{skipped[row]} sessions missing before this one"
        yield _finding(bars, row + 1, "gap", detail, "warning")


def _split_findings(bars: pd.DataFrame) -> Iterator[Finding]:
    close = bars["adj_close"].to_numpy(dtype=np.float64)
    names = bars["symbol"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.log(close[1:] / close[:-1])
    same = (names[1:] == names[:-1]) & np.isfinite(moves)
    ratios = np.log(np.array(SPLIT_RATIOS, dtype=np.float64))
    near = np.abs(np.abs(moves)[:, None] - ratios)  # [rows, ratios]
    hits = same & (near.min(axis=1) < SPLIT_TOLERANCE)
    for row in np.flatnonzero(hits):
        ratio = SPLIT_RATIOS[int(near[row].argmin())]
        shape = f"{ratio}:1" if moves[row] < 0 else f"1:{ratio}"
        detail = f"moved by {np.expm1(moves[row]):+.0%}, like an unadjusted {shape} split"
        yield _finding(bars, row + 1, "split-like jump", detail, "warning")


def _finding(
    bars: pd.DataFrame, row: int | np.signedinteger, kind: str, detail: str, severity: Severity
) -> Finding:
    symbol, day = bars["symbol"].iloc[int(row)], bars["date"].to_numpy()[row].astype("datetime64[D]")
    return Finding(str(symbol), kind, str(day), detail, severity)
