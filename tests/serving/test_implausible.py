"""A model whose numbers are none, or more than its symbol's moves support, is refused, and the others answer."""

from __future__ import annotations

import numpy as np
import pytest

from tickgraph.errors import ArtefactError, PriceDataError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.model.weights import HEAD_BIAS, weight_shapes
from tickgraph.serving.fallback import momentum_outlook


def publish(registry, symbol, *, weights=None, **calibration):
    """Publish a symbol's model again with other weights, or other fields of its calibration."""
    stored = registry.load(symbol, weight_shapes)
    changed = stored.metadata.calibration.model_copy(update=calibration)
    metadata = stored.metadata.model_copy(update={"calibration": changed})
    registry.publish(
        metadata, {**stored.weights, **(weights(stored.weights) if weights else {})}, stored.correlation
    )


def times(factor):
    return lambda weights: {path: value * np.float32(factor) for path, value in weights.items()}


def head(value):
    return lambda weights: {HEAD_BIAS: np.full_like(weights[HEAD_BIAS], value)}


SPOILT = {
    "weights that overflow": ({"weights": times(1e30)}, "no number"),
    "a forecast of +84 %": ({"weights": head(60)}, "is over the largest move seen"),
    "a forecast outside its interval": ({"weights": head(4)}, "lies outside its own 95% interval"),
    "huge scores": ({"scores": (-1e308, -1.0, 0.0, 1.0, 1e308)}, "its quantiles reach from"),
    "scores of one sign": ({"scores": tuple(np.linspace(5, 6, 50))}, "lies outside its own 95% interval"),
    "a volatility that overflows": (
        {"volatility": (1e4, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)},
        "volatility is no positive",
    ),
    "a volatility of nothing": (
        {"volatility": (-1e4, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)},
        "volatility is no positive",
    ),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_it_fails_alone_and_says_why(live, registry, spoilt):
    before = live.forecast_many(["MSFT"]).forecasts["MSFT"]
    changes, said = SPOILT[spoilt]
    publish(registry, "AAPL", **changes)
    with pytest.raises(
        ArtefactError, match="The model of AAPL is refused: .*Run: tickgraph train --symbols AAPL"
    ) as error:
        live.outlook("AAPL")
    assert said in str(error.value)
    found = live.forecast_many(live.symbols())
    assert set(found.failures) == {"AAPL"}
    assert found.forecasts["MSFT"] == before


def test_a_newer_model_that_says_nothing_is_not_answered_from_memory_either(live, watcher, registry):
    live.outlook("AAPL")
    publish(registry, "AAPL", weights=times(1e30))
    watcher.look()
    assert live.peek("AAPL") is None
    with pytest.raises(ArtefactError, match="no number"):
        live.graph("AAPL")


def test_every_sample_model_passes(live):
    assert live.forecast_many(live.symbols()).failures == {}


def test_momentum_that_its_prices_do_not_support_is_no_forecast(panel):
    """A price that hardly moved, but for three jumps, and then moves: each was thousands of the moves before it."""
    own = panel.select(("TSLA",)).tail(400)
    moves = np.where(np.arange(400) < 340, 1e-4, 0.03) * (-1.0) ** np.arange(400)
    moves[[145, 210, 275]] = 0.9, 0.9, 0.9
    close = 10 * np.exp(np.cumsum(moves))[:, None]
    made = PricePanel(own.sessions, own.symbols, close, close, own.volume, "sample")
    with pytest.raises(
        PriceDataError, match="The prices of TSLA give no forecast by momentum: its quantiles reach"
    ):
        momentum_outlook("TSLA", made, None, GraphConfig())
