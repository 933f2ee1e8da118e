"""What operations left on disk, read again only where it changed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from made_runs import MONDAY, run
from tickgraph.errors import StorageError
from tickgraph.operations import watch as module
from tickgraph.operations.records import (
    LiveFigures,
    LiveQuality,
    RunLog,
    SymbolRun,
    write_quality,
)
from tickgraph.operations.watch import OperationsWatch


def quality(**words):
    figures = LiveFigures(forecasts=10)
    return LiveQuality(as_of=date(2024, 3, 4), computed_at=MONDAY, window=60, panel=figures, **words)


def test_nothing_on_disk_is_nothing_known(tmp_path):
    watched = OperationsWatch(tmp_path / "none")
    assert watched.look() is False
    assert (watched.runs, watched.quality) == ((), None)


def test_runs_are_the_newest_first(tmp_path):
    log = RunLog(tmp_path)
    log.write(run(0))
    log.write(run(1, state="failed"))
    watched = OperationsWatch(tmp_path)
    assert watched.look() is True
    assert [one.state for one in watched.runs] == ["failed", "done"]
    assert watched.runs[0].seconds == 90
    assert watched.runs[0].ended_at == MONDAY + timedelta(days=1, seconds=90)


def test_symbols_are_counted_by_what_was_done(tmp_path):
    symbols = {
        "AAPL": SymbolRun(prices="updated", correlations="published", training="trained"),
        "JPM": SymbolRun(prices="restated", correlations="published"),
        "MSFT": SymbolRun(prices="failed", correlations="failed", errors=("no answer",)),
        "XOM": SymbolRun(prices="updated", training="failed", errors=("too short",)),
    }
    RunLog(tmp_path).write(run(symbols=symbols))
    watched = OperationsWatch(tmp_path)
    watched.look()
    assert watched.runs[0].symbols == {
        "updated": 2,
        "unchanged": 0,
        "restated": 1,
        "switched": 0,
        "published": 2,
        "retrained": 1,
        "failed": 2,
    }


def test_only_a_changed_file_is_read_again(tmp_path, monkeypatch):
    log, read = RunLog(tmp_path), []
    for number in range(3):
        log.write(run(number))
    watched = OperationsWatch(tmp_path)
    watched.look()
    original = module.read_run
    monkeypatch.setattr(module, "read_run", lambda file: read.append(file.name) or original(file))
    monkeypatch.setattr(module, "read_quality", None)
    assert watched.look() is False
    assert read == []
    log.write(run(1, state="failed"))
    assert watched.look() is True
    assert read == [f"{run(1).id}.json"]
    assert [one.state for one in watched.runs] == ["done", "failed", "done"]


def test_a_run_that_was_removed_is_forgotten(tmp_path):
    log = RunLog(tmp_path)
    log.write(run(0))
    log.write(run(1))
    watched = OperationsWatch(tmp_path)
    watched.look()
    (tmp_path / "runs" / f"{run(1).id}.json").unlink()
    assert watched.look() is True
    assert [one.started_at for one in watched.runs] == [MONDAY]


def test_quality_is_what_was_written_last_and_a_damaged_one_is_none(tmp_path):
    watched = OperationsWatch(tmp_path)
    write_quality(tmp_path, quality())
    assert watched.look() is True
    assert watched.quality == quality()
    write_quality(tmp_path, quality(flagged={"AAPL": "coverage"}))
    assert watched.look() is True
    assert watched.quality.flagged == {"AAPL": "coverage"}
    (tmp_path / "quality.json").write_text("{")
    assert watched.look() is True
    assert watched.quality is None


def test_a_folder_that_cannot_be_listed_is_said_and_changes_nothing(tmp_path):
    RunLog(tmp_path).write(run())
    watched = OperationsWatch(tmp_path)
    watched.look()
    (tmp_path / "runs").rename(tmp_path / "away")
    (tmp_path / "runs").write_text("a file in the folder's place")
    with pytest.raises(StorageError, match="runs"):
        watched.look()
    assert len(watched.runs) == 1


def test_many_runs_are_not_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_THROUGH", 3)
    log = RunLog(tmp_path)
    for number in range(5):
        log.write(run(number))
    watched = OperationsWatch(tmp_path)
    watched.look()
    assert [one.started_at.day for one in watched.runs] == [8, 7, 6]
