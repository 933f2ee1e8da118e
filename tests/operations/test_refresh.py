from __future__ import annotations

import errno
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from made_site import POOL, SYMBOLS, TRAINING, contents, published, trained
from tickgraph.errors import StorageError
from tickgraph.market.store import PriceStore, history
from tickgraph.market.universe import add_aliases
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.lease import Lease, read_lease
from tickgraph.operations.lease_record import LeaseHeldError, LeaseLostError
from tickgraph.operations.records import LiveFigures, LiveQuality, RunLog, read_quality
from tickgraph.operations.refresh import refresh
from tickgraph.operations.timetable import Due, missed
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.registry.registry import ModelRegistry

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_aliases_left():
    yield
    add_aliases({})


def generations(site):
    return {symbol: site.registry.generation(symbol) for symbol in site.registry.symbols()}


def test_run_again_at_once_nothing_is_fetched_published_or_trained(site, source):
    before = generations(site)
    run = refresh(site)
    assert run.state == "done"
    assert not source.asked
    assert not published(run) | trained(run)
    assert {done.correlations for done in run.symbols.values()} == {"unchanged"}
    assert generations(site) == before


def test_the_next_morning_only_the_missing_session_is_asked_for_and_correlations_follow(site, source, clock):
    clock.moment += DAY
    before = {symbol: site.registry.load(symbol, weight_shapes).weights for symbol in SYMBOLS}
    run = refresh(site, kind="daily", due_at=clock.moment)
    assert run.state == "done"
    assert run.session == date(2022, 11, 1)
    assert dict(source.asked) == dict.fromkeys(POOL, 1)
    assert {(d.prices, d.sessions_added) for d in run.symbols.values()} == {("updated", 1)}
    assert published(run) == set(SYMBOLS)
    assert not trained(run)
    for symbol in SYMBOLS:
        stored = site.registry.load(symbol, weight_shapes)
        assert stored.metadata.correlations.as_of == date(2022, 11, 1)
        assert all((stored.weights[name] == value).all() for name, value in before[symbol].items())
    assert RunLog(site.operations_dir).latest("daily") == run
    assert "daily" not in {due.kind for due in missed(RunLog(site.operations_dir), clock.moment)}


def test_a_refresh_asks_the_store_once_and_opens_no_history_for_what_it_knows(site, clock, monkeypatch):
    opened, read_regular = Counter(), history.read_regular

    def read(path, *limit):
        opened[path.stem] += 1
        return read_regular(path, *limit)

    monkeypatch.setattr(history, "read_regular", read)
    refresh(replace(site, store=PriceStore(site.store.root, clock)), symbols=["AAPL"], retrain=False)
    nodes = site.registry.metadata("AAPL").nodes
    assert opened == dict.fromkeys(nodes, 2), "its last session, and its prices"
    clock.moment += DAY
    opened.clear()
    refresh(replace(site, store=PriceStore(site.store.root, clock)))
    assert opened == dict.fromkeys(POOL, 3), (
        "its last session, its last prices to compare, and all of its prices"
    )
    opened.clear()
    refresh(site)
    refresh(site)
    assert opened == dict.fromkeys(POOL, 3), "the footers are known the second time"


def test_only_what_failed_is_asked_for_again(site, source, clock):
    clock.moment += DAY
    source.failing = {"JPM": "no rows for JPM"}
    run = refresh(site)
    assert (run.state, run.unreachable) == ("failed", {})
    assert "JPM" in run.error
    assert run.symbols["JPM"].prices == "failed"
    assert "no rows for JPM" in run.symbols["JPM"].errors[0]
    assert "AAPL" in published(run)
    source.failing, source.asked = {}, type(source.asked)()
    run = refresh(site)
    assert (run.state, dict(source.asked)) == ("done", {"JPM": 1})
    assert "JPM" in published(run)


