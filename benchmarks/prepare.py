"""Real models and snapshots of the bundled sample, for every benchmark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tickgraph.graph.peers import select_peers
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.spelling import Symbol
from tickgraph.model.training_config import TrainingConfig

FIRST_DESIGN = "baseline"  # the network that was handed down, by the name of its architecture


def sample_panel() -> PricePanel:
    source = SampleSource()
    return PricePanel.from_bars(source.fetch(source.symbols()).bars, "sample")


def write_snapshots(
    panel: PricePanel, symbols: Sequence[Symbol], config: TrainingConfig, path: Path
) -> tuple[int, float]:
    """Write every symbol's training snapshots; return the sessions of the window, and seconds to build them."""
    window = panel.tail(config.history + config.sessions)
    returns = window.log_returns()
    trading, overlap = np.isfinite(returns[-1]), [60] * len(symbols)
    peers = select_peers(returns, window.symbols, symbols, config.num_peers, overlap, trading)
    nodes = [(symbol, *peers[symbol]) for symbol in symbols]
    started = time.perf_counter()
    built = [build_snapshots(window, names, config) for names in nodes]
    seconds = time.perf_counter() - started
    arrays = {}
    for index, snapshots in enumerate(built):
        rows = snapshots[: config.training_sessions]
        arrays[f"features_{index}"] = rows.features
        arrays[f"adjacency_{index}"] = rows.adjacency
        arrays[f"targets_{index}"] = rows.targets
    np.savez(path, **arrays)
    return len(window.sessions), seconds
