"""Publish each model's correlations as of the newest stored session; weights stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tickgraph.errors import PriceDataError, StorageError, reason_of
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import latest_correlation
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.registry.freshness import is_current
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry

SAME = 1e-9  # below it correlations differ by rounding

Panels = Callable[[str, Sequence[Symbol]], PricePanel]


@dataclass
class CorrelationReport:
    """What became of each model's correlations, and as of which session they are."""

    published: dict[Symbol, date] = field(default_factory=dict)
    unchanged: dict[Symbol, date] = field(default_factory=dict)
    failed: dict[Symbol, str] = field(default_factory=dict)


def publish_correlations(
    registry: ModelRegistry,
    panels: Panels,
    symbols: Sequence[Symbol],
    *,
    force: bool = False,
    on_symbol: Callable[[str], None] | None = None,
) -> CorrelationReport:
    """Compute correlation matrices from stored prices, and publish those that are new.

    Parameters
    ----------
    registry
        Trained models.
    panels
        ``panels(source, symbols)`` gives stored prices.
    symbols
        Models. An error of one model, foreseen or not, is reported, and the others go on.
    force
        Publish even where the stored matrix is the same, and less than 24 hours old.
    on_symbol
        Called after each symbol.

    Raises
    ------
    StorageError
        Models cannot be written; what was published before is kept.
    """
    report = CorrelationReport()
    for symbol in symbols:
        try:
            _publish_one(registry, panels, registry.metadata(symbol), force, report)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            report.failed[symbol] = reason_of(symbol, error)
        if on_symbol:
            on_symbol(symbol)
    return report


def _publish_one(
    registry: ModelRegistry,
    panels: Panels,
    metadata: ModelMetadata,
    force: bool,
    report: CorrelationReport,
) -> None:
    symbol, config = Symbol(metadata.symbol), metadata.training_config
    nodes = tuple(map(Symbol, metadata.nodes))
    panel = panels(metadata.data_stats.source, nodes)
    traded = np.flatnonzero(np.isfinite(panel.adj_close[:, panel.column(symbol)]))
    if len(traded) < config.history:
        raise PriceDataError(
            f"History too short for {symbol}: {len(traded)} stored sessions, need {config.history}."
        )
    panel = panel.through(panel.sessions[traded[-1]])
    as_of = panel.sessions[-1].item()
    graph = GraphConfig.model_validate(config.model_dump(include=set(GraphConfig.model_fields)))
    correlation = latest_correlation(panel, nodes, graph)
    # A peer's prices may have come later than the target's, or been corrected: the session alone does not tell.
    current = is_current(metadata, as_of, registry.now()) and not force
    if current and np.allclose(correlation, registry.correlation(symbol), atol=SAME):
        report.unchanged[symbol] = as_of
        return
    registry.publish_correlation(symbol, correlation, as_of, basis=metadata)
    report.published[symbol] = as_of
