"""A training that diverged publishes nothing: its symbol fails with the reason, and the model before stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickgraph.model.training import TrainingProgram
from tickgraph.model.weights import HEAD_BIAS, HEAD_KERNEL, symbol_seed
from tickgraph.pipeline.train import train_symbols


class Wild(TrainingProgram):
    """A program whose training of one symbol ends with a head that says far too much."""

    def __init__(self, program, symbol, **head):
        super().__init__(program.config)
        self._program, self._head = program, head
        self._seed = symbol_seed(program.config.seed, symbol)

    def training(self, example, seed, start=None):
        trained = yield from self._program.training(example, seed, start)
        if seed != self._seed:
            return trained
        head = {
            HEAD_KERNEL: trained.weights[HEAD_KERNEL] * np.float32(self._head.get("kernel", 1)),
            HEAD_BIAS: trained.weights[HEAD_BIAS] + np.float32(self._head.get("bias", 0)),
        }
        return replace(trained, weights={**trained.weights, **head})


@pytest.mark.parametrize("head", [{"bias": 50}, {"bias": 5}, {"kernel": 1e6}, {"kernel": 1e36}])
def test_one_that_says_too_much_is_not_published_and_the_one_before_stays(panel, program, registry, head):
    before = {symbol: registry.generation(symbol) for symbol in ("AAPL", "MSFT")}
    report = train_symbols(panel, ["AAPL", "MSFT"], registry, program=Wild(program, "AAPL", **head))
    assert set(report.done) == {"MSFT"}
    assert report.failed["AAPL"].startswith("AAPL: the model is not published: ")
    assert registry.generation("AAPL") == before["AAPL"]
    assert registry.generation("MSFT") != before["MSFT"]
