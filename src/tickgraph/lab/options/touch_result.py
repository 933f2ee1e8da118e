"""The result of an evaluation of touched levels, as it stands in evaluation.json."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tickgraph.lab.compared import Kind
from tickgraph.registry.evaluation_record import Figure


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class TouchDecile(_Result):
    """Levels whose probability of a touch was said to be within one tenth."""

    lower: float
    upper: float
    levels: int
    """How many."""
    said: float
    """Mean probability that was said of them."""
    came: float
    """Share that was touched."""
    error: Figure
    """What came less what was said, with its 95 % interval."""


class TouchHorizon(_Result):
    """Figures of one method up to ``horizon`` sessions ahead."""

    horizon: int
    levels: int
    """Levels that were judged."""
    brier: Figure
    """Brier score of the probability of a touch."""
    brier_ratio: Figure | None
    """Of the product over this method, on the levels that both judged: below 1 the product is better."""
    p_value: float | None
    """Two-sided, of no difference between the two (Diebold & Mariano 1995)."""
    deciles: list[TouchDecile]
    """By tenths of the probability that was said; empty ones are left out."""


class TouchMethodResult(_Result):
    """All figures of one method."""

    name: str
    kind: Kind
    description: str
    horizons: list[TouchHorizon]


class TouchTarget(_Result):
    """What was asked of the product, and what came."""

    wanted: str
    measured: Figure
    verdict: Literal["met", "missed"]


class TouchEvaluation(_Result):
    """An evaluation of the probability that a level is touched."""

    horizons: list[int]
    distances: list[float]
    """Of levels from the close, in standard deviations over the horizon, of the last 60 sessions."""
    first_session: date
    """The first levels were judged after its close."""
    last_session: date
    settings: dict[str, str | int | float | bool]
    methods: list[TouchMethodResult]
    targets: list[TouchTarget] = []
    findings: list[str] = []
    """What the figures say, in sentences made from them."""

    def figures(self, method: str, horizon: int) -> TouchHorizon | None:
        """Figures of a method up to a horizon; None where there are none."""
        found = (own for each in self.methods if each.name == method for own in each.horizons)
        return next((own for own in found if own.horizon == horizon), None)
