"""Real models and snapshots of the bundled sample, for every benchmark."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from tickgraph.graph.peers import select_peers
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.model.training_config import TrainingConfig

CONFIG = TrainingConfig(architecture="baseline")  # as the first design trains


def sample_panel() -> PricePanel:
    source = SampleSource()
    return PricePanel.from_bars(source.fetch(source.symbols()).bars, "sample")


def write_snapshots(panel: PricePanel, path: Path) -> tuple[int, float]:
    """Write every symbol's 800 training snapshots; return how many symbols, and seconds to build them."""
    window = panel.tail(CONFIG.history + CONFIG.sessions)
    returns = window.log_returns()
    trading, overlap = np.isfinite(returns[-1]), [60] * len(window.symbols)
    peers = select_peers(returns, window.symbols, window.symbols, CONFIG.num_peers, overlap, trading)
    nodes = [(symbol, *peers[symbol]) for symbol in window.symbols]
    started = time.perf_counter()
    built = [build_snapshots(window, names, CONFIG) for names in nodes]
    seconds = time.perf_counter() - started
    arrays = {}
    for index, snapshots in enumerate(built):
        rows = snapshots[: CONFIG.training_sessions]
        arrays[f"features_{index}"] = rows.features
        arrays[f"adjacency_{index}"] = rows.adjacency
        arrays[f"targets_{index}"] = rows.targets
    np.savez(path, **arrays)
    return len(built), seconds
