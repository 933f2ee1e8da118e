"""Walk-forward figures of a symbol as ``tickgraph evaluate`` records them, for models of a given configuration."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tickgraph.registry.evaluation_record import (
    Figure,
    HorizonWalkForward,
    PanelFigures,
    PanelHorizon,
    SymbolFigures,
    SymbolHorizon,
    WalkForward,
)


def made_walk_forward(training, symbols, **changes) -> WalkForward:
    made = WalkForward(
        figures=SymbolFigures(
            forecasts=1260,
            ic=Figure(value=0.0312, low=-0.0251, high=0.0874),
            rank_ic=Figure(value=0.0207, low=-0.033, high=0.074),
            hit_rate=Figure(value=0.514, low=0.487, high=0.541),
            r2_vs_zero=Figure(value=-0.0123, low=-0.0301, high=0.0044),
            coverage={
                "0.8": Figure(value=0.802, low=0.78, high=0.823),
                "0.95": Figure(value=0.951, low=0.939, high=0.962),
            },
        ),
        panel=PanelFigures(
            forecaster="gnn-per-symbol",
            ic=Figure(value=0.0112, low=0.0012, high=0.0213),
            r2_vs_zero=Figure(value=-0.021, low=-0.035, high=-0.009),
        ),
        best_baseline=PanelFigures(
            forecaster="ridge", ic=Figure(value=0.0148, low=0.0031, high=0.0262), r2_vs_zero=None
        ),
        scheme="rolling",
        windows=20,
        retrain_every=63,
        embargo=1,
        **_measured_on(training, symbols),
    )
    return made.model_copy(update=changes)


def made_symbol_horizon(sessions, *, qlike, bar, crps) -> SymbolHorizon:
    return SymbolHorizon(
        sessions=sessions,
        qlike=qlike,
        qlike_bar=bar,
        crps=crps,
        crps_lognormal=1.03 * crps,
        coverage={"0.8": 0.797, "0.95": 0.941},
    )


def made_horizon_walk_forward(training, symbols, **changes) -> HorizonWalkForward:
    made = HorizonWalkForward(
        figures={
            "1": made_symbol_horizon(1258, qlike=0.412, bar=0.431, crps=0.0091),
            "5": made_symbol_horizon(1254, qlike=0.266, bar=0.297, crps=0.0204),
        },
        panel={
            horizon: PanelHorizon(
                qlike=Figure(value=qlike, low=qlike - 0.02, high=qlike + 0.02),
                qlike_bar=Figure(value=qlike + 0.015, low=qlike, high=qlike + 0.03),
                crps=Figure(value=0.01, low=0.009, high=0.011),
                crps_lognormal=None,
                coverage={"0.8": Figure(value=0.79, low=0.78, high=0.8)},
            )
            for horizon, qlike in (("1", 0.401), ("5", 0.255))
        },
        forecaster="network",
        refit_every=21,
        density_every=1,
        **_measured_on(training, symbols),
    )
    return made.model_copy(update=changes)


def _measured_on(training, symbols) -> dict:
    return {
        "training_config": training.model_dump(exclude={"correlated_symbols", "symbol_seed"}),
        "first_session": date(2018, 1, 2),
        "last_session": date(2022, 12, 29),
        "source": "sample",
        "data_version": "3f9c2a71",
        "symbols": tuple(symbols),
        "survivorship": "Those that failed are not among them.",
        "measured_at": datetime(2026, 5, 4, 12, 30, tzinfo=UTC),
        "version": "0.2.0",
    }
