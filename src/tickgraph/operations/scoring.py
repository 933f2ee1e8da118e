"""Live quality: figures of the forecasts that were served, over the last sessions, and which models drifted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.expiry import LONGEST
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.model.measures import LEVELS
from tickgraph.operations.drift import Trained, flag
from tickgraph.operations.horizon_outcomes import horizon_outcomes
from tickgraph.operations.horizon_scoring import horizon_figures
from tickgraph.operations.outcomes import FIGURES, Panel, window_of, with_outcomes
from tickgraph.operations.records import LiveFigures, LiveQuality
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.journal_reading import read_journal

WINDOW = 60
MIN_OVER_TIME = 10  # forecasts of a symbol that a correlation over time needs
MIN_ACROSS = 3  # symbols of a session that a correlation across them needs

Array = NDArray[np.float64]
Groups = NDArray[np.intp]


def live_quality(
    operations_dir: Path, store: PriceStore, registry: ModelRegistry, now: datetime
) -> LiveQuality:
    """Score what the journal holds against the prices in the store.

    Parameters
    ----------
    operations_dir
        Folder of operations; the journal is in ``journal/`` below it.
    store, registry
        Stored prices, and the models that a flag is about.
    now
        Sessions that are over then are scored.

    Raises
    ------
    StorageError
        The journal cannot be read.
    """
    first = window_of(now, WINDOW + LONGEST)[0].item()  # a forecast of so many sessions is scored as late
    records = read_journal(operations_dir / "journal", since=first)
    return score(records, store.panel, now, trained=lambda symbol: _trained(registry, symbol))


def score(
    records: pd.DataFrame,
    panel: Panel,
    now: datetime,
    window: int = WINDOW,
    *,
    trained: Trained = lambda symbol: None,
) -> LiveQuality:
    """Score logged forecasts against stored prices.

    Parameters
    ----------
    records
        As :func:`tickgraph.serving.journal_reading.read_journal` gives them.
    panel
        ``panel(source, symbols, first)`` gives stored prices, such as
        :meth:`tickgraph.market.store.PriceStore.panel`.
    now
        Aware; sessions that are over then are scored.
    window
        Sessions to look back on.
    trained
        When a symbol's published model was trained; by default no model is flagged.
    """
    outcomes = with_outcomes(records, panel, now, window)
    symbols, names = pd.factorize(outcomes["symbol"], sort=True)
    days, whose = pd.factorize(outcomes["target_session"])[0], np.zeros(len(outcomes), dtype=np.intp)
    across = _correlations(outcomes, days, MIN_ACROSS)
    known = across[np.isfinite(across)]
    of_all = _figures(outcomes, whose, np.array([known.mean() if len(known) else np.nan]))
    of_each = _figures(outcomes, symbols, _correlations(outcomes, symbols, MIN_OVER_TIME))
    return LiveQuality(
        as_of=of_all[0].last if of_all else window_of(now, 1)[-1].item(),
        computed_at=now.astimezone(UTC),
        window=window,
        panel=of_all[0] if of_all else LiveFigures(forecasts=0),
        symbols=dict(zip(map(str, names), of_each, strict=True)),
        horizons=horizon_figures(horizon_outcomes(records, panel, now, window)),
        flagged=flag(outcomes, trained),
    )


def _trained(registry: ModelRegistry, symbol: str) -> datetime | None:
    try:
        return registry.metadata(Symbol(symbol)).training_date
    except Exception:  # noqa: BLE001  a model that cannot be read is damaged, and due as such
        return None


def _correlations(outcomes: pd.DataFrame, groups: Groups, least: int) -> Array:
    """Pearson correlation of forecast and realised return within each group of forecasts.

    NaN where a group has fewer than ``least`` forecasts, or one of both does not vary.
    """
    x, y = outcomes["predicted_return"].to_numpy(), outcomes["realised"].to_numpy()
    size = np.bincount(groups)
    divisor = np.maximum(size, 1)

    def total(values: Array) -> Array:
        return np.bincount(groups, weights=values).astype(np.float64)

    dx, dy = x - (total(x) / divisor)[groups], y - (total(y) / divisor)[groups]
    xx, yy = total(dx * dx), total(dy * dy)
    # Rounding of a constant is no variation.
    varies = (xx > 1e-20 * total(x * x)) & (yy > 1e-20 * total(y * y)) & (size >= least)
    correlation = np.full(len(size), np.nan)
    correlation[varies] = total(dx * dy)[varies] / np.sqrt(xx[varies] * yy[varies])
    return correlation


def _figures(outcomes: pd.DataFrame, groups: Groups, ic: Array) -> list[LiveFigures]:
    """Figures of each group of forecasts; groups are numbered from 0, and each has at least one forecast."""
    column = {name: outcomes[name].to_numpy() for name in ("realised", "momentum", *FIGURES)}
    realised, forecast, momentum = column["realised"], column["predicted_return"], column["momentum"]
    moved, compared, spread = realised != 0, np.isfinite(momentum), column["volatility"] > 0
    squared = (realised - forecast) ** 2
    residual = np.abs(realised - column["centre"]) / np.where(spread, column["volatility"], 1.0)
    held = {
        str(level): (column[f"lower_{level}"] <= realised) & (realised <= column[f"upper_{level}"])
        for level in LEVELS
    }
    sums = pd.DataFrame(
        {
            "forecasts": 1,
            "moved": moved,
            "right": moved & (np.sign(forecast) == np.sign(realised)),
            "squared": squared,
            "of_zero": realised**2,
            "compared": np.where(compared, squared, 0.0),
            "of_momentum": np.where(compared, (realised - momentum) ** 2, 0.0),
            "residual": np.where(spread, residual, 0.0),
            "promised": np.where(spread, column["mean_score"], 0.0),
            **held,
        }
    )
    sums = sums.groupby(groups).sum()
    days = outcomes["target_session"].groupby(groups).agg(["min", "max"])

    def ratio(above: str, below: str) -> pd.Series[float]:
        return sums[above] / sums[below].where(sums[below] > 0)

    table = {
        "ic": pd.Series(ic),
        "hit_rate": ratio("right", "moved"),
        "r2_vs_zero": 1 - ratio("squared", "of_zero"),
        "r2_vs_momentum": 1 - ratio("compared", "of_momentum"),
        "error_ratio": ratio("residual", "promised"),
    }
    figures = {name: [None if np.isnan(v) else float(v) for v in each] for name, each in table.items()}
    coverage = {level: ratio(level, "forecasts") for level in held}
    return [
        LiveFigures(
            forecasts=int(count),
            first=days["min"].iloc[row],
            last=days["max"].iloc[row],
            coverage={level: float(each.iloc[row]) for level, each in coverage.items()},
            **{name: each[row] for name, each in figures.items()},
        )
        for row, count in enumerate(sums["forecasts"])
    ]
