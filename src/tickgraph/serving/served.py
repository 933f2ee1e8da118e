"""A stored model, unpacked once into what every forecast from it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.config import GraphConfig
from tickgraph.model.weights import Weights
from tickgraph.registry.registry import StoredModel


@dataclass(frozen=True)
class ServedModel:
    """A model in memory: its weights and a few small arrays.

    Attributes
    ----------
    nodes
        The target, then its peers.
    weights
        float32 arrays by name.
    correlation, correlation_as_of, correlation_at
        ``[N, N]`` float64, the session it was taken at, and when it was computed.
    scores, trust, volatility
        ``[n]`` float64, ascending conformal scores; the share of a forecast that their distribution is centred on;
        and the ``[7]`` float64 coefficients of the volatility that they are measured in, None for the trailing
        standard deviation (a model of an earlier release).
    calibration_sessions
        Held-out sessions behind the scores.
    generation
        Identity of the published generation.
    trained_at, source, trained_through
        When it was trained, on which source's prices, and the last session whose prices it has seen.
    short_history, beats_zero
        Whether it had less than a full window, and whether its squared error out of sample was below that of
        forecasting no move.
    """

    symbol: str
    nodes: tuple[str, ...]
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

    @classmethod
    def from_stored(cls, stored: StoredModel) -> ServedModel:
        """Unpack a verified generation."""
        metadata = stored.metadata
        coefficients = metadata.calibration.volatility
        return cls(
            symbol=metadata.symbol,
            nodes=metadata.nodes,
            graph=GraphConfig.model_validate(
                metadata.training_config.model_dump(include=set(GraphConfig.model_fields))
            ),
            weights=dict(stored.weights),
            correlation=stored.correlation,
            correlation_as_of=np.datetime64(metadata.correlations.as_of, "D"),
            correlation_at=metadata.correlations_at,
            scores=np.asarray(metadata.calibration.scores),
            trust=metadata.calibration.trust,
            volatility=None if coefficients is None else np.asarray(coefficients),
            calibration_sessions=metadata.data_stats.calibration_sessions,
            generation=stored.generation,
            trained_at=metadata.training_date,
            source=metadata.data_stats.source,
            trained_through=np.datetime64(metadata.data_stats.last_session, "D"),
            short_history=metadata.data_stats.short_history,
            beats_zero=metadata.performance_metrics.out_of_sample.beats_zero,
        )

    @cached_property
    def shapes(self) -> frozenset[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the weights: models of the same ones run in one call."""
        return frozenset((path, value.shape) for path, value in self.weights.items())

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays held."""
        weights = sum(array.nbytes for array in self.weights.values())
        return weights + self.correlation.nbytes + self.scores.nbytes
