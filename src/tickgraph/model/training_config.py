"""What a training run is made of; recorded whole in every model's metadata."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.expiry import LONGEST

HORIZONS = (1, 2, 3, 5, 10, 21, 42, 63)


class TrainingConfig(GraphConfig):
    """Architecture and training settings.

    The architecture ``"baseline"`` with the other defaults is the design that was handed down, plain Adam included.
    ``"residual"`` forecasts better (docs/quality.md).

    Attributes
    ----------
    hidden_dim
        Width of every layer; the attention heads divide it among themselves.
    num_gcn_layers, num_gat_heads
        Graph convolution layers (Kipf & Welling 2017) and heads of the attention layer
        (Veličković et al. 2018).
    epochs, batch_size, learning_rate
        Adam over shuffled sessions.
    weight_decay
        Every step takes away this share of the weights, times the learning rate (Loshchilov & Hutter 2019,
        arXiv:1711.05101). Unless given it is 0 for ``"baseline"``.
    sessions
        Sessions in the window. Training does not see the last ``calibration_fraction`` of them: they calibrate
        intervals and confidence, and measure the model.
    min_sessions
        A symbol with fewer usable sessions than this is refused.
    horizons
        Sessions ahead whose variance the model forecasts, ascending; none makes a model of the next session's return
        alone, as ``"baseline"`` is.
    variance_dim
        Width of the layers of the variance network.
    seed
        Base seed; each symbol's own seed follows from it and the symbol's name.
    """

    hidden_dim: int = Field(default=64, ge=1, le=4096)
    num_gcn_layers: int = Field(default=2, ge=1, le=8)
    num_gat_heads: int = Field(default=4, ge=1, le=64)
    epochs: int = Field(default=20, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=65_536)
    learning_rate: float = Field(default=1e-3, gt=0.0, le=1.0)
    weight_decay: float = Field(default=3.0, ge=0.0, le=100.0)
    sessions: int = Field(default=1000, ge=50, le=100_000)
    min_sessions: int = Field(default=250, ge=50, le=100_000)
    calibration_fraction: float = Field(default=0.2, ge=0.05, le=0.5)
    horizons: tuple[int, ...] = HORIZONS
    variance_dim: int = Field(default=32, ge=1, le=4096)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="before")
    @classmethod
    def _the_baseline_as_handed_down(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("architecture") == "baseline":
            return {"weight_decay": 0.0, "horizons": (), **given}
        return given

    @model_validator(mode="after")
    def _settings_fit_together(self) -> TrainingConfig:
        if self.hidden_dim % self.num_gat_heads:
            raise ValueError(
                f"hidden_dim {self.hidden_dim} must be a multiple of num_gat_heads {self.num_gat_heads}"
            )
        if self.variance_dim % self.num_gat_heads:
            raise ValueError(
                f"variance_dim {self.variance_dim} must be a multiple of num_gat_heads {self.num_gat_heads}"
            )
        if any(not 1 <= horizon <= LONGEST for horizon in self.horizons):
            raise ValueError(f"horizons must be from 1 to {LONGEST} sessions, got {self.horizons}")
        if list(self.horizons) != sorted(set(self.horizons)) or (self.horizons and self.horizons[0] != 1):
            raise ValueError(f"horizons must ascend from 1, got {self.horizons}")
        if self.min_sessions > self.sessions:
            raise ValueError(f"min_sessions {self.min_sessions} exceeds sessions {self.sessions}")
        if self.learning_rate * self.weight_decay >= 1:
            raise ValueError(
                f"learning_rate {self.learning_rate} times weight_decay {self.weight_decay} must be below 1: every "
                "step would take away the whole weights, or more"
            )
        return self

    @property
    def calibration_sessions(self) -> int:
        """Sessions held out of a full window."""
        return round(self.sessions * self.calibration_fraction)

    @property
    def training_sessions(self) -> int:
        """Rows of the compiled training program; a shorter history is padded with zero-weight rows."""
        return self.sessions - self.calibration_sessions
