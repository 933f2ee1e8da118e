from __future__ import annotations

from collections.abc import Collection, Sequence

from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import choose
from tickgraph.model.training_config import TrainingConfig


def peers_as_fitted(
    panel: PricePanel, symbols: Sequence[str], config: TrainingConfig, pool: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Peers of each symbol that has the history for a model."""
    chosen = choose(panel, symbols, config, pool)
    return {symbol: choice.peers for symbol, choice in chosen.items() if choice.peers is not None}
