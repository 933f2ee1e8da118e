"""From a fitted model to the metadata it is published with."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

import numpy as np

from tickgraph.market import calendar
from tickgraph.model.fitting import FittedModel
from tickgraph.model.universe_fit import UniverseFit
from tickgraph.model.weights import num_params
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.library_versions import library_versions
from tickgraph.registry.metadata import Correlations, ModelMetadata
from tickgraph.registry.registry import UNPUBLISHED
from tickgraph.registry.training_record import (
    Calibration,
    DataStats,
    HorizonQlike,
    OutOfSample,
    PerformanceMetrics,
    TrainingRecord,
    VarianceForecast,
)


def describe(fitted: FittedModel, trained_at: datetime) -> ModelMetadata:
    """Metadata of a fitted model; the registry fills in the checksums."""
    return ModelMetadata(
        symbol=fitted.symbol,
        training_date=trained_at,
        data_version=fitted.data_version,
        training_config=TrainingRecord(
            **fitted.config.model_dump(), correlated_symbols=fitted.peers, symbol_seed=fitted.seed
        ),
        performance_metrics=PerformanceMetrics(
            final_loss=float(fitted.losses[-1]),
            training_time_seconds=fitted.seconds,
            num_params=num_params(fitted.config),
            out_of_sample=OutOfSample(
                **asdict(fitted.measures),
                beats_zero=fitted.measures.beats_zero,
                first_session=fitted.calibration_first.astype(date),
                last_session=fitted.calibration_last.astype(date),
            ),
        ),
        data_stats=DataStats(
            historical_days=fitted.history_sessions,
            training_sessions=fitted.training_sessions,
            calibration_sessions=fitted.calibration_sessions,
            avg_correlation=fitted.avg_correlation,
            num_edges=fitted.num_edges,
            first_session=fitted.first_session.astype(date),
            last_session=fitted.last_session.astype(date),
            source=fitted.source,
            exchange=calendar.exchange(),
            short_history=fitted.training_sessions + fitted.calibration_sessions < fitted.config.sessions,
        ),
        calibration=Calibration(
            # Six decimals of a standard deviation: a quarter of the file, and no price that differs.
            scores=tuple(np.round(fitted.scores.values, 6).tolist()),
            trust=fitted.scores.trust,
            volatility=tuple(fitted.volatility.tolist()),
            first_session=fitted.calibration_first.astype(date),
            last_session=fitted.calibration_last.astype(date),
        ),
        variance=_variance(fitted.universe) if fitted.universe else None,
        correlations=Correlations(as_of=fitted.last_session.astype(date)),
        checksums=UNPUBLISHED,
        versions=library_versions(),
    )


def _variance(universe: UniverseFit) -> VarianceForecast:
    return VarianceForecast(
        universe=universe.version,
        universe_symbols=len(universe.symbols),
        universe_source=universe.source,
        universe_is_default=universe.version == default_universe().version,
        first_session=universe.held_out_first.astype(date),
        last_session=universe.last_session.astype(date),
        scores=tuple(tuple(row) for row in np.round(universe.scores, 5).tolist()),
        qlike=qlike_by_horizon(universe),
    )


def qlike_by_horizon(universe: UniverseFit) -> dict[str, HorizonQlike]:
    """Held-out QLIKE of a fit of the universe by horizon, beside its baselines."""
    return {
        str(horizon): HorizonQlike(network=network, linear=linear, today=today)
        for horizon, network, linear, today in zip(universe.horizons, *universe.qlike.tolist(), strict=True)
    }