def test_prices_that_are_damaged_are_fetched_whole_and_a_history_too_short_fails_its_symbol_alone(
    site, source
):
    (site.store.root / "sample" / "BAC.parquet").write_bytes(b"damaged")
    run = refresh(replace(site, universe=(*SYMBOLS, "ABNB")))
    assert dict(source.asked) == {"BAC": 1, "ABNB": 1}
    assert run.symbols["BAC"].sessions_added > 2000
    assert trained(run) == {"ABNB"}
    site.store.write("sample", site.store.read("sample", ["AAPL"]).tail(100))
    run = refresh(site, symbols=["AAPL", "JPM"], full=True)
    assert trained(run) == {"JPM"}
    assert "History too short for AAPL" in run.symbols["AAPL"].errors[0]
    assert (run.state, run.error) == ("failed", "1 symbol failed: AAPL")
    assert run.symbols["AAPL"].correlations in ("published", "unchanged")


def test_a_candidate_that_is_no_models_peer_fails_no_run(site, source, clock):
    peers = {p for s in SYMBOLS for p in site.registry.metadata(s).training_config.correlated_symbols}
    lonely = sorted(set(POOL) - peers - set(SYMBOLS))
    clock.moment += DAY
    source.failing = dict.fromkeys(lonely or ["NFLX"], "delisted")
    site = replace(site, peer_pool=(*POOL, "NFLX"))
    run = refresh(site)
    assert run.state == "done"
    assert any(done.prices == "failed" for done in run.symbols.values())


def test_a_provider_that_is_down_stops_neither_correlations_nor_training_and_the_run_failed(
    site, source, clock
):
    clock.moment += DAY
    refresh(site)
    clock.moment += 7 * DAY
    source.down = True
    run = refresh(site)
    assert run.state == "failed"
    assert "the provider does not answer" in run.unreachable["sample"]
    assert trained(run) == set(SYMBOLS)
    for symbol in SYMBOLS:
        assert "trained 8 days ago" in run.symbols[symbol].reasons
        assert "trained on prices to 2022-11-01: 5 sessions old" in run.symbols[symbol].reasons
        assert any("does not answer" in error for error in run.symbols[symbol].errors)


def test_a_provider_that_is_late_is_a_failed_run_so_that_it_is_tried_again(site, source, clock):
    clock.moment += DAY
    source.late = True
    due = Due("daily", clock.moment.replace(second=0))
    run = refresh(site, kind=due.kind, due_at=due.at)
    assert run.state == "failed"
    assert run.unreachable == {
        "sample": "source 'sample' has no prices of 2022-11-01 yet: its newest are of 2022-10-31"
    }
    assert due in missed(RunLog(site.operations_dir), clock.moment)
    source.late = False
    assert refresh(site, kind=due.kind, due_at=due.at).state == "done"
    assert due not in missed(RunLog(site.operations_dir), clock.moment)


def test_a_provider_that_is_late_for_many_symbols_is_a_failed_run_and_no_peers_are_chosen_among_the_rest(
    site, source, clock
):
    """Peers of the last session are those that have it: every model would be due, and be trained with these."""
    before = {symbol: site.registry.metadata(symbol).training_config.correlated_symbols for symbol in SYMBOLS}
    clock.moment += DAY
    source.ends = {symbol: date(2022, 10, 31) for symbol in POOL if symbol not in ("AAPL", "JPM", "C")}
    run = refresh(site)
    assert run.state == "failed"
    assert run.unreachable == {
        "sample": "source 'sample' has no prices of 2022-11-01 yet for 11 of 14 symbols: "
        "AMZN, BAC, COP, CVX, GOOGL and 6 more"
    }
    assert not trained(run)
    assert published(run) >= {"AAPL", "JPM"}
    refresh(site, symbols=["AAPL"], full=True)
    metadata = site.registry.metadata("AAPL")
    assert metadata.training_config.correlated_symbols == before["AAPL"]
    assert metadata.data_stats.last_session == date(2022, 10, 31)
    source.ends = {}
    clock.moment += timedelta(hours=1)
    assert refresh(site).state == "done"
    assert {site.registry.metadata(s).correlations.as_of for s in SYMBOLS} == {date(2022, 11, 1)}


def test_a_halted_symbol_makes_no_provider_late(site, source, clock):
    clock.moment += DAY
    source.ends = {"XOM": date(2022, 10, 31)}
    run = refresh(site)
    assert (run.state, run.unreachable) == ("done", {})
    assert not trained(run)


