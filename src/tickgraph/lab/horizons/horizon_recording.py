"""Figures by horizon of each symbol, as the metadata of its model takes them."""

from __future__ import annotations

from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.horizons.comparing import LOGNORMAL
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT
from tickgraph.lab.horizons.horizon_result import HorizonEvaluation, HorizonFigures
from tickgraph.registry.evaluation_record import HorizonWalkForward, PanelHorizon


def horizon_walk_forward_by_symbol(evaluation: Evaluation) -> dict[str, HorizonWalkForward]:
    """The network's figures by symbol, with what they were measured on.

    Returns
    -------
    dict
        Empty where the network was not evaluated by horizon, or neither an own HAR nor the log-normal beside it, which
        the figures of a symbol are set against.
    """
    by_horizon = evaluation.horizons
    if by_horizon is None or by_horizon.training is None:
        return {}
    product = next((own for own in by_horizon.forecasters if own.name == PRODUCT), None)
    if product is None:
        return {}
    common = {
        "panel": {str(own.horizon): _panel(own, by_horizon) for own in product.horizons},
        "forecaster": product.name,
        "training_config": by_horizon.training,
        "refit_every": by_horizon.settings["refit_every"],
        "density_every": by_horizon.settings["density_every"],
        "first_session": by_horizon.first_session,
        "last_session": by_horizon.last_session,
        **provenance(evaluation),
    }
    return {
        symbol: HorizonWalkForward.model_validate({"figures": figures, **common})
        for symbol, figures in product.by_symbol.items()
    }


def provenance(evaluation: Evaluation) -> dict[str, object]:
    """What all figures of an evaluation were measured on, by the names of metadata."""
    return {
        "source": evaluation.source,
        "data_version": evaluation.data_version,
        "symbols": tuple(evaluation.symbols),
        "survivorship": evaluation.survivorship,
        "measured_at": evaluation.created,
        "version": evaluation.version,
    }


def _panel(own: HorizonFigures, evaluation: HorizonEvaluation) -> PanelHorizon:
    bar = evaluation.figures(evaluation.bar.get(str(own.horizon)), own.horizon)
    lognormal = evaluation.figures(LOGNORMAL, own.horizon)
    return PanelHorizon(
        qlike=own.qlike,
        qlike_bar=bar and bar.qlike,
        crps=own.crps,
        crps_lognormal=lognormal and lognormal.crps,
        coverage=own.coverage,
    )
