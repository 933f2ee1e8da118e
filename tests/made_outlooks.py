"""Outlooks and journal records with round numbers, for tests."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd

from tickgraph.market.calendar import next_sessions
from tickgraph.market.dividends import DividendOutlook
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.model.measures import LEVELS
from tickgraph.serving import outlook_cache
from tickgraph.serving.outlook import Outlook

JOURNAL = "2022-12.host.jsonl"
SCORES = np.linspace(-2.0, 2.0, 101)


GRID = np.array([1, 2, 3, 5, 10, 21, 42, 63])


def horizons(volatility=0.02, centre=0.0005, drag=None):
    """A distribution whose variance grows evenly, with a grid of scores of its own at each horizon."""
    fatter = np.linspace(1.0, 1.1, len(GRID))[:, None]
    return HorizonDistribution(GRID, volatility**2 * GRID, SCORES * fatter, centre, drag)


def dividends(drag, source="past ex-dates", ex_dates=()):
    """Dividends that lower the price so far, in log, within 1 to 63 sessions."""
    return DividendOutlook(source, drag, np.array(ex_dates, dtype="datetime64[D]"))


def with_horizons(monkeypatch, symbols=("AAPL", "MSFT", "JPM", "XOM"), **made):
    """Let the models of these symbols forecast every horizon, and all others the next session alone."""
    real = outlook_cache.network_outlooks

    def ahead(*words):
        return [
            replace(one, horizons=horizons(**made) if one.symbol in symbols else None, dividends=None)
            if isinstance(one, Outlook)
            else one
            for one in real(*words)
        ]

    monkeypatch.setattr(outlook_cache, "network_outlooks", ahead)


def outlook(
    symbol="AAPL",
    as_of="2022-12-29",
    forecast=0.001,
    trust=0.5,
    model=None,
    volatility=0.02,
    source="sample",
    **more,
):
    return Outlook(
        symbol,
        PredictiveDistribution(forecast, volatility, SCORES, trust),
        model,
        as_of=np.datetime64(as_of),
        last_close=130.0,
        source=source,
        provider="sample",
        lineage=object(),
        calibration_sessions=200,
        **more,
    )


def record(
    symbol="AAPL",
    as_of="2022-12-28",
    target="2022-12-29",
    logged="2022-12-29T11:00",
    forecast=0.001,
    half_widths=(0.02, 0.04),
    trained="2022-12-01",
    **others,
):
    """One record of the journal, as its reader gives them."""
    ends = {
        f"{end}_{level}": sign * half
        for level, half in zip(LEVELS, half_widths, strict=True)
        for end, sign in (("lower", -1), ("upper", 1))
    }
    return {
        "logged_at": pd.Timestamp(logged, tz="UTC"),
        "symbol": symbol,
        "as_of": pd.Timestamp(as_of),
        "target_session": pd.Timestamp(target),
        "model": "gnn",
        "generation": "g",
        "trained_at": pd.Timestamp(trained, tz="UTC"),
        "source": "sample",
        "sessions_behind": 0,
        "last_close": 130.0,
        "predicted_return": forecast,
        "centre": 0.0,
        "volatility": 0.02,
        "mean_score": 0.8,
        "probability_up": 0.5,
        **ends,
        **others,
    }


def ahead(as_of, *sessions, half_widths=(0.05, 0.1), variance=0.0004):
    """Columns of a record with intervals of one width at so many sessions ahead."""
    ends = {
        f"{end}_{level}_ahead": [sign * half] * len(sessions)
        for level, half in zip(LEVELS, half_widths, strict=True)
        for end, sign in (("lower", -1), ("upper", 1))
    }
    days = next_sessions(as_of, max(sessions))
    return {
        "ahead": list(sessions),
        "expiries": [pd.Timestamp(days[each - 1]) for each in sessions],
        "variances": [variance * each for each in sessions],
        **ends,
    }


def write_journal(operations_dir, *records):
    """Write records as the journal does: a line each, days and moments as text."""

    def plain(value):
        if isinstance(value, list):
            return [plain(each) for each in value]
        if not hasattr(value, "isoformat"):
            return value
        return value.isoformat().replace("+00:00", "Z") if value.tzinfo else str(value.date())

    folder = operations_dir / "journal"
    folder.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps({name: plain(value) for name, value in each.items()}, separators=(",", ":"))
        for each in records
    )
    (folder / JOURNAL).write_text("\n" + "\n".join(lines) + "\n")
