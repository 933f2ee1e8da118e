from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from made_universe import CONFIG
from tickgraph.errors import HistoryTooShortError
from tickgraph.model import stack as module
from tickgraph.model import variance_training
from tickgraph.model.fitting import FittedModel, fit, fitting
from tickgraph.model.program import Program
from tickgraph.model.stack import Run, alone, stack_size, together
from tickgraph.model.training import TrainingProgram

SYMBOLS = ("AAPL", "MSFT", "JPM")


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def doubling():
    def shapes():
        import jax

        return (jax.ShapeDtypeStruct((3,), np.float32),)

    return Program(lambda vector: vector * 2, shapes)


def twice(program, value, steps=1):
    ran = None
    for _ in range(steps):
        ran = yield Run(program, (np.full(3, value, np.float32),))
        value = float(ran.result[0])
    if value < 0:
        raise ValueError(f"{value} is negative")
    return value


def test_symbols_that_are_fitted_in_one_call_get_the_weights_that_each_gets_alone(
    small_universe, small_fit, threads, monkeypatch
):
    monkeypatch.setattr(
        variance_training, "_programs", {}
    )  # other tests count the compilations of the shared one
    program = TrainingProgram(CONFIG)
    begin = [partial(fitting, small_universe, symbol, program, universe=small_fit) for symbol in SYMBOLS]
    stacked = together(begin, len(SYMBOLS), threads)
    for symbol, found in zip(SYMBOLS, stacked, strict=True):
        expected = fit(small_universe, symbol, program, universe=small_fit)
        assert isinstance(found, FittedModel)
        assert (found.symbol, found.peers) == (expected.symbol, expected.peers)
        assert found.weights.keys() == expected.weights.keys()
        for path, value in expected.weights.items():
            np.testing.assert_allclose(found.weights[path], value, rtol=1e-3, atol=2e-5)
        np.testing.assert_allclose(found.scores.values, expected.scores.values, rtol=1e-3, atol=1e-4)
        assert found.seconds > 0


def test_a_symbol_that_cannot_be_fitted_holds_up_no_other(small_universe, small_fit, threads):
    program = TrainingProgram(CONFIG.model_copy(update={"min_sessions": 5000}))
    begin = [partial(fitting, small_universe, symbol, program, universe=small_fit) for symbol in SYMBOLS[:2]]
    assert [type(outcome) for outcome in together(begin, 2, threads)] == [HistoryTooShortError] * 2


def test_each_fitting_gets_its_own_results_whatever_the_others_ask_for(doubling, threads):
    cases = [(1.0, 1), (2.0, 3), (-1.0, 2), (3.0, 0), (4.0, 2)]
    outcomes = together([partial(twice, doubling, *case) for case in cases], 2, threads)
    assert outcomes[:2] == [2.0, 16.0]
    assert isinstance(outcomes[2], ValueError)
    assert outcomes[3:] == [3.0, 16.0]
    assert [alone(twice(doubling, *case)) for case in (cases[1], cases[4])] == [16.0, 16.0]


def test_a_stack_is_compiled_once_and_a_smaller_rest_is_filled_up(doubling, threads):
    assert together([partial(twice, doubling, float(value)) for value in range(1, 6)], 4, threads) == [
        2.0,
        4.0,
        6.0,
        8.0,
        10.0,
    ]
    assert doubling.compilations == 1


def test_a_cpu_takes_one_symbol_a_call():
    assert stack_size([TrainingProgram(CONFIG)], 500) == 1


@pytest.mark.parametrize(
    ("memory", "symbols", "size"),
    [
        (80 * 2**30, 479, 479),  # all of them
        (80 * 2**30, 1100, 367),  # three calls, about equally large
        (1, 479, 1),  # too little memory for two
    ],
)
def test_an_accelerator_takes_what_its_memory_holds(monkeypatch, memory, symbols, size):
    monkeypatch.setattr(module, "accelerator_memory", lambda: memory)
    assert stack_size([TrainingProgram(CONFIG)], symbols) == size


def test_the_memory_bounds_a_call(monkeypatch):
    program = TrainingProgram(CONFIG)
    monkeypatch.setattr(
        module, "accelerator_memory", lambda: int(100 * module.WORKING_SPACE * program.operand_bytes)
    )
    assert stack_size([program], 250) == 84


def test_where_a_stack_is_too_large_its_halves_are_tried_and_an_error_of_one_is_its_own(
    doubling, threads, monkeypatch
):
    stacked = doubling.stacked

    def small(operands, size):
        if size > 2 or any(operand[0][0] == 3.0 for operand in operands):
            raise MemoryError("the accelerator is full")
        return stacked(operands, size)

    monkeypatch.setattr(doubling, "stacked", small)
    outcomes = together([partial(twice, doubling, float(value)) for value in range(1, 6)], 5, threads)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Exception)] == [2.0, 4.0, 8.0, 10.0]
    assert isinstance(outcomes[2], MemoryError)
