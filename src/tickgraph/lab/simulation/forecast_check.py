"""The check of each served forecast: fresh or marked stale, and equal to the one that training as of that day gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np
from cachetools import LRUCache

from tickgraph.errors import ArtefactError, TickgraphError, reason_of
from tickgraph.lab.simulation.consistent_horizons import difference_ahead, inconsistency
from tickgraph.lab.simulation.retrained_forecasts import TOLERANCE, ExpectedForecasts, difference
from tickgraph.lab.simulation.world import World
from tickgraph.market.calendar import last_completed_session, next_session, sessions_behind
from tickgraph.market.spelling import Symbol
from tickgraph.model.universe_fit import UniverseFit
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.training_record import VarianceForecast
from tickgraph.serving.answer import Forecast
from tickgraph.serving.fallback import momentum_outlook
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.notes import PEERS_ALONE
from tickgraph.serving.outlook import Outlook
from tickgraph.threads import cores

_NOT_AGAIN = "it was served, and could not be made again"


@dataclass
class Checker:
    """Checks what was served.

    Parameters
    ----------
    world
        What the system knew when.
    expected
        Makes forecasts again. None: only marks, sessions and horizons are checked.
    metadata_of
        Metadata of a symbol's published model: it says what the model was drawn to.

    Attributes
    ----------
    verified
        Forecasts compared with one made again.
    largest
        Their largest difference.
    """

    world: World
    expected: ExpectedForecasts | None
    metadata_of: Callable[[Symbol], ModelMetadata]
    verified: int = 0
    largest: float = 0.0
    _known: LRUCache[tuple[str, datetime, np.datetime64, bool], Outlook] = field(init=False)
    _said: LRUCache[tuple[str, datetime, date, bool], Forecast] = field(init=False)
    _drawn_to: dict[tuple[str, datetime], VarianceForecast] = field(default_factory=dict)
    _fitted_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known, self._said = (LRUCache(20 * max(1, len(self.world.symbols))) for _ in range(2))

    def check(
        self,
        now: datetime,
        forecasts: Mapping[str, Forecast],
        model_of: Callable[[Symbol], LoadedModel | None],
    ) -> dict[str, str]:
        """What is wrong with forecasts served at a moment, by symbol.

        Parameters
        ----------
        now
            The moment.
        forecasts
            By the system's name of the symbol.
        model_of
            Model in memory of a symbol.
        """
        models = {
            symbol: model_of(Symbol(symbol)) if answer.generation else None
            for symbol, answer in forecasts.items()
        }
        wrong = {
            symbol: problem
            for symbol, answer in forecasts.items()
            if (
                problem := _mismarked(answer, models[symbol], now)
                or inconsistency(answer, models[symbol])
                or self._changed(symbol, answer, models[symbol])
            )
        }
        if self.expected is None:
            return wrong
        wrong |= self._train_again({symbol: model for symbol, model in models.items() if symbol not in wrong})
        left = {symbol: answer for symbol, answer in forecasts.items() if symbol not in wrong}
        for symbol, outlook in self._expected(now, left, models, wrong).items():
            apart = difference(left[symbol], outlook)
            self.verified += 1
            self.largest = max(self.largest, apart)
            if not apart <= TOLERANCE:
                wrong[symbol] = (
                    f"{symbol} as of {left[symbol].as_of}: forecast {left[symbol].predicted_return:+.6f}, and "
                    f"{outlook.distribution.forecast:+.6f} when trained as of that day; they or their horizons are "
                    f"apart by {apart:.2g}"
                )
        return wrong

    def _changed(self, symbol: str, answer: Forecast, model: LoadedModel | None) -> str | None:
        """Say whether the same model said something else of the same session before; None where it did not."""
        if model is None:
            return None
        first = self._said.setdefault((symbol, model.trained_at, answer.as_of, _heard(answer)), answer)
        if (apart := difference_ahead(answer.horizons, first.horizons)) <= TOLERANCE:
            return None
        return (
            f"{answer.symbol} as of {answer.as_of}: what it says of its horizons has changed by {apart:.2g}"
        )

    def _expected(
        self,
        now: datetime,
        forecasts: Mapping[str, Forecast],
        models: Mapping[str, LoadedModel | None],
        wrong: dict[str, str],
    ) -> dict[str, Outlook]:
        """Forecasts made again; the reason why one could not be made is added to ``wrong``."""
        assert self.expected is not None  # noqa: S101  asked by its only caller
        outlooks: dict[str, Outlook] = {}
        groups: dict[tuple[np.datetime64, bool, bool], list[tuple[str, LoadedModel]]] = {}
        for symbol, answer in forecasts.items():
            as_of: np.datetime64 = np.datetime64(answer.as_of, "D")
            model = models[symbol]
            if model is None:
                panel = self.expected.panel(self.world.known(as_of, now))
                try:
                    outlooks[symbol] = momentum_outlook(
                        Symbol(symbol), panel, answer.as_of, self.world.training
                    )
                except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                    wrong[symbol] = f"{_NOT_AGAIN}: {reason_of(symbol, error)}"
                continue
            heard = _heard(answer)
            key = symbol, model.trained_at, as_of, heard
            if key in self._known:
                outlooks[symbol] = self._known[key]
            else:
                groups.setdefault((as_of, heard, bool(model.horizons)), []).append((symbol, model))
        for (as_of, heard, _), group in groups.items():
            known = self.world.known(as_of, now)
            again = [_under(known.names, self._again(model)) for _, model in group]
            results = self.expected.outlooks(again, known, heard=heard)
            for (symbol, model), outlook in zip(group, results, strict=True):
                if not isinstance(outlook, TickgraphError):
                    outlooks[symbol] = self._known[symbol, model.trained_at, as_of, heard] = outlook
        return outlooks

    def _train_again(self, models: Mapping[str, LoadedModel | None]) -> dict[str, str]:
        """Train the models of some symbols as of their day; gives by symbol why one could not be trained."""
        failed, training = {}, {}
        with ThreadPoolExecutor(cores()) as pool:
            for symbol, model in models.items():
                if model is None:
                    continue
                try:
                    universe = self._universe(model)  # here, and not side by side: it is one for many
                except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                    failed[symbol] = f"{_NOT_AGAIN}: {reason_of(symbol, error)}"
                else:
                    training[symbol] = pool.submit(self._train, model, universe)
            for symbol, future in training.items():
                if (fault := future.exception()) is None:
                    continue
                if not isinstance(fault, Exception):
                    raise fault
                failed[symbol] = f"{_NOT_AGAIN}: {reason_of(symbol, fault)}"
        return failed

    def _again(self, model: LoadedModel) -> LoadedModel:
        return self._train(model, self._universe(model))

    def _train(self, model: LoadedModel, universe: UniverseFit | None) -> LoadedModel:
        assert self.expected is not None  # noqa: S101  asked by its only callers
        known = self.world.known(model.trained_through, model.trained_at)
        return self.expected.model(model.symbol, known, universe)

    def _universe(self, model: LoadedModel) -> UniverseFit | None:
        """Fit again what a model was drawn to; the run that first drew a model to it has made it."""
        assert self.expected is not None  # noqa: S101  asked by its only callers
        if not model.horizons:
            return None
        known = self._drawn_to.get((model.symbol, model.trained_at))
        if known is None:
            metadata = self.metadata_of(model.symbol)
            if metadata.variance is None or metadata.training_date != model.trained_at:
                raise ArtefactError(f"The metadata of {model.symbol} is not of the model in memory.")
            known = self._drawn_to[model.symbol, model.trained_at] = metadata.variance
        if known.universe_is_default:
            return default_universe()
        at = self._fitted_at.setdefault(known.universe, model.trained_at)
        return self.expected.universe(self.world.known(np.datetime64(known.last_session, "D"), at))


def _heard(answer: Forecast) -> bool:
    """Whether the model heard the whole universe."""
    return not any(PEERS_ALONE in note for note in answer.notes)


def _under(names: Mapping[str, str], model: LoadedModel) -> LoadedModel:
    """The model with its nodes under the names that the system knows by now."""
    nodes = tuple(Symbol(names.get(node, node)) for node in model.nodes)
    return replace(model, symbol=nodes[0], nodes=nodes)


def _mismarked(answer: Forecast, model: LoadedModel | None, now: datetime) -> str | None:
    """What is wrong with the marks of a forecast: its age, its sessions, its model."""
    completed = last_completed_session(now)
    as_of = np.datetime64(answer.as_of, "D")
    behind = sessions_behind(as_of, now)
    name = f"{answer.symbol} as of {answer.as_of}"
    if as_of > completed:
        return f"{name}: served at {now:%Y-%m-%d %H:%M} UTC, when that session had not closed"
    if np.datetime64(answer.target_session, "D") != next_session(as_of):
        return f"{name}: its target {answer.target_session} is not the session after"
    if (answer.stale, answer.sessions_behind) != (behind > 0, behind):
        marks = f"stale {answer.stale}, {answer.sessions_behind} behind"
        return f"{name}: says {marks}, and {behind} completed sessions were missing"
    if model is not None and model.trained_through > as_of:
        return f"{name}: its model has seen prices up to {model.trained_through}"
    if answer.generation is not None and (model is None or model.generation != answer.generation):
        return f"{name}: of a generation that is not the one in memory"
    return None
