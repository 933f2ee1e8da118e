"""Training programs by configuration, each compiled once for all windows and symbols."""

from __future__ import annotations

import threading

from tickgraph.model.config import TrainingConfig
from tickgraph.model.training import TrainingProgram


class Programs:
    """Programs that were asked for before are given again; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._programs: dict[TrainingConfig, TrainingProgram] = {}

    def of(self, config: TrainingConfig) -> TrainingProgram:
        """Program of a configuration."""
        with self._lock:
            return self._programs.setdefault(config, TrainingProgram(config))
