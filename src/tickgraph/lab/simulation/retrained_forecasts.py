"""What a forecast should have been: trained as of that day, from prices known on that day, without anything stored."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from cachetools import LRUCache

from tickgraph.errors import TickgraphError
from tickgraph.lab.simulation.consistent_horizons import difference_ahead
from tickgraph.lab.simulation.replay import ReplaySource
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.choice import choose
from tickgraph.model.fitting import fit
from tickgraph.model.training import TrainingProgram
from tickgraph.model.universe_fit import UniverseFit, fit_universe
from tickgraph.model.universe_state import UniverseState, universe_state
from tickgraph.pipeline.describe import describe
from tickgraph.pipeline.fitting_universe import common_end
from tickgraph.registry.stored_models import StoredModel
from tickgraph.serving.answer import Forecast
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.network_outlooks import network_outlooks
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.price_ranges import horizon_forecasts

# In units of the forecast's own volatility. Stored prices hold up to 1e-5 of a dividend that was too small to be
# noticed, and 20 epochs in float32 let roundings grow.
TOLERANCE = 1e-3
KEPT_PANELS = 4
KEPT_FITS = 4
KEPT_MODELS = 3  # of each symbol: the ones in service, and older ones that a fault left there


@dataclass(frozen=True)
class InformationSet:
    """What the system could know when it trained or forecast from a session.

    Attributes
    ----------
    session
        The last session whose prices it could see.
    names
        By name in the replay, the name under which it knew the symbol. Each name has seeds of its own.
    ends
        By name in the replay, the last session of which it could have prices.
    """

    session: np.datetime64
    names: Mapping[str, str]
    ends: Mapping[str, np.datetime64]

    @property
    def key(self) -> Hashable:
        """To keep by what follows from it."""
        return self.session, tuple(self.names.items()), tuple(self.ends.items())


@dataclass
class ExpectedForecasts:
    """Forecasts made again from nothing: no store, no registry, no cache, only a replayed provider's prices.

    Parameters
    ----------
    replay
        The provider without faults.
    program
        Training program of the configuration that was served.
    pool
        Symbols that peers are chosen from.
    """

    replay: ReplaySource
    program: TrainingProgram
    pool: tuple[str, ...]
    trained: int = 0
    _panels: LRUCache[Hashable, PricePanel] = field(default_factory=lambda: LRUCache(KEPT_PANELS))
    _fits: LRUCache[Hashable, UniverseFit | None] = field(default_factory=lambda: LRUCache(KEPT_FITS))
    _states: LRUCache[Hashable, UniverseState] = field(default_factory=lambda: LRUCache(KEPT_PANELS))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _models: LRUCache[Hashable, LoadedModel] = field(init=False)

    def __post_init__(self) -> None:
        self._models = LRUCache(KEPT_MODELS * max(1, len(self.pool)))

    def universe(self, known: InformationSet) -> UniverseFit | None:
        """Fit the universe; None where the known prices are too few."""
        if known.key not in self._fits:
            self._fits[known.key] = fit_universe(self.panel(known), self.program.config)
        return self._fits[known.key]

    def model(
        self, symbol: Symbol, known: InformationSet, universe: UniverseFit | None = None
    ) -> LoadedModel:
        """Train a symbol, under the system's name for it.

        ``universe`` is the fit that the model is drawn to; None where it forecasts the next session alone.
        """
        key = symbol, known.session, universe.version if universe else None
        with self._lock:
            model = self._models.get(key)
        if model is None:
            panel = self.panel(known)
            pool = tuple(known.names.get(name, name) for name in self.pool)
            choice = choose(panel, (symbol,), self.program.config, pool).get(symbol)
            fitted = fit(panel, symbol, self.program, choice, universe)
            metadata = describe(fitted, _evening(known.session))
            stored = StoredModel(symbol, metadata, dict(fitted.weights), fitted.correlation, "")
            model = LoadedModel.from_stored(stored)
            with self._lock:
                self._models[key] = model
                self.trained += 1
        return model

    def panel(self, known: InformationSet) -> PricePanel:
        """Prices of the pool as they were known, under the names that the system knew."""
        with self._lock:
            if known.key not in self._panels:
                replayed = self.replay.known_at(self.pool, known.session)
                self._panels[known.key] = _renamed(replayed, known)
            return self._panels[known.key]

    def outlooks(
        self, models: Sequence[LoadedModel], known: InformationSet, *, heard: bool = True
    ) -> list[Outlook | TickgraphError]:
        """Forecast with models that were trained again; ``heard`` says whether they hear the universe.

        All models have the same horizons.
        """
        panel, horizons = self.panel(known), models[0].horizons
        state = self._state(known, horizons) if heard and horizons else None
        return network_outlooks(panel, known.session, models, _evening(known.session), state)

    def _state(self, known: InformationSet, horizons: tuple[int, ...]) -> UniverseState:
        key = known.key, horizons
        if key not in self._states:
            panel = self.panel(known)
            self._states[key] = universe_state(panel.through(common_end(panel)), horizons)
        return self._states[key]


def _renamed(panel: PricePanel, known: InformationSet) -> PricePanel:
    names, ends = known.names, known.ends
    if not names and not ends:
        return panel
    arrays = {name: getattr(panel, name).copy() for name in PANEL_COLUMNS}
    for column, symbol in enumerate(panel.symbols):
        if symbol in ends:
            for array in arrays.values():
                array[panel.sessions > ends[symbol], column] = np.nan
    symbols = tuple(names.get(name, name) for name in panel.symbols)
    return PricePanel(panel.sessions, symbols, source=panel.source, **arrays)


def _evening(session: np.datetime64) -> datetime:
    return datetime.fromisoformat(f"{session}T23:00:00+00:00")


def difference(served: Forecast, expected: Outlook) -> float:
    """Largest difference of two forecasts.

    It is of point forecast and interval ends at every horizon, in units of the volatility until then, of the
    probability of a rise, and of the volatilities and last closes as shares. It is infinite where one of the two has
    horizons and the other has none.
    """
    volatility = expected.distribution.volatility
    pairs = [(served.predicted_return, expected.distribution.forecast)]
    for interval, (_, low, high) in zip(served.intervals, expected.intervals, strict=True):
        pairs += [(interval.lower_return, low), (interval.upper_return, high)]
    differences = [abs(one - other) / volatility for one, other in pairs]
    closes = abs(served.last_close / expected.last_close - 1)
    ahead = expected.horizons
    again = () if ahead is None else horizon_forecasts(ahead, expected.as_of, ahead.horizons)
    return max(
        *differences,
        abs(served.probability_up - expected.probability_up),
        closes,
        difference_ahead(served.horizons, again),
    )
