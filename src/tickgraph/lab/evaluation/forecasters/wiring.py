"""Graphs with other edges than the product's, to see what the edges are worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.config import GraphConfig
from tickgraph.graph.snapshots import Snapshots, build_snapshots
from tickgraph.market.panel import PricePanel


def unconnected(panel: PricePanel, nodes: Sequence[str], config: GraphConfig) -> Snapshots:
    """The same nodes, targets and scaling, and no edge but the self loops."""
    snapshots = build_snapshots(panel, nodes, config)
    return dataclasses.replace(
        snapshots, adjacency=snapshots.adjacency * np.eye(config.num_stocks, dtype=np.float32)
    )


class ShuffledEdges:
    """The same edges, leading to the wrong symbols.

    Behind each peer stands another symbol: its successor in a fixed random order of all symbols, so that no
    one stands behind itself. Features and targets are the stand-in's; the adjacency, its weights included, is
    the true peers'. Peers are chosen by the true correlations first.

    Parameters
    ----------
    seed
        Draws the order.
    symbols
        The symbols that may stand in.
    """

    def __init__(self, seed: int, symbols: Sequence[str]) -> None:
        order = np.random.default_rng([seed, 2]).permutation(sorted(symbols)).tolist()
        self._behind: dict[str, str] = dict(zip(order, [*order[1:], order[0]], strict=True))

    def stand_in(self, target: str, peer: str) -> str:
        """Who stands behind a peer; never the target itself."""
        other = self._behind[peer]
        return self._behind[target] if other == target else other

    def __call__(self, panel: PricePanel, nodes: Sequence[str], config: GraphConfig) -> Snapshots:
        """Build the graphs of sessions at which the target has one."""
        target, *peers = nodes
        true = build_snapshots(panel, nodes, config)
        wrong = build_snapshots(panel, (target, *(self.stand_in(target, peer) for peer in peers)), config)
        present = wrong.present & true.present
        present[:, 0] = True
        return Snapshots(
            sessions=true.sessions,
            features=np.where(present[..., None], wrong.features, np.float32(0)),
            correlation=true.correlation,
            adjacency=_of_present(true.adjacency, present),
            targets=np.where(present, wrong.targets, np.float32(np.nan)),
        )


def _of_present(adjacency: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    return adjacency * (present[:, :, None] & present[:, None, :])
