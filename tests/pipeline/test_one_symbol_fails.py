"""An error at any step of one symbol's way fails that symbol alone, with a reason."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import numpy as np
import pytest

from tickgraph.errors import StorageError
from tickgraph.graph import snapshots
from tickgraph.model import choice, fitting
from tickgraph.model.training import TrainingProgram
from tickgraph.pipeline import train as module
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.engines import LocalEngine
from tickgraph.pipeline.engines.plan import Plan
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry

STEPS = [
    (choice, "shared_sessions"),
    (choice, "select_peers"),
    (snapshots, "node_features"),
    (snapshots, "rolling_correlation"),
    (fitting, "check_moves"),
    (fitting, "training_example"),
    (TrainingProgram, "training"),
    (fitting, "fit_volatility"),
    (fitting, "conformal_scores"),
    (fitting, "measure"),
    (module, "describe"),
    (ModelRegistry, "publish"),
]
ERRORS = [ValueError, ZeroDivisionError, MemoryError, RuntimeError, KeyError, OverflowError, RecursionError]


@pytest.fixture
def own(tmp_path):
    return ModelRegistry(tmp_path / "models")


@pytest.fixture
def fail(monkeypatch):
    """Have a step raise while AAPL is at it; where all symbols go through it at once, for all of them."""
    working = threading.local()
    fit = Plan.fit

    def followed(plan, symbol, program):
        working.symbol = symbol
        return fit(plan, symbol, program)

    def patch(place, name, error):
        step = getattr(place, name)

        def broken(*words, **more):
            if getattr(working, "symbol", "AAPL") == "AAPL":
                raise error
            return step(*words, **more)

        monkeypatch.setattr(place, name, broken)

    monkeypatch.setattr(Plan, "fit", followed)
    return patch


@pytest.mark.parametrize(("place", "name"), STEPS, ids=[name for _, name in STEPS])
def test_any_error_of_one_symbol_fails_it_alone_wherever_it_comes_from(
    panel, program, own, fail, caplog, place, name
):
    error = ERRORS[STEPS.index((place, name)) % len(ERRORS)]
    fail(place, name, error("broken"))
    outcomes = []
    with caplog.at_level(logging.ERROR):
        report = train_symbols(
            panel.tail(400), ["AAPL", "MSFT"], own, program=program, on_outcome=outcomes.append
        )
    assert set(report.done) == {"MSFT"} == set(own.symbols())
    assert set(report.failed) == {"AAPL"}
    assert report.failed["AAPL"].startswith(f"AAPL: an unforeseen error, {error.__name__}: ")
    assert {outcome.symbol: bool(outcome.error) for outcome in outcomes} == {"AAPL": True, "MSFT": False}
    assert any(record.exc_info and record.exc_info[0] is error for record in caplog.records), (
        "with a traceback"
    )


def test_who_hears_of_an_outcome_and_fails_stops_nobody(panel, program, own):
    def listen(outcome):
        if outcome.symbol == "AAPL":
            raise UnicodeEncodeError("ascii", "é", 0, 1, "a terminal that cannot print it")

    report = train_symbols(panel.tail(400), ["AAPL", "MSFT"], own, program=program, on_outcome=listen)
    assert set(report.done) == {"AAPL", "MSFT"}, "both are published"
    assert "UnicodeEncodeError" in report.failed["AAPL"]


def test_a_publication_may_fail_one_symbol_and_a_storage_error_ends_the_run(panel, program, own, monkeypatch):
    publish, asked = own.publish, []

    def once(*arguments, **options):
        asked.append(1)
        if len(asked) == 1:
            raise KeyError("lost")
        return publish(*arguments, **options)

    monkeypatch.setattr(own, "publish", once)
    report = train_symbols(panel.tail(400), ["AAPL", "MSFT"], own, program=program, engine=LocalEngine(1))
    assert (len(report.done), len(report.failed)) == (1, 1)

    def full(*_, **__):
        raise StorageError("the disk is full")

    monkeypatch.setattr(own, "publish", full)
    with pytest.raises(StorageError):
        train_symbols(panel.tail(400), ["AAPL", "MSFT"], own, program=program)


def test_a_fund_that_keeps_its_price_fails_and_the_others_are_trained_without_it(panel, program, own):
    prices = panel.adj_close.copy()
    prices[:, panel.column("BAC")] = 1.0
    report = train_symbols(replace(panel, adj_close=prices), ["BAC", "JPM"], own, program=program)
    assert set(report.done) == {"JPM"}
    assert "BAC" not in report.done["JPM"].training_config.correlated_symbols
    assert "The price of BAC has not moved in the 360 sessions" in report.failed["BAC"]


def test_what_falls_out_is_said(panel, program, own):
    prices = panel.select(["AAPL", "MSFT", "JPM", "XOM", "BAC"]).tail(400)
    adj_close = prices.adj_close.copy()
    adj_close[-30:, 3] = np.nan  # XOM has ended
    adj_close[-1, [0, 1, 4]] = np.nan  # JPM is a session ahead
    report = train_symbols(replace(prices, adj_close=adj_close), ["AAPL", "JPM", "XOM"], own, program=program)
    assert report.notes == [
        "1 symbol without a price of 2022-12-29 cannot be peers as of then. Their last sessions: XOM (2022-11-16). "
        "Bring them up to date with tickgraph prices update, unless they no longer trade",
        "XOM: prices end on 2022-11-16, 29 sessions before those of most others, so the model is as of then",
        "Prices of JPM reach 2022-12-30, and those of most others end on 2022-12-29: models of others do not use "
        "what comes after that",
        "JPM: the model is as of 2022-12-29, and not of the last session 2022-12-30, at which most candidates for "
        "peers have no price",
        "AAPL, JPM: 3 of 10 peers, since there are 4 candidates, 1 without a price of 2022-12-29",
        "XOM: 4 of 10 peers, since there are 4 candidates",
    ]
    stats = {symbol: str(own.metadata(symbol).data_stats.last_session) for symbol in ("AAPL", "JPM", "XOM")}
    assert stats == {"AAPL": "2022-12-29", "JPM": "2022-12-29", "XOM": "2022-11-16"}


@pytest.mark.parametrize(
    "error", [ValueError("odd"), OSError(40, "Too many levels of symbolic links"), KeyError("x")]
)
def test_any_error_of_one_models_correlations_fails_it_alone(registry, panel, error):
    def panels(_, symbols):
        if symbols[0] == "JPM":
            raise error
        return panel.select(symbols)

    report = publish_correlations(registry, panels, ["AAPL", "JPM", "XOM"], force=True)
    assert set(report.published) == {"AAPL", "XOM"}
    assert f"JPM: an unforeseen error, {type(error).__name__}" in report.failed["JPM"]
