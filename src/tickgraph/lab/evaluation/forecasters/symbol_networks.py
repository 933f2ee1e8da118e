"""The product's network, one model per symbol: with its edges, without edges, and with edges to the wrong symbols."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError, StorageError, reason_of
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import Snapshots, build_snapshots
from tickgraph.lab.compared import Kind
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod, Trained
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import choose_all
from tickgraph.model.fitting import Wiring, fit, fitting_data
from tickgraph.model.network import forward
from tickgraph.model.training import program_for, training_example
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import Weights, symbol_seed


@dataclass(frozen=True)
class SymbolModel:
    """Weights of one symbol and the peers they are used with."""

    peers: tuple[str, ...]
    weights: Weights


def symbol_networks(
    name: str,
    description: str,
    kind: Kind,
    config: TrainingConfig,
    wiring_of: Callable[[Sequence[str]], Wiring] | None = None,
) -> ForecastMethod:
    """One network per symbol, each on its own graph.

    Parameters
    ----------
    wiring_of
        Makes, from the symbols of a window, the function that builds their graphs. None is the product's model as
        ``tickgraph train`` publishes it: :func:`tickgraph.model.fitting.fit` itself. With another wiring the rows,
        first weights and steps are the same, and the edges differ.
    """

    def train(past: PricePanel, check: Check) -> Trained:
        own = windowed(config, past)
        program = program_for(own)
        choices = choose_all(past, past.symbols, own)
        wiring = wiring_of(past.symbols) if wiring_of else build_snapshots

        def model_of(symbol: str) -> SymbolModel:
            choice = choices.get(symbol)
            if wiring_of is None:
                fitted = fit(past, symbol, program, choice)
                return SymbolModel(fitted.peers, fitted.weights)
            data = fitting_data(past, symbol, own, wiring, choice)
            example = training_example(data.training, own)
            return SymbolModel(data.peers, program.train(example, symbol_seed(own.seed, symbol)).weights)

        models, failed = train_each(past, model_of, check)
        return SymbolForecasts(models, config, wiring, failed)

    # The seed of the configuration draws the shuffled edges, too.
    return ForecastMethod(name, kind, description, config.model_dump(), train)


def windowed(config: TrainingConfig, past: PricePanel) -> TrainingConfig:
    """The configuration for a training window of this length."""
    sessions = len(past.sessions) - config.history
    return config.model_copy(
        update={"sessions": sessions, "min_sessions": min(config.min_sessions, sessions)}
    )


def train_each(
    past: PricePanel, model_of: Callable[[str], SymbolModel], check: Check
) -> tuple[dict[str, SymbolModel], dict[str, str]]:
    """Train symbol after symbol.

    A symbol whose history has too many gaps or no moves has no model, and no forecast.

    Returns
    -------
    tuple
        Models by symbol, and by symbol why training failed.
    """
    models, failed = {}, {}
    for symbol in past.symbols:
        check()
        try:
            models[symbol] = model_of(symbol)
        except PriceDataError:
            continue
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            failed[symbol] = reason_of(symbol, error)
    return models, failed


@dataclass(frozen=True)
class SymbolForecasts:
    """Forecasts each symbol with its model, on the graph of the symbol and the peers chosen in training.

    Attributes
    ----------
    models
        By symbol.
    config, wiring
        How the graphs are built.
    failed
        By symbol, why there is no forecast of a symbol that should have one.
    """

    models: Mapping[str, SymbolModel]
    config: TrainingConfig
    wiring: Wiring = build_snapshots
    failed: dict[str, str] = field(default_factory=dict)

    def __call__(self, panel: PricePanel, count: int) -> NDArray[np.float64]:
        """Forecast the last ``count`` sessions, as :data:`tickgraph.lab.evaluation.forecasters.method.Trained`."""
        recent = panel.tail(count + self.config.history - 1)
        returns = np.full((count, len(panel.symbols)), np.nan)
        for symbol, model in self.models.items():
            try:
                snapshots = self.wiring(recent, (symbol, *model.peers), self.config)
                if len(snapshots):
                    rows = np.searchsorted(panel.sessions[-count:], snapshots.sessions)
                    forecast = forward(model.weights, snapshots.features, snapshots.adjacency)[:, 0]
                    returns[rows, panel.column(symbol)] = forecast
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                self.failed[symbol] = reason_of(symbol, error)
        return returns


def unconnected(panel: PricePanel, nodes: Sequence[str], config: GraphConfig) -> Snapshots:
    """The same nodes, targets and scaling, and no edge but the self loops."""
    snapshots = build_snapshots(panel, nodes, config)
    return dataclasses.replace(
        snapshots, adjacency=snapshots.adjacency * np.eye(config.num_stocks, dtype=np.float32)
    )


class ShuffledEdges:
    """The same edges, leading to the wrong symbols.

    Another symbol stands in for each peer: its successor in a fixed random order of all symbols, so that no symbol
    stands in for itself. Features and targets are those of the stand-in. The adjacency and its weights are those of the
    true peers. Peers are chosen by the true correlations first.

    Parameters
    ----------
    seed
        Draws the order.
    symbols
        The symbols that may stand in.
    """

    def __init__(self, seed: int, symbols: Sequence[str]) -> None:
        order = np.random.default_rng([seed, 2]).permutation(sorted(symbols)).tolist()
        self._successor: dict[str, str] = dict(zip(order, [*order[1:], order[0]], strict=True))

    def stand_in(self, target: str, peer: str) -> str:
        """The symbol in place of a peer; never the target."""
        other = self._successor[peer]
        return self._successor[target] if other == target else other

    def __call__(self, panel: PricePanel, nodes: Sequence[str], config: GraphConfig) -> Snapshots:
        """Build the graphs of the sessions at which the target has one."""
        target, *peers = nodes
        true = build_snapshots(panel, nodes, config)
        wrong = build_snapshots(panel, (target, *(self.stand_in(target, peer) for peer in peers)), config)
        present = wrong.present & true.present
        present[:, 0] = True
        return Snapshots(
            sessions=true.sessions,
            features=np.where(present[..., None], wrong.features, np.float32(0)),
            correlation=true.correlation,
            adjacency=true.adjacency * (present[:, :, None] & present[:, None, :]),
            targets=np.where(present, wrong.targets, np.float32(np.nan)),
        )
