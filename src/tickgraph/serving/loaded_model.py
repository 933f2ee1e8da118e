"""A model in memory: what every forecast needs of a stored one, unpacked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.calendar import sessions
from tickgraph.market.spelling import Symbol
from tickgraph.model.weights import Weights
from tickgraph.registry.stored_models import StoredModel


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory: its weights and a few small arrays.

    Attributes
    ----------
    nodes
        The target, then its peers.
    correlation, correlation_as_of, correlation_at
        ``[N, N]`` float64, the session it was taken at, and when it was computed.
    scores, trust, volatility
        ``[n]`` conformal scores, ascending. Share of a forecast that its distribution is centred on. ``[7]``
        coefficients of the volatility that scores are measured in, None for the trailing standard deviation.
    horizons, horizon_scores
        Sessions ahead whose variance it forecasts, and ``[H, P]`` quantiles of standardised returns. Both are empty
        where it forecasts the next session alone.
    calibration_sessions
        Held-out sessions behind its scores.
    trained_at, source, trained_through
        When it was trained, on which source's prices, and the last session whose prices it has seen.
    short_history, beats_zero
        Whether it had less than a full window. Whether out of sample it beat forecasting no move.
    """

    symbol: Symbol
    nodes: tuple[Symbol, ...]
    graph: GraphConfig
    weights: Weights
    correlation: NDArray[np.float64]
    correlation_as_of: np.datetime64
    correlation_at: datetime
    scores: NDArray[np.float64]
    trust: float
    volatility: NDArray[np.float64] | None
    calibration_sessions: int
    generation: str
    trained_at: datetime
    source: str
    trained_through: np.datetime64
    short_history: bool
    beats_zero: bool
    horizons: tuple[int, ...] = ()
    horizon_scores: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    @classmethod
    def from_stored(cls, stored: StoredModel) -> LoadedModel:
        """Unpack a verified generation into what every forecast needs."""
        metadata = stored.metadata
        coefficients, variance = metadata.calibration.volatility, metadata.variance
        horizon_scores = _shared(np.asarray(variance.scores)) if variance else np.empty((0, 0))
        return cls(
            symbol=Symbol(metadata.symbol),
            nodes=tuple(map(Symbol, metadata.nodes)),
            graph=GraphConfig.model_validate(
                metadata.training_config.model_dump(include=set(GraphConfig.model_fields))
            ),
            weights=dict(stored.weights),
            correlation=stored.correlation,
            correlation_as_of=np.datetime64(metadata.correlations.as_of, "D"),
            correlation_at=metadata.correlations_at,
            scores=horizon_scores[0] if variance else np.asarray(metadata.calibration.scores),
            trust=metadata.calibration.trust,
            volatility=None if coefficients is None else np.asarray(coefficients),
            calibration_sessions=len(sessions(variance.first_session, variance.last_session))
            if variance
            else metadata.data_stats.calibration_sessions,
            generation=stored.generation,
            trained_at=metadata.training_date,
            source=metadata.data_stats.source,
            trained_through=np.datetime64(metadata.data_stats.last_session, "D"),
            short_history=metadata.data_stats.short_history,
            beats_zero=metadata.performance_metrics.out_of_sample.beats_zero,
            horizons=metadata.training_config.horizons,
            horizon_scores=horizon_scores,
        )

    @cached_property
    def shapes(self) -> frozenset[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the weights: models with the same ones run in one network call."""
        return frozenset((path, value.shape) for path, value in self.weights.items())

    @cached_property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        weights = sum(array.nbytes for array in self.weights.values())
        return weights + self.correlation.nbytes + max(self.scores.nbytes, self.horizon_scores.nbytes)

    def refused(self, fault: str) -> ArtefactError:
        """Make the error of a model whose numbers cannot be used."""
        return ArtefactError(
            f"The model of {self.symbol} is refused: {fault}. Run: tickgraph train --symbols {self.symbol}"
        )


_scores: WeakValueDictionary[bytes, NDArray[np.float64]] = WeakValueDictionary()


def _shared(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """One array for all models with the same scores, as all have that were drawn to the same fit of the universe."""
    return _scores.setdefault(np.array(scores.shape).tobytes() + scores.tobytes(), scores)
