"""What a clock that was wrong has left behind is said, and mended by the next refresh."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from made_site import SYMBOLS, Clock, trained
from tickgraph.market.calendar import SKEW, is_future
from tickgraph.operations import due_models
from tickgraph.operations.lease import Lease
from tickgraph.operations.lease_record import LeaseHeldError, LeaseRecord
from tickgraph.operations.overview import overview
from tickgraph.operations.records import LiveFigures, LiveQuality, RefreshRun, RunLog, write_quality
from tickgraph.operations.refresh import refresh

YEARS = timedelta(days=900)


@pytest.fixture
def rewrite(site):
    """Change what the metadata of AAPL's model says."""

    def change(part, **words):
        path = site.registry.paths("AAPL").metadata
        text = json.loads(path.read_text())
        (text[part] if part else text).update(words)
        text["checksums"].pop("metadata", None)  # as an earlier release writes it, which seals nothing
        path.write_text(json.dumps(text))

    return change


def problems(site, clock):
    return (
        overview(site.registry, site.store, site.operations_dir, "sample", clock.moment)
        .symbols["AAPL"]
        .problems
    )


def test_two_clocks_may_differ_by_five_minutes(clock):
    assert not is_future(clock.moment + SKEW, clock.moment)
    assert is_future(clock.moment + SKEW + timedelta(seconds=1), clock.moment)


def test_a_model_trained_in_the_future_is_said_to_be_and_trained_again(site, clock, rewrite):
    rewrite(None, training_date=(clock.moment + YEARS).isoformat())
    assert problems(site, clock)[0].startswith("it was trained in the future, on 2025-04-19 10:00 UTC")
    run = refresh(site)
    assert trained(run) == {"AAPL"}
    assert run.symbols["AAPL"].reasons == (
        "trained in the future, on 2025-04-19 10:00 UTC: it is 2022-11-01 10:00 UTC now",
    )
    assert site.registry.metadata("AAPL").training_date == clock.moment
    assert not problems(site, clock)
    clock.moment += timedelta(seconds=1)
    assert not trained(refresh(site)), "once"


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(minutes=4), YEARS])
def test_a_full_run_trains_whatever_the_age(site, clock, rewrite, ahead):
    rewrite(None, training_date=(clock.moment + ahead).isoformat())
    run = refresh(site, symbols=["AAPL"], full=True)
    assert trained(run) == {"AAPL"}
    assert run.symbols["AAPL"].reasons[0] == "full run"


def test_a_model_of_prices_that_are_not_there_yet_is_trained_again(site, clock, rewrite):
    rewrite("data_stats", last_session="2024-01-02")
    assert "trained on prices up to 2024-01-02, which is in the future" in problems(site, clock)[0]
    run = refresh(site)
    assert "the last session that is over is 2022-10-31" in run.symbols["AAPL"].reasons[0]
    assert site.registry.metadata("AAPL").data_stats.last_session == date(2022, 10, 31)


def test_correlations_computed_in_the_future_are_computed_again(site, clock, rewrite):
    rewrite("correlations", computed_at=(clock.moment + YEARS).isoformat())
    assert "its correlations were computed in the future, on 2025-04-19" in problems(site, clock)[0]
    assert refresh(site, dry_run=True).symbols["AAPL"].correlations == "planned"
    assert refresh(site).symbols["AAPL"].correlations == "published"
    assert site.registry.metadata("AAPL").correlations.computed_at == clock.moment
    assert not problems(site, clock)


def test_prices_revised_in_the_future_are_said_so_and_make_no_model_due_for_ever(site, clock, monkeypatch):
    held = due_models.held

    def revised(*which):
        return {s: replace(one, revised_at=clock.moment + YEARS) for s, one in held(*which).items()}

    monkeypatch.setattr(due_models, "held", revised)
    run = refresh(site)
    assert not trained(run)
    assert any(
        "AAPL, AMZN, BAC, C, COP and 9 more: the stored prices were revised in the future" in n
        for n in run.notes
    )


def test_an_interrupted_run_of_the_future_is_carried_on_as_of_now(site, clock):
    ahead = clock.moment + YEARS
    RunLog(site.operations_dir).write(
        RefreshRun(
            id=f"{ahead:%Y%m%d%H%M%S%f}-1",
            kind="manual",
            started_at=ahead,
            owner="process 1 on elsewhere",
            session=ahead.date(),
            full=True,
        )
    )
    assert any(
        "began in the future" in text
        for text in overview(site.registry, site.store, site.operations_dir, "sample", clock.moment).problems
    )
    clock.moment += timedelta(seconds=1)
    run = refresh(site)
    assert (run.full, run.started_at, trained(run)) == (True, clock.moment, set(SYMBOLS))
    assert RunLog(site.operations_dir).latest() == run
    clock.moment += timedelta(seconds=1)
    assert not trained(refresh(site))


def leased(site, moment, host="elsewhere"):
    record = LeaseRecord(
        host=host,
        pid=1,
        process="1",
        run="theirs",
        taken_at=moment,
        renewed_at=moment,
        expires_at=moment + timedelta(minutes=10),
    )
    site.operations_dir.mkdir(exist_ok=True)
    (site.operations_dir / "lease.json").write_text(record.model_dump_json())


def test_a_lease_from_the_future_blocks_nobody_and_one_of_now_does(site, clock):
    leased(site, clock.moment + YEARS)
    with Lease(site.operations_dir, "mine", clock) as lease:
        lease.check()
    leased(site, clock.moment + SKEW)
    with pytest.raises(LeaseHeldError), Lease(site.operations_dir, "mine", clock):
        pass


def test_a_living_process_of_this_host_keeps_its_lease_while_the_clock_is_set_back(site, clock):
    ahead = Clock(clock.moment + YEARS)
    with Lease(site.operations_dir, "theirs", ahead), pytest.raises(LeaseHeldError):
        Lease(site.operations_dir, "mine", clock).take()


def test_quality_scored_in_the_future_is_scored_again(site, clock):
    scored = LiveQuality(
        as_of=date(2022, 10, 31),
        computed_at=clock.moment + YEARS,
        window=60,
        panel=LiveFigures(forecasts=3),
        flagged={"AAPL": "of another time"},
    )
    write_quality(site.operations_dir, scored)
    found = overview(site.registry, site.store, site.operations_dir, "sample", clock.moment)
    assert found.quality is None, "nothing was forecast"
    assert found.symbols["AAPL"].state == "ok"
    write_quality(site.operations_dir, scored.model_copy(update={"computed_at": clock.moment}))
    found = overview(site.registry, site.store, site.operations_dir, "sample", clock.moment)
    assert found.symbols["AAPL"].state == "out of band", "what was scored now counts"
