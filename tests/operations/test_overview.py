from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import pytest

from edited_metadata import edit
from made_prices import StoreOf
from tickgraph.market.store import PriceStore
from tickgraph.operations.overview import overview
from tickgraph.operations.records import (
    LiveFigures,
    LiveQuality,
    RefreshRun,
    RunLog,
    SymbolRun,
    write_quality,
)
from tickgraph.registry.registry import ModelRegistry

HOLIDAY_OVER = datetime(
    2023, 1, 3, 20, tzinfo=UTC
)  # the session of the day is not over; the last was 2022-12-30
LATER = datetime(2023, 1, 5, 15, tzinfo=UTC)  # two sessions on


@pytest.fixture
def store(prices_dir, tmp_path):
    shutil.copytree(prices_dir, tmp_path / "own-prices")
    return PriceStore(tmp_path / "own-prices")


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def look(registry, store, state):
    for symbol in registry.symbols():
        redate(registry, symbol, HOLIDAY_OVER - timedelta(days=2))
    return lambda now=HOLIDAY_OVER: overview(registry, store, state, "sample", now)


def redate(registry, symbol, moment):
    """Make a model as old as this."""
    edit(registry.paths(symbol).metadata, lambda content: content.update(training_date=moment.isoformat()))


def quality(flagged=(), computed_at=HOLIDAY_OVER):
    figures = LiveFigures(forecasts=30, coverage={"0.8": 0.5}, error_ratio=1.6)
    return LiveQuality(
        as_of=date(2022, 12, 30),
        computed_at=computed_at,
        window=60,
        panel=figures,
        symbols={"JPM": figures, "NKE": figures},
        flagged=dict(flagged),
    )


def run(state="done", **words):
    return RefreshRun(
        id="r1",
        kind="manual",
        started_at=HOLIDAY_OVER,
        owner="p",
        session=date(2022, 12, 30),
        state=state,
        **words,
    )


def test_all_is_well_after_a_refresh(look):
    found = look()
    assert found.is_well
    assert {one.state for one in found.symbols.values()} == {"ok"}
    aapl = found.symbols["AAPL"]
    assert (aapl.last_session, aapl.sessions_behind, aapl.correlations_as_of) == (
        date(2022, 12, 30),
        0,
        date(2022, 12, 30),
    )
    assert aapl.trained_at == HOLIDAY_OVER - timedelta(days=2)
    assert found.sources["sample"].last_session == date(2022, 12, 30)
    assert found.sources["sample"].symbols == 42


def test_prices_without_the_last_sessions_are_stale(look):
    found = look(LATER)
    assert not found.is_well
    assert found.symbols["AAPL"].state == "stale"
    assert found.symbols["AAPL"].problems == ("prices end on 2022-12-30: 2 sessions are missing",)
    assert found.sources["sample"].sessions_behind == 2


def test_models_over_a_week_old_are_stale(look, registry):
    redate(registry, "MSFT", HOLIDAY_OVER - timedelta(days=9))
    found = look()
    assert next(iter(found.symbols)) == "MSFT", "the worst first"
    assert found.symbols["MSFT"].problems == ("its model is of 2022-12-25, over seven days old",)


def test_correlations_older_than_the_prices_are_stale(look, registry):
    from tickgraph.model.weights import weight_shapes

    stored = registry.load("XOM", weight_shapes)
    then = ModelRegistry(registry.root, lambda: HOLIDAY_OVER - timedelta(hours=1))
    then.publish_correlation("XOM", stored.correlation, date(2022, 12, 28))
    assert look().symbols["XOM"].problems == ("its correlations are of 2022-12-28",)


@pytest.mark.parametrize("kind", ["weights", "correlations", "metadata"])
def test_a_damaged_model_is_shown_as_such(look, registry, kind):
    path = getattr(registry.paths("JPM"), kind)
    path.write_bytes(path.read_bytes()[:-40])
    found = look()
    assert next(iter(found.symbols)) == "JPM"
    assert found.symbols["JPM"].state == "failed"
    assert path.name in found.symbols["JPM"].problems[0]
    assert found.symbols["AAPL"].state == "ok"


def test_damaged_or_missing_prices_are_shown_as_such(look, store):
    (store.root / "sample/AAPL.parquet").write_bytes(b"PAR1")
    (store.root / "sample/MSFT.parquet").unlink()
    found = look()
    assert list(found.symbols)[:2] == ["AAPL", "MSFT"]
    assert "damaged or foreign" in found.symbols["AAPL"].problems[0]
    assert found.symbols["MSFT"].problems == ("no prices are stored from sample",)
    assert found.symbols["JPM"].state == "ok"


def test_live_quality_stands_beside_its_symbol(look, state):
    write_quality(state, quality({"JPM": "its 80% interval held 50%"}))
    found = look()
    assert next(iter(found.symbols)) == "JPM"
    assert found.symbols["JPM"].state == "out of band"
    assert found.symbols["JPM"].problems == ("its 80% interval held 50%",)
    assert found.symbols["JPM"].live.forecasts == 30
    assert found.symbols["AAPL"].live is None
    assert found.symbols["NKE"].trained_at is None, "served without a model"


def test_a_flag_ends_with_the_model_that_it_was_about(look, registry, state):
    write_quality(state, quality({"JPM": "its 80% interval held 50%"}))
    redate(registry, "JPM", HOLIDAY_OVER + timedelta(minutes=5))
    assert look(HOLIDAY_OVER + timedelta(minutes=10)).symbols["JPM"].state == "ok"


def test_quality_is_scored_anew_when_a_session_has_ended_since(look, state, registry, store):
    from tickgraph.serving.forecaster import Forecaster
    from tickgraph.serving.journal import ForecastJournal

    write_quality(state, quality(computed_at=datetime(2022, 12, 30, 20, 59, tzinfo=UTC)))
    evening = datetime(2022, 12, 29, 22, tzinfo=UTC)

    def panels(source, symbols):
        return store.panel(source, symbols, last=date(2022, 12, 29))

    journal = ForecastJournal(state / "journal", lambda: evening)
    Forecaster(registry, StoreOf(panels), now=lambda: evening, journal=journal).forecast("AAPL")
    found = look()
    assert list(found.quality.symbols) == ["AAPL"]
    assert found.symbols["AAPL"].live.forecasts == 1


def test_a_journal_that_cannot_be_read_is_a_problem(look, state):
    state.mkdir()
    (state / "journal").write_text("a file in its place")
    found = look()
    assert not found.is_well
    assert "live quality cannot be scored" in found.problems[0]


def test_a_refresh_that_failed_is_a_problem(look, state):
    log = RunLog(state)
    log.write(run(state="failed", symbols={"JPM": SymbolRun(errors=("no answer",)), "AAPL": SymbolRun()}))
    assert look().problems == ("the last refresh (r1) failed for JPM",)
    log.write(run(state="failed", error="the disk is full"))
    assert look().problems == ("the last refresh (r1) failed: the disk is full",)
    log.write(run(state="done"))
    assert look().is_well


def test_with_nothing_there_it_says_what_to_do(tmp_path):
    found = overview(
        ModelRegistry(tmp_path / "none"), PriceStore(tmp_path / "no-prices"), tmp_path / "s", "sample", LATER
    )
    assert found.symbols == {}
    assert "tickgraph train" in found.problems[0]
    assert not found.is_well
    assert not (tmp_path / "s").exists(), "looking leaves nothing behind"