def test_a_delisted_symbol_fails_the_first_run_and_no_later_one(site, source, clock):
    source.failing = {"XOM": "delisted"}
    clock.moment += DAY
    assert refresh(site).error == "1 symbol failed: XOM"
    clock.moment += DAY
    run = refresh(site)
    assert run.state == "done"
    assert run.symbols["XOM"].errors == ("prices: delisted",), "it is said all the same"
    assert refresh(site, symbols=["XOM"]).state == "failed", "asked for by name, it failed"
    source.failing = dict.fromkeys(("XOM", "JPM", "MSFT"), "an error of the provider's own")
    clock.moment += 2 * DAY
    assert refresh(site).state == "failed", "these are too many to be delisted"


def test_a_weekly_run_trains_what_was_trained_before_it_was_due_and_nothing_twice(site, clock):
    sunday = datetime(2022, 11, 6, 7, tzinfo=UTC)
    clock.moment = sunday + timedelta(minutes=1)
    refresh(site, symbols=["AAPL"], full=True)
    clock.moment += timedelta(minutes=1)
    events = []
    run = refresh(site, kind="weekly", due_at=sunday, on_event=lambda *event: events.append(event))
    assert trained(run) == {"JPM", "MSFT", "XOM"}
    assert {symbol for step, symbol in events if step == "correlations"} == {
        "AAPL"
    }  # the others' come with a model
    assert run.symbols["XOM"].reasons == ("full run",)
    assert run.full
    clock.moment += timedelta(minutes=1)
    assert not trained(refresh(site, kind="weekly", due_at=sunday))


def test_no_retrain_publishes_correlations_of_what_is_due(site, clock):
    clock.moment += 8 * DAY
    run = refresh(site, retrain=False)
    assert published(run) == set(SYMBOLS)
    assert not trained(run)
    assert run.symbols["AAPL"].reasons == ("trained 8 days ago",)


def test_without_an_update_no_source_is_asked(site, source, clock):
    clock.moment += DAY
    run = refresh(site, update=False)
    assert (run.state, dict(source.asked)) == ("done", {})


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(site, source, clock):
    clock.moment += 8 * DAY
    site.registry.paths("XOM").weights.write_bytes(b"damaged")
    site = replace(site, universe=(*SYMBOLS, "BAC"))
    before = contents(site.operations_dir.parent)
    run = refresh(site, dry_run=True)
    assert contents(site.operations_dir.parent) == before
    assert not source.asked
    assert run.dry_run
    assert {s for s, done in run.symbols.items() if done.training == "planned"} == {*SYMBOLS, "BAC"}
    assert {s for s, done in run.symbols.items() if done.prices == "planned"} == set(POOL)
    assert run.symbols["BAC"].reasons == ("no model",)
    assert run.symbols["AAPL"].reasons == ("trained 8 days ago",)
    assert "damaged" in run.symbols["XOM"].reasons[0]
    assert trained(refresh(site)) == {*SYMBOLS, "BAC"}  # it did what it said


def test_damaged_models_are_trained_and_all_others_left_alone(site):
    site.registry.paths("XOM").weights.write_bytes(b"damaged")
    site.registry.paths("JPM").metadata.write_text("{}")
    assert trained(refresh(site)) == {"XOM", "JPM"}
    assert site.registry.load("XOM", weight_shapes).symbol == "XOM"
    other = replace(site, training=TRAINING.model_copy(update={"min_sessions": 220}))
    assert not trained(refresh(other))


def test_live_quality_is_written_and_what_is_out_of_its_band_trained_once(site, clock):
    clock.moment += DAY
    quality = LiveQuality(
        as_of=date(2022, 11, 1), computed_at=clock.moment, window=60, panel=LiveFigures(forecasts=0),
        flagged={"MSFT": "80 % intervals held 41 %"},
    )  # fmt: skip
    site = replace(site, quality=lambda: quality)
    run = refresh(site)
    assert trained(run) == {"MSFT"}
    assert run.symbols["MSFT"].reasons == ("live quality: 80 % intervals held 41 %",)
    assert read_quality(site.operations_dir) == quality
    clock.moment += timedelta(seconds=1)
    assert not trained(refresh(site))


