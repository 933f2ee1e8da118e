"""Metadata of a trained model: what it is, what made it, how good it was, and the checksums of its files.

``python -m tickgraph.registry.metadata`` prints the JSON Schema that ``docs/metadata.schema.json`` publishes.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.registry.evaluation_record import HorizonWalkForward, WalkForward
from tickgraph.registry.record import Record, UtcDatetime
from tickgraph.registry.training_record import (
    Calibration,
    DataStats,
    PerformanceMetrics,
    TrainingRecord,
    VarianceForecast,
)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Correlations(Record):
    """The stored correlation matrix."""

    as_of: date = Field(description="Last session of its lookback.")
    computed_at: UtcDatetime | None = Field(
        default=None, description="UTC; absent where it is the training date."
    )


class Checksums(Record):
    """sha256 of the files that belong to this generation, and of what this one says."""

    weights: Sha256
    correlations: Sha256
    metadata: Sha256 | None = Field(
        default=None,
        description="Of this document: as JSON with sorted keys, without spaces, in ASCII, this field left out. "
        "Absent in a model of an earlier release.",
    )


class ModelMetadata(Record):
    """One generation of one symbol's model; this file is its commit point."""

    schema_version: Literal[1] = 1
    symbol: Symbol
    training_date: UtcDatetime = Field(description="UTC.")
    data_version: str = Field(description="sha256 prefix of the prices it was trained on.")
    training_config: TrainingRecord
    performance_metrics: PerformanceMetrics
    data_stats: DataStats
    calibration: Calibration
    variance: VarianceForecast | None = Field(
        default=None, description="Absent in a model of the next session's return alone."
    )
    correlations: Correlations
    checksums: Checksums
    versions: dict[str, str] = Field(description="Libraries it was trained with.")
    evaluation: WalkForward | None = Field(
        default=None,
        description="Walk-forward figures of the next return; null where `tickgraph evaluate` has recorded none.",
    )
    evaluation_by_horizon: HorizonWalkForward | None = Field(
        default=None,
        description="Walk-forward figures of how far the price moves; null where none are recorded.",
    )

    @property
    def nodes(self) -> tuple[Symbol, ...]:
        """The target, then its peers, under today's names: a peer may have been renamed since the training."""
        return Symbol(self.symbol), *map(canonical, self.training_config.correlated_symbols)

    @property
    def correlations_at(self) -> datetime:
        """When the stored correlations were computed; UTC."""
        return self.correlations.computed_at or self.training_date

    def with_evaluation_of(self, former: ModelMetadata) -> ModelMetadata:
        """Give this metadata with the figures that another model's has, where they are of the procedure of this one."""
        found = {
            "evaluation": former.evaluation,
            "evaluation_by_horizon": former.evaluation_by_horizon,
        }
        kept = {
            field: figures
            for field, figures in found.items()
            if figures and not figures.mismatch(self.training_config, self.variance)
        }
        return self.model_copy(update=kept)

    @model_validator(mode="after")
    def _scores_of_every_horizon(self) -> ModelMetadata:
        scored, wanted = len(self.variance.scores) if self.variance else 0, len(self.training_config.horizons)
        if scored != wanted:
            raise ValueError(f"variance has scores of {scored} horizons, and training_config has {wanted}")
        return self

    @model_validator(mode="after")
    def _target_is_no_peer_of_its_own(self) -> ModelMetadata:
        if self.symbol in self.training_config.correlated_symbols:
            raise ValueError(f"correlated_symbols must not hold the target {self.symbol}")
        return self


def metadata_json_schema() -> dict[str, Any]:
    """JSON Schema of a metadata file."""
    schema = ModelMetadata.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    print(json.dumps(metadata_json_schema(), indent=2))  # noqa: T201
