"""An evaluation of strategies as a real one looks, with figures that are easy to check."""

from __future__ import annotations

from datetime import date

from tickgraph.lab.options.options_conclusions import strategy_findings, strategy_targets
from tickgraph.lab.options.options_result import (
    ProfitBin,
    StrategyEvaluation,
    StrategyHorizon,
    StrategyResult,
)
from tickgraph.registry.evaluation_record import Figure

HORIZONS = (5, 21)
STATED, OFF = {"strangle-16": 0.8, "covered-call-30": 0.6}, {5: -0.01, 21: -0.031}


def made_strategy_evaluation() -> StrategyEvaluation:
    """Two strategies over 5 sessions, where they come true, and over 21, where they do so 3.1 points too rarely."""
    made = StrategyEvaluation(
        horizons=list(HORIZONS),
        forecaster="network",
        pricing="Black-Scholes at the forecast volatility",
        first_session=date(2020, 1, 2),
        last_session=date(2021, 12, 30),
        settings={"refit_every": 126},
        strategies=[
            StrategyResult(
                name=name,
                description=f"What {name} is.",
                horizons=[made_figures(stated, horizon, OFF[horizon]) for horizon in HORIZONS],
            )
            for name, stated in STATED.items()
        ],
    )
    targets = strategy_targets(made)
    return made.model_copy(update={"targets": targets, "findings": strategy_findings(made, targets)})


def made_figures(stated, horizon, off) -> StrategyHorizon:
    def came(value):
        return Figure(value=value + off, low=value + off - 0.02, high=value + off + 0.02)

    return StrategyHorizon(
        horizon=horizon,
        sessions=160,
        strategies=6720,
        stated=stated,
        came=came(stated),
        difference=came(0.0),
        stated_lognormal=stated + 0.03,
        brier=came(0.2),
        brier_ratio=Figure(value=0.98 if horizon == 5 else 1.01, low=0.97, high=1.03),
        expected_profit=0.0001,
        mean_profit=came(0.011),
        deciles=[
            ProfitBin(stated=stated + step, came=came(stated + step), strategies=3360)
            for step in (-0.05, 0.05)
        ],
        by_year={
            "2020": ProfitBin(stated=stated, came=Figure(value=stated - 0.04), strategies=3360),
            "2021": ProfitBin(stated=stated, came=Figure(value=stated + 0.02), strategies=3360),
        },
    )
