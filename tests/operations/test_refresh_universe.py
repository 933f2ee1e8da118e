"""A refresh keeps what models are drawn to and hear as fresh as the models."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from made_site import POOL, Clock, LiveSource, contents, made_site, trained
from tickgraph.operations.overview import overview
from tickgraph.operations.refresh import refresh

DAY = timedelta(days=1)
MORNING = datetime(2022, 11, 1, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def refreshed(sample, ahead, tmp_path_factory):
    """Folder of a site whose two models were trained by its first refresh."""
    folder, clock = tmp_path_factory.mktemp("universe"), Clock(MORNING)
    site = made_site(folder, LiveSource(sample, clock), clock, training=ahead, universe=("AAPL", "JPM"))
    run = refresh(site)
    assert (run.state, trained(run)) == ("done", {"AAPL", "JPM"}), run.error
    return folder


@pytest.fixture
def clock():
    return Clock(MORNING)


@pytest.fixture
def site(refreshed, sample, ahead, clock, tmp_path):
    shutil.copytree(refreshed, tmp_path / "site")
    clock.moment += timedelta(seconds=1)
    source = LiveSource(sample, clock)
    return made_site(tmp_path / "site", source, clock, training=ahead, universe=("AAPL", "JPM"))


def test_the_first_refresh_fits_the_universe_and_says_what_it_knows(site):
    fit, state = site.registry.universe.fit("sample"), site.registry.universe.state("sample")
    assert set(fit.symbols) == set(state.symbols) == set(POOL)
    assert fit.last_session == state.session == np.datetime64("2022-10-31")
    assert site.registry.metadata("JPM").variance.universe == fit.version


def test_a_second_refresh_changes_nothing(site):
    before = contents(site.registry.root)
    assert refresh(site).state == "done"
    assert contents(site.registry.root) == before


def test_the_next_morning_the_state_is_new_and_the_fit_is_not(site, clock):
    clock.moment += DAY
    version, events = site.registry.universe.fit("sample").version, []
    assert refresh(site, on_event=lambda *event: events.append(event)).state == "done"
    assert site.registry.universe.state("sample").session == np.datetime64("2022-11-01")
    assert site.registry.universe.fit("sample").version == version
    assert [event for event in events if "universe" in event[0]] == [
        ("begin universe", "1"),
        ("universe", "sample"),
    ]


def test_the_fit_is_renewed_with_the_models(site, clock):
    clock.moment += 9 * DAY
    run = refresh(site)
    assert (run.state, trained(run)) == ("done", {"AAPL", "JPM"})
    fit = site.registry.universe.fit("sample")
    assert fit.last_session == site.registry.universe.state("sample").session == np.datetime64("2022-11-09")
    assert site.registry.metadata("AAPL").variance.universe == fit.version


def test_the_state_knows_every_stored_symbol_whoever_is_refreshed(site, clock):
    clock.moment += DAY
    refresh(site, symbols=["AAPL"], retrain=False)
    assert set(site.registry.universe.state("sample").symbols) == set(POOL)


def test_a_refresh_replaces_a_damaged_state_and_leaves_a_damaged_fit_to_training(site, clock):
    folder = site.registry.root / "universe"
    for name in ("sample_state.npz", "sample_fit.npz"):
        (folder / name).write_bytes(b"half")
    assert refresh(site).state == "done"
    assert site.registry.universe.state("sample") is not None
    run = refresh(site, full=True)
    assert site.registry.universe.fit("sample").last_session == np.datetime64("2022-10-31")
    assert any("sample_fit.npz is refused" in note for note in run.notes)


def look(site):
    return overview(site.registry, site.store, site.operations_dir, "sample", site.now())


def test_the_overview_says_how_they_stand(site):
    view, fit = look(site), site.registry.universe.fit("sample")
    own = view.universe["sample"]
    assert view.is_well, view.problems
    assert (own.version, own.symbols) == (fit.version, len(POOL))
    assert (str(own.last_session), str(own.state_session)) == ("2022-10-31", "2022-10-31")
    assert own.qlike["5"].today == pytest.approx(fit.qlike[2, 1])


def test_an_old_missing_or_damaged_state_is_a_problem_with_its_remedy(site, clock):
    clock.moment += timedelta(hours=3)  # the day's refresh was due
    state, path = (
        site.registry.universe.state("sample"),
        site.registry.root / "universe" / "sample_state.npz",
    )
    site.registry.universe.publish_state(replace(state, session=np.datetime64("2022-10-28")))
    old = (
        "the state of the universe of 'sample' is of 2022-10-28, and prices reach 2022-10-31: forecasts hear of their "
        "own peers alone. Run: tickgraph refresh"
    )
    assert old in look(site).problems
    path.unlink()
    assert old.replace("is of 2022-10-28", "is missing") in look(site).problems
    path.write_bytes(b"half")
    view = look(site)
    assert any("sample_state.npz is refused" in problem for problem in view.problems)
    assert not view.is_well
