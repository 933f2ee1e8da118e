"""An error of one symbol, at any step of a refresh or of an overview, fails it alone; the others go on."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from made_site import SYMBOLS, published, trained
from tickgraph.cli.refresh import exit_code
from tickgraph.market.store import update as updating
from tickgraph.market.store.store import PriceStore
from tickgraph.operations import due, due_models
from tickgraph.operations import overview as looking
from tickgraph.operations.overview import overview
from tickgraph.operations.refresh import refresh
from tickgraph.pipeline import correlations as correlating
from tickgraph.pipeline.engines.plan import Plan
from tickgraph.registry.registry import ModelRegistry

REST = set(SYMBOLS) - {"XOM"}
LOOP = "Too many levels of symbolic links"


@pytest.fixture
def fail(monkeypatch):
    """Have a step raise where it is asked for XOM, by name or by metadata."""

    def patch(place, name, error=OSError):
        step = getattr(place, name)

        def broken(*words, **more):
            said = [word[:1] if isinstance(word, tuple) else getattr(word, "symbol", word) for word in words]
            if any(isinstance(word, str | tuple) and word in ("XOM", ("XOM",)) for word in said):
                raise error(LOOP)
            return step(*words, **more)

        monkeypatch.setattr(place, name, broken)

    return patch


@pytest.mark.parametrize(
    ("place", "name", "where"),
    [
        (due, "reasons_of", "whether it is due"),
        (correlating, "latest_correlation", "correlations"),
        (ModelRegistry, "correlation", "correlations"),
        (ModelRegistry, "publish_correlation", "correlations"),
    ],
)
def test_what_fails_for_one_model_is_said_and_the_others_are_refreshed(
    site, fail, caplog, place, name, where
):
    fail(place, name)
    with caplog.at_level(logging.ERROR):
        run = refresh(site, force=name == "publish_correlation")
    assert {run.symbols[symbol].correlations for symbol in REST} <= {"published", "unchanged"}
    text = f"{where}: XOM: an unforeseen error, OSError: "
    assert any(error.startswith(text) for error in run.symbols["XOM"].errors)
    assert (run.state, run.error, exit_code(run)) == ("failed", "1 symbol failed: XOM", 3)
    assert any(record.exc_info for record in caplog.records)


def test_a_model_that_cannot_be_looked_at_is_damaged_and_trained_again(site, fail):
    fail(ModelRegistry, "load")
    run = refresh(site)
    assert trained(run) == {"XOM"}
    assert "damaged: XOM: an unforeseen error, OSError" in run.symbols["XOM"].reasons[0]


def test_training_and_who_hears_of_it_fail_one_symbol(site, clock, fail):
    clock.moment += timedelta(days=8)
    fail(Plan, "fit")
    run = refresh(site)
    assert trained(run) == REST
    assert run.symbols["XOM"].errors[0].startswith("training: XOM: an unforeseen error, OSError")
    assert exit_code(run) == 3

    def listen(event, what):
        if (event, what) == ("training", "JPM"):
            raise KeyError("a display that fails")

    clock.moment += timedelta(seconds=1)
    run = refresh(site, symbols=["JPM", "MSFT"], full=True, on_event=listen)
    assert trained(run) == {"JPM", "MSFT"}
    assert "a display that fails" in run.symbols["JPM"].errors[0]


def test_prices_of_one_symbol_that_raise_leave_those_of_the_others(site, source, clock, monkeypatch):
    clock.moment += timedelta(days=1)
    judge = updating.judge

    def broken(held, rows, symbol, provider):
        if symbol == "XOM":
            raise ZeroDivisionError("odd rows")
        return judge(held, rows, symbol, provider)

    monkeypatch.setattr(updating, "judge", broken)
    run = refresh(site)
    assert {s for s, done in run.symbols.items() if done.prices == "failed"} == {"XOM"}
    rest = {(done.prices, done.sessions_added) for s, done in run.symbols.items() if s != "XOM"}
    assert rest == {("updated", 1)}, "also those that were stored before the error"
    assert run.symbols["XOM"].errors[0].startswith("prices: XOM: an unforeseen error, ZeroDivisionError")
    assert site.store.stored("sample", "AAPL").last == run.session
    assert run.unreachable == {}
    assert published(run) >= REST


def test_a_source_that_raises_whatever_is_asked_is_asked_a_few_times_and_models_are_refreshed(
    site, source, clock, monkeypatch
):
    clock.moment += timedelta(days=8)
    asked = []

    def fetch(*_):
        asked.append(1)
        raise AttributeError("a fault of the provider's own")

    monkeypatch.setattr(source, "fetch", fetch)
    run = refresh(site)
    assert len(asked) < 12
    assert "an unforeseen error, AttributeError" in run.unreachable["sample"]
    assert trained(run) == set(SYMBOLS)


def test_stored_prices_of_one_symbol_that_cannot_be_read_leave_the_others(site, monkeypatch):
    panel, stored = PriceStore.panel, PriceStore.stored

    def broken_panel(store, source, symbols, **more):
        if "COP" in symbols:
            raise KeyError("COP")
        return panel(store, source, symbols, **more)

    def broken_stored(store, source, symbol):
        if symbol == "COP":
            raise KeyError("COP")
        return stored(store, source, symbol)

    monkeypatch.setattr(PriceStore, "panel", broken_panel)
    monkeypatch.setattr(PriceStore, "stored", broken_stored)
    run = refresh(site, update=False, full=True)
    assert trained(run) == set(SYMBOLS)
    assert "COP" not in site.registry.metadata("XOM").nodes


def test_peers_that_cannot_be_chosen_are_a_problem_and_what_is_due_is_trained(site, clock, monkeypatch):
    def broken(*_):
        raise IndexError("peers")

    clock.moment += timedelta(days=8)
    monkeypatch.setattr(due_models, "choose", broken)
    run = refresh(site)
    assert trained(run) == set(SYMBOLS)
    assert "the peers of today could not be chosen" in run.error


@pytest.mark.parametrize(
    ("place", "name"), [(ModelRegistry, "verified"), (looking, "status_of"), (PriceStore, "stored")]
)
def test_an_overview_shows_one_symbol_as_failed_and_the_others_as_they_are(
    site, clock, fail, monkeypatch, place, name
):
    fail(place, name, RecursionError)
    found = overview(site.registry, site.store, site.operations_dir, "sample", clock.moment)
    assert found.symbols["XOM"].state == "failed"
    assert "XOM: an unforeseen error, RecursionError" in found.symbols["XOM"].problems[0]
    assert {found.symbols[symbol].state for symbol in REST} == {"ok"}
