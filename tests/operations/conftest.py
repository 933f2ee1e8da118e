"""A site of four models as of 1 November 2022, with a clock and a source that the test holds in its hands."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from made_site import POOL, SYMBOLS, Clock, LiveSource, made_site
from tickgraph.operations.refresh import refresh

MORNING = datetime(2022, 11, 1, 10, 0, tzinfo=UTC)  # 06:00 in New York


@pytest.fixture
def clock():
    return Clock(MORNING)


@pytest.fixture
def source(sample, clock):
    return LiveSource(sample, clock)


@pytest.fixture(scope="session")
def fresh_site(sample, tmp_path_factory):
    """Folder of a site that was refreshed at 06:00; tests copy it."""
    folder = tmp_path_factory.mktemp("site")
    clock = Clock(MORNING)
    run = refresh(made_site(folder, LiveSource(sample, clock), clock))
    assert run.state == "done", run.error
    assert {s for s, done in run.symbols.items() if done.training == "trained"} == set(SYMBOLS)
    assert {s for s, done in run.symbols.items() if done.prices == "updated"} == set(POOL)
    return folder


@pytest.fixture
def site(fresh_site, source, clock, tmp_path):
    """A site of the test's own, a second after its last refresh."""
    folder = tmp_path / "site"
    shutil.copytree(fresh_site, folder)
    clock.moment += timedelta(seconds=1)
    return made_site(folder, source, clock)
