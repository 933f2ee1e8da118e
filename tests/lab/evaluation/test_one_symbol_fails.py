"""A symbol whose price does not move, or that raises, is left out with a reason; the others are evaluated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.lab.evaluation.evaluate import EvaluationSettings, evaluate
from tickgraph.lab.evaluation.forecasters.method_catalogue import ForecasterSettings
from tickgraph.lab.evaluation.forecasters.symbol_networks import SymbolForecasts, SymbolModel, train_each
from tickgraph.lab.evaluation.walk_forward import walk_forward, window_symbols
from tickgraph.lab.evaluation.windows import WindowSettings, walk_windows
from tickgraph.lab.run import Listener, Run

WINDOWS = WindowSettings(train_sessions=120, retrain_every=120)


def fund(panel, symbol, first=0, last=None):
    """The panel with the price of one symbol at 1.00 over some rows."""
    adj_close = panel.adj_close.copy()
    adj_close[first:last, panel.column(symbol)] = 1.0
    return replace(panel, adj_close=adj_close)


def settings(short, *names):
    return EvaluationSettings(
        windows=WINDOWS, forecasters=ForecasterSettings(training=short), names=names, resamples=100
    )


def test_a_fund_is_left_out_with_a_reason_and_the_others_are_evaluated(small_panel, short, tmp_path):
    panel = fund(small_panel, "CVX")
    result = evaluate(panel, settings(short, "zero", "momentum"), Run(tmp_path), left_out={"TSLA": "unknown"})
    assert "CVX" not in result.symbols
    assert len(result.symbols) == 5
    assert result.left_out == {
        "CVX": "The price of CVX moved in 0 of the 420 sessions up to 2022-03-31: there is nothing to forecast.",
        "TSLA": "unknown",
    }


def test_too_few_symbols_that_move_is_an_error_that_names_the_others(small_panel, short, tmp_path):
    panel = fund(small_panel.select(["AAPL", "CVX", "JPM"]), "CVX")
    with pytest.raises(
        InputError, match=r"at least 3 symbols, got 2\. Name more\. The price of CVX moved in 0"
    ):
        evaluate(panel, settings(short, "zero"), Run(tmp_path))


def test_a_symbol_that_does_not_move_in_a_window_is_not_in_it(small_panel, short):
    panel = fund(small_panel, "CVX", 0, 200)
    windows = walk_windows(panel.sessions, WINDOWS, short.history)
    assert [("CVX" in window_symbols(panel, window, short)) for window in windows] == [False, True]


def test_a_symbol_whose_training_raises_has_no_model_and_a_reason(small_panel):
    def one(symbol):
        if symbol == "JPM":
            raise MemoryError("no room")
        if symbol == "ABNB":
            raise HistoryTooShortError("too short")  # not a fault
        return SymbolModel((), {})

    models, failed = train_each(small_panel, one, lambda: None)
    assert set(models) == {"AAPL", "CVX", "MSFT", "XOM"}
    assert set(failed) == {"JPM"}
    assert failed["JPM"].startswith("JPM: an unforeseen error, MemoryError: no room")


def test_a_symbol_whose_forecast_raises_has_none_and_a_reason(small_panel, short):
    def wiring(panel, nodes, config):
        if nodes[0] == "JPM":
            raise KeyError("a peer")
        return build_snapshots(panel, nodes, config)[:0]

    models = {symbol: SymbolModel((), {}) for symbol in small_panel.symbols}
    forecasts = SymbolForecasts(models, short, wiring, {"A": "b"})
    assert np.isnan(forecasts(small_panel, 5)).all()
    assert forecasts.failed["A"] == "b"
    assert "JPM: an unforeseen error, KeyError" in forecasts.failed["JPM"]


def test_who_failed_is_said_and_its_window_is_computed_again_by_the_next_run(small_panel, short, tmp_path):
    class Zero:
        name, kind, description, settings = "zero", "baseline", "For tests.", {}

        def train(self, past, check):
            return SymbolForecasts({}, short, failed={"JPM": "JPM: no room"} if failing else {})

    def walk():
        done = []
        run = Run(tmp_path, jobs=1, listener=Listener(on_piece=done.append))
        own = walk_forward(small_panel, (Zero(),), WINDOWS, short, run)
        return own.failed, [one.reused for one in done]

    failing = True
    assert walk() == ({"JPM": "zero, window 2: JPM: no room"}, [False, False])
    failing = False
    assert walk() == ({}, [False, False])
    assert walk() == ({}, [True, True])
