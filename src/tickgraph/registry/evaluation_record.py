"""What a model's metadata says of the procedure that made it: walk-forward figures, and what they were measured on.

The figures are of the procedure on a symbol and not of the stored weights: each fit of the walk has its own weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field

from tickgraph.model.training_config import TrainingConfig
from tickgraph.registry.record import (
    Count,
    Level,
    NotNegative,
    Positive,
    Record,
    Share,
    Span,
    UtcDatetime,
)
from tickgraph.registry.training_record import RecordedConfig, TrainingRecord, VarianceForecast

VARIANCE_SETTINGS = (
    "num_stocks",
    "lookback",
    "threshold",
    "num_gcn_layers",
    "num_gat_heads",
    "horizons",
    "variance_dim",
)
"""Settings that change how far a model says that a price moves."""
OTHER_UNIVERSE = 0.1
"""Share of symbols by which a fit of the universe may differ from the evaluated symbols."""


class Figure(Record):
    """A figure with its 95 % block-bootstrap interval; null ends where it was not resampled."""

    value: float
    low: float | None = None
    high: float | None = None


class SymbolFigures(Record):
    """Walk-forward figures of one symbol; null where a forecast or a return did not vary."""

    forecasts: int = Field(ge=1, description="Sessions forecast.")
    ic: Figure | None = Field(description="Pearson correlation over time of forecast and realised return.")
    rank_ic: Figure | None = Field(description="Spearman correlation over time.")
    hit_rate: Figure | None = Field(description="Share of moves whose sign was right.")
    r2_vs_zero: Figure | None = Field(description="1 - MSE / MSE of forecasting no move.")
    coverage: dict[Level, Figure] = Field(
        description="Share of returns inside the interval, by level; calibrated on all evaluated symbols together."
    )


class PanelFigures(Record):
    """Figures of one forecaster over all evaluated symbols."""

    forecaster: str
    ic: Figure | None = Field(description="Mean over sessions of the correlation across symbols.")
    r2_vs_zero: Figure | None = Field(description="1 - MSE / MSE of forecasting no move.")


class SymbolHorizon(Record):
    """Walk-forward figures of one symbol over one horizon, beside two others on the same sessions."""

    sessions: Positive = Field(description="Sessions whose variance was judged.")
    qlike: NotNegative = Field(description="Of the range variance over the horizon.")
    qlike_bar: NotNegative = Field(description="Of the symbol's own HAR.")
    crps: NotNegative = Field(description="Of the log return over the horizon, a log return.")
    crps_lognormal: NotNegative = Field(description="Of the log-normal with 20 sessions.")
    coverage: dict[Level, Share] = Field(
        description="Share of returns inside the central interval, by level."
    )


class PanelHorizon(Record):
    """Figures of one forecaster over one horizon and all evaluated symbols."""

    qlike: Figure = Field(description="Mean over symbols and sessions.")
    qlike_bar: Figure | None = Field(description="Of the HAR that is best over this horizon.")
    crps: Figure
    crps_lognormal: Figure | None = Field(description="Of the log-normal with 20 sessions.")
    coverage: dict[Level, Figure] = Field(
        description="Share of returns inside the central interval, by level."
    )


class Walked(Span):
    """What walk-forward figures were measured on."""

    first_session: date = Field(description="First session forecast from.")
    last_session: date = Field(description="Last session forecast from.")
    training_config: RecordedConfig = Field(description="How each fit's model was trained.")
    source: str = Field(description="Where the prices came from.")
    data_version: str = Field(description="sha256 prefix of the prices.")
    symbols: tuple[str, ...] = Field(description="Evaluated together; peers are chosen among them.")
    survivorship: str = Field(description="What the choice of symbols does to the figures.")
    measured_at: UtcDatetime = Field(description="UTC.")
    version: str = Field(description="Of tickgraph.")

    def _other_procedure(self, trained: TrainingRecord, names: Iterable[str]) -> str | None:
        """Say which of these settings differ, or which peers were not evaluated; None where none does."""
        pairs = {name: (getattr(trained, name), getattr(self.training_config, name)) for name in names}
        own_others, others = trained.model_extra or {}, self.training_config.model_extra or {}
        pairs |= {name: (own_others.get(name), others.get(name)) for name in own_others | others}
        differ = [f"{name} {own}, evaluated {other}" for name, (own, other) in pairs.items() if own != other]
        if differ:
            return f"trained with other settings ({'; '.join(differ)})"
        if strangers := set(trained.correlated_symbols) - set(self.symbols):
            return f"has peers that were not evaluated ({', '.join(sorted(strangers))})"
        return None


class WalkForward(Walked):
    """How good the procedure that trains a model was: retrained as time went on, judged on the next return."""

    figures: SymbolFigures
    panel: PanelFigures = Field(description="The same forecaster over all symbols.")
    best_baseline: PanelFigures | None = Field(
        description="The baseline with the highest IC, chosen by these very figures."
    )
    scheme: Literal["rolling", "expanding"] = Field(description="Training windows of one length, or growing.")
    windows: int = Field(ge=1, description="Trainings.")
    retrain_every: Positive = Field(description="Sessions between trainings.")
    embargo: Count = Field(description="Sessions between the last close of training and the first forecast.")

    def mismatch(self, trained: TrainingRecord, variance: VarianceForecast | None) -> str | None:
        """Say why these figures are not of a model that was trained so; None where they are.

        Seeds may differ: they draw another model by the same procedure. So may ``min_sessions``, which refuses symbols
        and changes no model, and what the variance network is made of: the figures are of the next session's return.
        """
        if self.scheme == "expanding":
            return "evaluated on expanding windows, where a model is trained on one of fixed length"
        free = ("seed", "min_sessions", "horizons", "variance_dim")
        return self._other_procedure(
            trained, [name for name in TrainingConfig.model_fields if name not in free]
        )


class HorizonWalkForward(Walked):
    """How good the procedure that says how far the price moves was: fitted again as time went on, judged by horizon."""

    figures: dict[str, SymbolHorizon] = Field(description="By horizon in sessions.")
    panel: dict[str, PanelHorizon] = Field(description="The same forecaster over all symbols, by horizon.")
    forecaster: str
    refit_every: Positive = Field(description="Sessions between fits.")
    density_every: Positive = Field(description="Sessions between scored distributions.")

    def mismatch(self, trained: TrainingRecord, variance: VarianceForecast | None) -> str | None:
        """Say why these figures are not of a model that was trained so; None where they are.

        Only what the variance network is made of counts, and whom it hears: a fit of the universe on many more or fewer
        symbols is another procedure, and so is the fit that ships, where its prices are not the evaluated ones.
        """
        if variance is None:
            return "does not forecast by horizon"
        if reason := self._other_procedure(trained, VARIANCE_SETTINGS):
            return reason
        if variance.universe_is_default and variance.universe_source != self.source:
            return "trained with the fit of the universe that ships, which is not of the evaluated prices"
        if abs(variance.universe_symbols - len(self.symbols)) > OTHER_UNIVERSE * len(self.symbols):
            return (
                f"trained with a fit of the universe on {variance.universe_symbols} symbols, evaluated on "
                f"{len(self.symbols)}"
            )
        return None
