"""What loading gives: one generation of one symbol, whole and verified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.registry.schema import ModelMetadata


@dataclass(frozen=True)
class StoredModel:
    """One verified generation.

    Attributes
    ----------
    weights
        float32 arrays by name.
    correlation
        ``[N, N]`` float64; row and column of an absent peer are 0.
    generation
        sha256 of the metadata, which carries those of the other files.
    """

    symbol: str
    metadata: ModelMetadata
    weights: dict[str, NDArray[np.float32]]
    correlation: NDArray[np.float64]
    generation: str
