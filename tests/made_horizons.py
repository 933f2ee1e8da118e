"""An evaluation by horizon as a real one looks, with figures that are easy to check."""

from __future__ import annotations

from datetime import UTC, date, datetime

from made_walk_forward import made_symbol_horizon
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.horizons.horizon_result import (
    HorizonComparison,
    HorizonEvaluation,
    HorizonFigures,
    HorizonForecasterResult,
    HorizonTarget,
)
from tickgraph.registry.evaluation_record import Figure

HORIZONS = (1, 21)
LOSSES = {"lognormal-20": 0.6, "gjr-fhs": 0.5, "har": 0.45, "graph-har": 0.42, "network": 0.4}


def figure(value, half=0.01):
    return Figure(value=value, low=value - half, high=value + half)


def made_figures(name, horizon):
    loss = LOSSES[name]
    covered = {"lognormal-20": 0.76}.get(name, 0.8)
    return HorizonFigures(
        horizon=horizon,
        qlike=figure(loss),
        crps=figure(loss / 100),
        pinball=figure(loss / 200),
        brier=figure(loss / 4),
        brier_by_strike={"-1": loss / 4, "0": loss / 4, "1": loss / 4},
        coverage={"0.8": figure(covered), "0.95": figure(0.948)},
        width={"0.8": 0.03 * horizon**0.5, "0.95": 0.05 * horizon**0.5},
        coverage_by_year={
            "2020": {"0.8": covered - 0.05, "0.95": 0.9},
            "2021": {"0.8": covered + 0.02, "0.95": 0.96},
        },
        qlike_by_year={"2020": loss * 1.2, "2021": loss * 0.9},
        pit=[0.05] * 20,
        in_confidence_set={
            measure: {"network": 1.0, "graph-har": 0.4}.get(name, 0.01)
            for measure in ("qlike", "crps", "brier")
        },
    )


def made_comparison(first, second, measure, horizon):
    ratio = LOSSES[first] / LOSSES[second]
    p = 0.3 if horizon == 21 else 0.0004
    verdict = "and {} are not told apart" if p > 0.05 else "is better than {}"
    return HorizonComparison(
        first=first,
        second=second,
        horizon=horizon,
        measure=measure,
        ratio=figure(ratio),
        p_value=p,
        p_value_long=p,
        conclusion=f"{first} {verdict.format(second)} by {measure} over {horizon} sessions.",
    )


def made_horizon_evaluation() -> HorizonEvaluation:
    """Five forecasters over 1 and 21 sessions, in the order of their losses; the network is the best."""
    return HorizonEvaluation(
        horizons=list(HORIZONS),
        first_session=date(2020, 1, 2),
        last_session=date(2021, 12, 30),
        sessions={"1": 500, "21": 480},
        origins={"1": 500, "21": 480},
        forecasts={"1": 21_000, "21": 20_160},
        settings={"train_sessions": 1000, "refit_every": 21},
        bar={"1": "har", "21": "har"},
        forecasters=[
            HorizonForecasterResult(
                name=name,
                kind="model" if name == "network" else "baseline",
                description=f"What {name} says.",
                horizons=[made_figures(name, horizon) for horizon in HORIZONS],
                seconds=3.0,
            )
            for name in LOSSES
        ],
        comparisons=[
            made_comparison(first, second, measure, horizon)
            for horizon in HORIZONS
            for measure in ("qlike", "crps", "brier")
            for second in ("lognormal-20", "gjr-fhs", "har")
            for first in LOSSES
            if first != second
        ],
        targets=[
            HorizonTarget(
                wanted="QLIKE over 1 session at most 0.945 of that of har",
                horizon=1,
                measured=figure(0.889),
                bound=0.945,
                verdict="met",
            )
        ],
        findings=["The network has the least QLIKE.", "Over 21 sessions it is not told apart."],
    )


def made_evaluation_by_horizon(*symbols, training, horizons=(1, 21)):
    """An evaluation by horizon alone, with the made figures and some of each symbol."""
    made = made_horizon_evaluation()
    own = {str(horizon): made_symbol_horizon(480, qlike=0.4, bar=0.45, crps=0.01) for horizon in horizons}
    network = made.forecasters[-1].model_copy(update={"by_symbol": dict.fromkeys(symbols, own)})
    by_horizon = made.model_copy(
        update={
            "forecasters": [*made.forecasters[:-1], network],
            "settings": made.settings | {"density_every": 3},
            "training": training,
        }
    )
    return Evaluation(
        created=datetime(2026, 5, 4, tzinfo=UTC),
        version="0.3.0",
        source="sample",
        data_version="3f9c2a71",
        survivorship="Those that failed are not among them.",
        symbols=list(symbols),
        settings={},
        cost_basis_points=0.0,
        windows=[],
        forecasters=[],
        comparisons=[],
        horizons=by_horizon,
    )