@pytest.mark.parametrize("error", [StorageError("the journal cannot be read"), ValueError("odd figures")])
def test_forecasts_that_cannot_be_scored_fail_the_run_and_stop_nothing(site, clock, error):
    def quality():
        raise error

    clock.moment += 8 * DAY
    run = refresh(replace(site, quality=quality))
    assert run.state == "failed"
    assert "live forecasts could not be scored: " in run.error
    assert str(error) in run.error
    assert trained(run) == set(SYMBOLS)


def test_a_renamed_symbol_is_trained_under_its_new_name_and_stays_the_peer_that_it_was(site, source, clock):
    clock.moment += DAY
    source.known_as = {"NEWCO": "MSFT"}
    add_aliases({"MSFT": "NEWCO"})
    site = replace(site, peer_pool=tuple("NEWCO" if s == "MSFT" else s for s in POOL))
    run = refresh(site)
    assert run.state == "done", run.error
    assert trained(run) == {"NEWCO"}
    assert published(run) == {"AAPL", "JPM", "XOM", "NEWCO"}
    assert run.symbols["NEWCO"].reasons == ("renamed: its model is that of MSFT",)
    assert "NEWCO" in site.registry.metadata("AAPL").nodes
    assert site.registry.metadata("NEWCO").symbol == "NEWCO"
    clock.moment += timedelta(seconds=1)
    assert not trained(refresh(site))


def test_a_symbol_without_a_model_that_was_asked_for_is_named(site):
    run = refresh(site, symbols=["AAPL", "TSLA"])
    assert run.state == "failed"
    assert "Run: tickgraph train --symbols TSLA" in run.symbols["TSLA"].errors[0]


def test_another_refresh_is_refused_while_one_runs(site, clock):
    with Lease(site.operations_dir, "theirs", clock):
        before = contents(site.operations_dir)
        with pytest.raises(LeaseHeldError):
            refresh(site)
        made = contents(site.operations_dir).keys() - before.keys()
    assert not [path for path in made if path.suffix != ".tmp"]  # of the lease, which its owner renews


def test_a_run_that_lost_its_lease_publishes_no_more(site, clock):
    clock.moment += 8 * DAY
    theirs = Lease(site.operations_dir, "theirs", clock)

    def held_up(event, _):
        if event == "training" and read_lease(site.operations_dir).run != "theirs":
            clock.moment += timedelta(hours=1)
            theirs.take()

    with pytest.raises(LeaseLostError):
        refresh(site, on_event=held_up)
    old = [s for s in SYMBOLS if clock.moment - site.registry.metadata(s).training_date > DAY]
    # The one that was trained; another thread may have published before the lease was taken.
    assert len(old) >= len(SYMBOLS) - 2
    assert read_lease(site.operations_dir).run == "theirs"
    theirs.release()


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_does_the_rest(site, clock):
    clock.moment += timedelta(hours=1)

    def stop(event, _):
        if event == "training":
            raise KeyboardInterrupt

    first = refresh(site, full=True, on_event=stop)
    assert first.state == "interrupted"
    done = {s for s in SYMBOLS if site.registry.metadata(s).training_date == clock.moment}
    assert done
    clock.moment += timedelta(minutes=1)
    second = refresh(site)
    assert second.full
    assert second.started_at == first.started_at
    assert trained(second) == set(SYMBOLS) - done
    assert second.state == "done"
    clock.moment += timedelta(minutes=1)
    assert not trained(refresh(site))


def test_a_full_run_of_some_symbols_that_was_interrupted_makes_no_full_run_of_all(site, clock):
    def stop(event, _):
        if event == "begin training":
            raise KeyboardInterrupt

    clock.moment += timedelta(hours=1)
    assert refresh(site, symbols=["AAPL"], full=True, on_event=stop).state == "interrupted"
    clock.moment += DAY
    second = refresh(site)
    assert not second.full
    assert trained(second) == set()


