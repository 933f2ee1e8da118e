"""A refresh that was killed is carried on by the next: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from made_site import POOL, SYMBOLS, trained
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.records import RunLog
from tickgraph.operations.refresh import refresh

REFRESHER = Path(__file__).with_name("refresher.py")


@pytest.mark.parametrize("where", ["begin prices", "prices", "training"])
def test_a_killed_refresh_is_resumed(site, source, clock, where):
    clock.moment += timedelta(days=1)
    due_at = clock.moment
    folder = site.operations_dir.parent
    killed = subprocess.run(
        [sys.executable, REFRESHER, folder, due_at.isoformat(), where],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == 9, killed.stderr
    left = RunLog(site.operations_dir).latest()
    assert left.state == "running"
    stored = {s.symbol for s in site.store.info("sample") if str(s.last) == "2022-11-01"}
    done = {s for s in SYMBOLS if site.registry.metadata(s).training_date == due_at}
    weights = {s: site.registry.metadata(s).checksums.weights for s in done}
    assert bool(stored) == (where != "begin prices")
    assert bool(done) == (where == "training")

    clock.moment += timedelta(minutes=1)
    run = refresh(site, kind="weekly", due_at=due_at)
    assert run.state == "done", run.error
    assert dict(source.asked) == dict.fromkeys(set(POOL) - stored, 1)
    assert trained(run) == set(SYMBOLS) - done
    assert {s: site.registry.metadata(s).checksums.weights for s in done} == weights
    assert run.started_at == left.started_at
    records = list(RunLog(site.operations_dir).newest_first())
    assert [r.state for r in records[:2]] == ["done", "interrupted"]
    assert left.owner in records[1].error
    for symbol in SYMBOLS:
        assert site.registry.load(symbol, weight_shapes).metadata.correlations.as_of == run.session
