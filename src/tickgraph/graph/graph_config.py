"""How prices become graphs: the sizes and windows of a snapshot."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Architecture = Literal["baseline", "residual"]


class GraphConfig(BaseModel):
    """Shape of every graph of a model.

    Attributes
    ----------
    architecture
        ``"baseline"`` is the design that was handed down, ``"residual"`` the one that forecasts better. It says
        which features a node has and how the network reads them.
    num_stocks
        Nodes: the target and its peers. 11 means 10 peers.
    lookback
        Sessions of log returns behind each correlation.
    threshold
        Two nodes are joined when the absolute correlation reaches this value.
    feature_window
        Sessions behind each node feature (volatility, momentum, volume).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "residual"
    num_stocks: int = Field(default=11, ge=2, le=256)
    lookback: int = Field(default=60, ge=5, le=1000)
    threshold: float = Field(default=0.3, ge=0.0, le=1.0)
    feature_window: int = Field(default=20, ge=2, le=1000)

    @property
    def num_peers(self) -> int:
        """Nodes besides the target."""
        return self.num_stocks - 1

    @property
    def history(self) -> int:
        """Sessions of prices behind one snapshot: one more than the longest window of returns."""
        return max(self.lookback, self.feature_window) + 1
