"""The request's path: models from the registry, prices from the store, one network call for all symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from tickgraph.errors import ModelNotFoundError, PriceDataError, TickgraphError
from tickgraph.graph.config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.market.universe import canonical
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.network import forward
from tickgraph.model.weights import Weights, stack_weights, weight_shapes
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.answer import Clock, PriceContext, answer, checked_price
from tickgraph.serving.forecast import Forecast
from tickgraph.serving.momentum import momentum_forecast
from tickgraph.serving.served import ServedModel
from tickgraph.serving.snapshot import latest_correlation, latest_graphs

Panels = Callable[[str, Sequence[str]], PricePanel]
Trainer = Callable[[str, str], None]


@dataclass
class Forecasts:
    """Answers for several symbols: what was forecast, and what failed and why."""

    forecasts: dict[str, Forecast] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)


class Forecaster:
    """Forecast from trained models and stored prices.

    Models are loaded on first use, verified, and kept until the registry holds a newer generation.

    Parameters
    ----------
    registry
        Trained models.
    panels
        ``panels(source, symbols)`` gives stored prices, of those symbols at least, such as
        :class:`tickgraph.serving.prices.PanelCache`.
    source
        Source of prices for a symbol without a model; a model uses the source it was trained on.
    train
        ``train(symbol, source)`` trains and publishes a model; needed for ``fallback="train"``.
    graph
        Windows of the momentum fallback.
    now
        Clock that staleness is measured against; None is the system's.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        panels: Panels,
        *,
        source: str = "sample",
        train: Trainer | None = None,
        graph: GraphConfig | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._registry = registry
        self._panels = panels
        self._source = source
        self._train = train
        self._graph = graph or GraphConfig()
        self._clock = Clock(now)
        self._models: dict[str, ServedModel] = {}
        self._stack: tuple[tuple[str, ...], Weights] | None = None

    def symbols(self) -> tuple[str, ...]:
        """Symbols that have a trained model."""
        return tuple(self._registry.symbols())

    def model(self, symbol: str) -> ServedModel:
        """Load a symbol's model, or give the one in memory if it is still the newest.

        Raises
        ------
        ModelNotFoundError
            No model was published for the symbol.
        ArtefactError
            Its files are damaged, foreign or mismatched.
        """
        symbol = canonical(symbol)
        held = self._models.get(symbol)
        if held is None or held.generation != self._registry.generation(symbol):
            self._models.pop(symbol, None)
            held = ServedModel.from_stored(self._registry.load(symbol, weight_shapes))
            self._models[symbol] = held
        return held

    def forecast(
        self,
        symbol: str,
        price: float | None = None,
        *,
        as_of: date | None = None,
        fallback: str = "momentum",
    ) -> Forecast:
        """Forecast one symbol's next close.

        Parameters
        ----------
        symbol
            Ticker; aliases are followed.
        price
            Current price in dollars; None takes the last stored close.
        as_of
            Use prices up to this session only; None uses all that are stored.
        fallback
            For a symbol without a model: ``momentum``, ``train`` (train it now) or ``none`` (an error).

        Raises
        ------
        InputError
            Malformed symbol, or a price that is not a positive number.
        ModelNotFoundError
            No model, and ``fallback="none"``.
        ArtefactError
            The model's files are damaged; nothing is served in their place.
        PriceDataError
            Prices are missing or too few.
        """
        prices = {} if price is None else {symbol: price}
        result = self.forecast_many([symbol], prices, as_of=as_of, fallback=fallback)
        for error in result.failures.values():
            raise error
        return next(iter(result.forecasts.values()))

    def forecast_all(
        self, prices: Mapping[str, float] | None = None, *, as_of: date | None = None
    ) -> Forecasts:
        """Forecast every symbol that has a model, in one batched call."""
        return self.forecast_many(self.symbols(), prices, as_of=as_of, fallback="none")

    def forecast_many(
        self,
        symbols: Iterable[str],
        prices: Mapping[str, float] | None = None,
        *,
        as_of: date | None = None,
        fallback: str = "momentum",
    ) -> Forecasts:
        """Forecast several symbols; one that fails is reported and the others go on.

        Raises
        ------
        InputError
            A malformed symbol, or a price that is not a positive number.
        """
        wanted = tuple(dict.fromkeys(canonical(symbol) for symbol in symbols))
        given = {canonical(symbol): checked_price(symbol, price) for symbol, price in (prices or {}).items()}
        done: dict[str, Forecast] = {}
        failures: dict[str, TickgraphError] = {}
        trained: set[str] = set()
        together: dict[tuple[str, GraphConfig], list[ServedModel]] = {}
        for symbol in wanted:
            try:
                model = self._find(symbol, fallback, trained)
                if model is None:
                    done[symbol] = self._by_momentum(symbol, given.get(symbol), as_of)
                else:
                    together.setdefault((model.source, model.graph), []).append(model)
            except TickgraphError as error:
                failures[symbol] = error
        for (source, graph), models in together.items():
            panel = self._panel(source, [node for model in models for node in model.nodes], as_of)
            for session, group in _by_last_session(panel, models, failures).items():
                done |= self._by_network(panel.through(session), graph, group, given, trained)
        return Forecasts({symbol: done[symbol] for symbol in wanted if symbol in done}, failures)

    def _find(self, symbol: str, fallback: str, trained: set[str]) -> ServedModel | None:
        try:
            return self.model(symbol)
        except ModelNotFoundError:
            if fallback == "momentum":
                return None
            if fallback == "train" and self._train is not None:
                self._train(symbol, self._source)
                trained.add(symbol)
                return self.model(symbol)
            raise

    def _panel(self, source: str, symbols: Iterable[str], as_of: date | None) -> PricePanel:
        panel = self._panels(source, tuple(dict.fromkeys(symbols)))
        return panel if as_of is None else panel.through(np.datetime64(as_of, "D"))

    def _by_momentum(self, symbol: str, price: float | None, as_of: date | None) -> Forecast:
        panel = self._panel(self._source, [symbol], as_of)
        panel = panel.through(_last_session(panel, symbol))
        distribution = momentum_forecast(panel, symbol, self._graph.feature_window)
        return answer(symbol, distribution, PriceContext.of(panel, symbol), price, self._clock)

    def _by_network(
        self,
        panel: PricePanel,
        graph: GraphConfig,
        models: list[ServedModel],
        given: Mapping[str, float],
        trained: set[str],
    ) -> dict[str, Forecast]:
        """Forecast models of one configuration from one panel: a single network call."""
        session = panel.sessions[-1]
        correlations = [
            model.correlation
            if model.correlation_as_of == session
            else latest_correlation(panel, model.nodes, graph)
            for model in models
        ]
        graphs = latest_graphs(panel, [model.nodes for model in models], correlations, graph)
        returns = forward(self._stacked(models), graphs.features, graphs.adjacency)[:, 0]  # [S]
        return {
            model.symbol: answer(
                model.symbol,
                PredictiveDistribution(float(value), float(volatility), model.scores),
                PriceContext.of(panel, model.symbol),
                given.get(model.symbol),
                self._clock,
                model=model,
                trained_now=model.symbol in trained,
            )
            for model, value, volatility in zip(models, returns, graphs.volatility, strict=True)
        }

    def _stacked(self, models: list[ServedModel]) -> Weights:
        """Weights side by side; the last combination is kept, since callers ask for the same again."""
        if len(models) == 1:
            return {path: value[None] for path, value in models[0].weights.items()}
        key = tuple(model.generation for model in models)
        if self._stack is None or self._stack[0] != key:
            self._stack = key, stack_weights([model.weights for model in models])
        return self._stack[1]


def _last_session(panel: PricePanel, symbol: str) -> np.datetime64:
    closes = panel.adj_close[:, panel.column(symbol)]
    if len(closes) and np.isfinite(closes[-1]):
        return panel.sessions[-1]
    traded = np.flatnonzero(np.isfinite(closes))
    if not len(traded):
        raise PriceDataError(
            f"No prices for {symbol} in the store ({panel.source}). Run: tickgraph prices update --symbols {symbol}"
        )
    return panel.sessions[traded[-1]]


def _by_last_session(
    panel: PricePanel, models: list[ServedModel], failures: dict[str, TickgraphError]
) -> dict[np.datetime64, list[ServedModel]]:
    """Group models by the last session of their target: one that stopped trading is forecast as of then."""
    groups: dict[np.datetime64, list[ServedModel]] = {}
    for model in models:
        try:
            groups.setdefault(_last_session(panel, model.symbol), []).append(model)
        except PriceDataError as error:
            failures[model.symbol] = error
    return groups
