"""Live quality: figures of the forecasts that were served, over the last sessions, and which models drifted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.store import PriceStore
from tickgraph.model.measures import LEVELS
from tickgraph.operations.drift import Trained, flag
from tickgraph.operations.outcomes import ENDS, Panel, window_of, with_outcomes
from tickgraph.operations.records import LiveFigures, LiveQuality
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.journal import read_journal

WINDOW = 60
MIN_OVER_TIME = 10  # forecasts of a symbol that a correlation over time needs
MIN_ACROSS = 3  # symbols of a session that a correlation across them needs

Array = NDArray[np.float64]
Groups = NDArray[np.intp]


def live_quality(
    operations_dir: Path, store: PriceStore, registry: ModelRegistry, now: datetime, *, window: int = WINDOW
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
    window
        Sessions to look back on.

    Raises
    ------
    StorageError
        The journal cannot be read.
    """
    first = window_of(now, window)[0].item()
    records = read_journal(operations_dir / "journal", since=first)
    return score(records, store.panel, now, window=window, trained=lambda symbol: _trained(registry, symbol))


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
        As :func:`tickgraph.serving.journal.read_journal` gives them.
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
    days = outcomes["target_session"].to_numpy().astype("datetime64[D]")
    everyone = np.zeros(len(outcomes), dtype=np.intp)
    ic = _correlations(
        symbols,
        len(names),
        outcomes["predicted_return"].to_numpy(),
        outcomes["realised"].to_numpy(),
        MIN_OVER_TIME,
    )
    by_symbol = _figures(outcomes, symbols, len(names), ic)
    across = np.array([_mean_across(outcomes)])
    panel_figures = _figures(outcomes, everyone, 1, across)[0] if len(outcomes) else LiveFigures(forecasts=0)
    return LiveQuality(
        as_of=(days.max() if len(days) else window_of(now, 1)[-1]).item(),
        computed_at=now.astimezone(UTC),
        window=window,
        panel=panel_figures,
        symbols=dict(zip(map(str, names), by_symbol, strict=True)),
        flagged=flag(outcomes, trained),
    )


def _trained(registry: ModelRegistry, symbol: str) -> datetime | None:
    try:
        return registry.metadata(symbol).training_date
    except Exception:  # noqa: BLE001  a model that cannot be read is damaged, and due as such
        return None


def _mean_across(outcomes: pd.DataFrame) -> float:
    """Mean over sessions of the correlation across symbols; NaN without any."""
    sessions, names = pd.factorize(outcomes["target_session"])
    forecast, realised = outcomes["predicted_return"].to_numpy(), outcomes["realised"].to_numpy()
    found = _correlations(sessions, len(names), forecast, realised, MIN_ACROSS)
    return float(np.mean(found[np.isfinite(found)])) if np.isfinite(found).any() else float("nan")


def _correlations(groups: Groups, count: int, x: Array, y: Array, least: int) -> Array:
    """``[count]`` Pearson correlation within each group; NaN where it has too few values or one does not vary."""
    size = np.bincount(groups, minlength=count)
    divisor = np.maximum(size, 1)

    def total(values: Array) -> Array:
        return np.bincount(groups, weights=values, minlength=count).astype(np.float64)

    dx, dy = x - (total(x) / divisor)[groups], y - (total(y) / divisor)[groups]
    xx, yy = total(dx * dx), total(dy * dy)
    # What rounding leaves of a constant is no variation.
    varies = (xx > 1e-20 * total(x * x)) & (yy > 1e-20 * total(y * y)) & (size >= least)
    found = np.full(count, np.nan)
    found[varies] = total(dx * dy)[varies] / np.sqrt(xx[varies] * yy[varies])
    return found


def _figures(outcomes: pd.DataFrame, groups: Groups, count: int, ic: Array) -> list[LiveFigures]:
    """Figures of each of ``count`` groups of forecasts; all have at least one."""
    wanted = ("realised", "predicted_return", "momentum", "centre", "volatility", "mean_score", *ENDS)
    column = {name: outcomes[name].to_numpy() for name in wanted}
    realised, forecast, momentum = (column[name] for name in wanted[:3])

    def total(values: Array, where: NDArray[np.bool_] | None = None) -> Array:
        chosen = slice(None) if where is None else where
        return np.bincount(groups[chosen], weights=values[chosen], minlength=count).astype(np.float64)

    def ratio(above: Array, below: Array) -> Array:
        return np.divide(above, below, out=np.full(count, np.nan), where=below > 0)

    days = pd.Series(outcomes["target_session"].to_numpy().astype("datetime64[D]")).groupby(groups)
    moved, compared, spread = realised != 0, np.isfinite(momentum), column["volatility"] > 0
    right = np.sign(forecast) == np.sign(realised)
    squared = (realised - forecast) ** 2
    residual = np.abs(realised - column["centre"]) / np.where(spread, column["volatility"], 1.0)
    inside = {
        str(level): (column[f"lower_{level}"] <= realised) & (realised <= column[f"upper_{level}"])
        for level in LEVELS
    }
    size = np.bincount(groups, minlength=count).astype(np.float64)
    table: Mapping[str, Array] = {
        "ic": ic,
        "hit_rate": ratio(total(right.astype(np.float64), moved), total(moved.astype(np.float64))),
        "r2_vs_zero": 1 - ratio(total(squared), total(realised**2)),
        "r2_vs_momentum": 1 - ratio(total(squared, compared), total((realised - momentum) ** 2, compared)),
        "error_ratio": ratio(total(residual, spread), total(column["mean_score"], spread)),
        **{level: ratio(total(held.astype(np.float64)), size) for level, held in inside.items()},
    }
    known = {name: [None if np.isnan(v) else v for v in values.tolist()] for name, values in table.items()}
    first, last = days.min().dt.date.tolist(), days.max().dt.date.tolist()
    return [
        LiveFigures(
            forecasts=int(size[row]),
            first=first[row],
            last=last[row],
            ic=known["ic"][row],
            hit_rate=known["hit_rate"][row],
            coverage={level: float(table[level][row]) for level in inside},
            r2_vs_zero=known["r2_vs_zero"][row],
            r2_vs_momentum=known["r2_vs_momentum"][row],
            error_ratio=known["error_ratio"][row],
        )
        for row in range(count)
    ]