def test_a_run_of_some_symbols_that_carries_on_a_full_one_leaves_it_to_the_next(site, clock):
    def stop(event, _):
        if event == "begin training":
            raise KeyboardInterrupt

    clock.moment += timedelta(hours=1)
    assert refresh(site, full=True, on_event=stop).state == "interrupted"
    assert refresh(site, symbols=["AAPL"], on_event=stop).state == "interrupted"
    assert trained(refresh(site)) == set(SYMBOLS)


@pytest.mark.parametrize("step", ["prices", "correlations", "training"])
def test_a_full_disk_fails_the_run_and_the_next_one_does_it_all(site, clock, monkeypatch, step):
    clock.moment += 8 * DAY if step == "training" else DAY
    replaced, full = os.replace, []

    def no_room(source, target):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        replaced(source, target)

    monkeypatch.setattr(os, "replace", no_room)
    with pytest.raises(StorageError, match="disk is full"):
        refresh(site, on_event=lambda event, _: full.append(event) if event == f"begin {step}" else None)
    full.clear()
    assert RunLog(site.operations_dir).latest().state == "running"  # it could not even be said
    run = refresh(site)
    assert run.state == "done"
    assert [r.state for r in list(RunLog(site.operations_dir).newest_first())][:2] == ["done", "interrupted"]
    assert (trained(run) if step == "training" else published(run)) == set(SYMBOLS)


def test_a_failure_that_can_be_written_down_is(site, monkeypatch):
    def broken(*_, **__):
        raise StorageError("prices cannot be listed")

    monkeypatch.setattr(type(site.store), "stored", broken)
    with pytest.raises(StorageError):
        refresh(site)
    latest = RunLog(site.operations_dir).latest()
    assert (latest.state, latest.error) == ("failed", "prices cannot be listed")
    assert latest.finished_at is not None
    assert read_lease(site.operations_dir) is None


def test_runs_are_told_apart_and_ordered_while_the_clock_stands_still(site):
    runs = [refresh(site) for _ in range(3)]
    assert [run.id for run in list(RunLog(site.operations_dir).newest_first())][:3] == [
        run.id for run in reversed(runs)
    ]


def test_a_service_that_publishes_correlations_at_the_same_time_does_no_harm(site, clock):
    """What POST /admin/correlations does, before each symbol that a refresh publishes or trains."""
    clock.moment += 8 * DAY
    site.registry.paths("XOM").weights.write_bytes(b"damaged")

    def beside(event, _):
        if event in ("begin correlations", "correlations", "begin training", "training"):
            publish_correlations(site.registry, site.store.panel, SYMBOLS, force=True)

    run = refresh(site, on_event=beside)
    assert run.state == "done", run.error
    for symbol in SYMBOLS:
        stored = site.registry.load(symbol, weight_shapes)
        assert stored.metadata.training_date == clock.moment
        assert stored.metadata.correlations.as_of == run.session


def test_a_model_that_a_service_trains_while_its_correlations_are_computed_is_no_failure(site, clock):
    retrained = []

    def now():
        if not retrained and begun:
            retrained.append("AAPL")
            stored = site.registry.load("AAPL", weight_shapes)
            weights = {path: 2 * value for path, value in stored.weights.items()}
            ModelRegistry(site.registry.root, clock).publish(stored.metadata, weights, stored.correlation)
        return clock.moment

    begun = []
    watched = replace(site, registry=ModelRegistry(site.registry.root, now))
    run = refresh(watched, symbols=["AAPL"], force=True, on_event=lambda event, _: begun.append(event))
    assert retrained
    assert run.state == "done", run.error
    assert run.symbols["AAPL"].correlations == "unchanged"


def test_a_symbol_too_young_for_a_model_waits_and_fails_no_run(site, source, clock):
    site = replace(
        site, universe=(*SYMBOLS, "ABNB"), training=site.training.model_copy(update={"sessions": 600})
    )
    site = replace(site, training=site.training.model_copy(update={"min_sessions": 480}))
    run = refresh(site)
    assert run.state == "done", run.error
    assert run.symbols["ABNB"].training == "waiting"
    assert "History too short for ABNB" in run.symbols["ABNB"].reasons[-1]
    assert trained(run) == set(SYMBOLS)
