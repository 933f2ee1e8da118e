"""Metrics of what refresh and scoring left on disk."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from made_runs import MONDAY, run
from tickgraph.http import operation_metrics
from tickgraph.http.metrics import ServiceMetrics
from tickgraph.operations.records import (
    HorizonFigures,
    LiveFigures,
    LiveQuality,
    RunLog,
    SymbolRun,
    write_quality,
)

QUALITY = LiveQuality(
    as_of=date(2024, 3, 1),
    computed_at=MONDAY,
    window=60,
    panel=LiveFigures(
        forecasts=240,
        ic=0.02,
        hit_rate=0.51,
        coverage={"0.8": 0.79, "0.95": 0.94},
        r2_vs_zero=0.001,
        r2_vs_momentum=0.03,
        error_ratio=1.04,
    ),
    symbols={"AAPL": LiveFigures(forecasts=60), "TSLA": LiveFigures(forecasts=180)},
    horizons={
        "5": HorizonFigures(
            forecasts=220,
            first=date(2023, 12, 8),
            last=date(2024, 3, 1),
            stretches=12.0,
            coverage={"0.8": 0.6},
            usual={"0.8": (0.65, 0.9)},
            out_of_band={"0.8": True},
            qlike=0.3,
        ),
        "63": HorizonFigures(
            forecasts=40, first=date(2024, 2, 1), last=date(2024, 3, 1), stretches=1.2, coverage={"0.8": 1.0}
        ),
    },
    flagged={"AAPL": "coverage of 80 % was 61 %", "TSLA": "error ratio 1.6"},
)


def series(text, prefix=("gnn_refresh", "gnn_live")):
    """Value by sample, as ``name{label}``."""
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(prefix)
    }


@pytest.fixture
def operations_dir(own):
    return own.service.settings.operations_dir


@pytest.fixture
def shown(own):
    """What a service shows after its next look."""

    def look():
        own.service.watcher.look()
        return series(own.get("/metrics").text)

    return look


def test_before_the_first_run_nothing_is_claimed(shown):
    assert shown() == {"gnn_refresh_running": 0}


def test_a_run_shows_when_it_was_how_long_it_took_and_what_it_did(shown, operations_dir):
    symbols = {"AAPL": SymbolRun(prices="updated", training="trained"), "JPM": SymbolRun(prices="switched")}
    RunLog(operations_dir).write(run(symbols=symbols))
    found = shown()
    ended = (MONDAY + timedelta(seconds=90)).timestamp()
    assert found["gnn_refresh_last_success_timestamp_seconds{daily}"] == ended
    assert found["gnn_refresh_last_run_timestamp_seconds{daily}"] == ended
    assert found["gnn_refresh_failed{daily}"] == 0
    assert found["gnn_refresh_seconds{daily}"] == 90
    assert found["gnn_refresh_running"] == 0
    counts = {name: value for name, value in found.items() if "symbols" in name}
    assert {name for name, value in counts.items() if value == 1} == {
        "gnn_refresh_symbols{updated}",
        "gnn_refresh_symbols{switched}",
        "gnn_refresh_symbols{retrained}",
    }
    assert counts["gnn_refresh_symbols{failed}"] == 0
    assert not [name for name in found if "live" in name or "weekly" in name]


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_a_failure_shows_until_the_next_run_of_its_kind_has_ended(shown, operations_dir, state):
    log = RunLog(operations_dir)
    log.write(run(0))
    log.write(run(1, state=state, finished_at=None))
    found = shown()
    assert found["gnn_refresh_failed{daily}"] == 1
    assert found["gnn_refresh_last_run_timestamp_seconds{daily}"] == (MONDAY + timedelta(days=1)).timestamp()
    assert (
        found["gnn_refresh_last_success_timestamp_seconds{daily}"]
        == (MONDAY + timedelta(seconds=90)).timestamp()
    )
    assert "gnn_refresh_seconds{daily}" not in found  # it did not come to an end
    log.write(run(2, state="running", finished_at=None))
    found = shown()
    assert (found["gnn_refresh_running"], found["gnn_refresh_failed{daily}"]) == (1, 1)
    log.write(run(2))
    found = shown()
    assert (found["gnn_refresh_running"], found["gnn_refresh_failed{daily}"]) == (0, 0)
    log.write(run(3, state="running", finished_at=None))
    found = shown()
    assert (found["gnn_refresh_running"], found["gnn_refresh_failed{daily}"]) == (1, 0)


def test_each_kind_is_shown_by_itself(shown, operations_dir):
    log = RunLog(operations_dir)
    log.write(run(0, kind="weekly", state="failed"))
    log.write(run(1))
    found = shown()
    assert {name: value for name, value in found.items() if "failed{" in name and "symbols" not in name} == {
        "gnn_refresh_failed{weekly}": 1,
        "gnn_refresh_failed{daily}": 0,
    }


def test_live_quality_shows_with_a_flag_for_symbols_that_have_a_label(shown, operations_dir):
    write_quality(operations_dir, QUALITY)
    found = shown()
    assert {name: value for name, value in found.items() if "live" in name} == {
        "gnn_live_forecasts": 240,
        "gnn_live_symbols": 2,
        "gnn_live_coverage{0.8}": 0.79,
        "gnn_live_coverage{0.95}": 0.94,
        "gnn_live_horizon_coverage{0.8}{5}": 0.6,
        "gnn_live_horizon_coverage{0.8}{63}": 1.0,
        "gnn_live_horizon_out_of_band{0.8}{5}": 1,  # of 63 sessions there are too few stretches for a verdict
        "gnn_live_horizon_qlike{5}": 0.3,
        "gnn_live_horizon_stretches{5}": 12.0,
        "gnn_live_horizon_stretches{63}": 1.2,
        "gnn_live_ic": 0.02,
        "gnn_live_hit_rate": 0.51,
        "gnn_live_error_ratio": 1.04,
        "gnn_live_r2{zero}": 0.001,
        "gnn_live_r2{momentum}": 0.03,
        "gnn_live_quality_as_of_timestamp_seconds": datetime(2024, 3, 1, tzinfo=UTC).timestamp(),
        "gnn_live_out_of_band_symbols": 2,
        "gnn_live_out_of_band{AAPL}": 1,  # TSLA has no model, so no label
    }


def test_what_is_not_known_any_more_has_no_series_rather_than_a_zero(shown, operations_dir):
    write_quality(operations_dir, QUALITY)
    shown()
    poorer = LiveFigures(forecasts=3, coverage={"0.8": 1.0})
    write_quality(operations_dir, QUALITY.model_copy(update={"panel": poorer, "flagged": {}, "horizons": {}}))
    found = shown()
    assert {name for name in found if "live" in name} == {
        "gnn_live_forecasts",
        "gnn_live_symbols",
        "gnn_live_coverage{0.8}",
        "gnn_live_quality_as_of_timestamp_seconds",
        "gnn_live_out_of_band_symbols",
    }
    (operations_dir / "quality.json").unlink()
    assert not [name for name in shown() if "live" in name]


def test_a_request_for_metrics_reads_no_file(own, operations_dir):
    RunLog(operations_dir).write(run())
    assert series(own.get("/metrics").text) == {"gnn_refresh_running": 0}
    own.service.watcher.look()
    assert "gnn_refresh_failed{daily}" in series(own.get("/metrics").text)


def test_a_folder_that_cannot_be_read_keeps_the_figures_and_is_said_once(
    own, shown, operations_dir, monkeypatch
):
    said = []
    monkeypatch.setattr(operation_metrics._log, "warning", lambda *words: said.append(words))
    RunLog(operations_dir).write(run())
    before = shown()
    (operations_dir / "runs").rename(operations_dir / "away")
    (operations_dir / "runs").write_text("a file in the folder's place")
    assert shown() == before
    assert shown() == before
    assert len(said) == 1
    assert own.get("/health/ready").status_code == 200


def test_without_a_folder_of_operations_nothing_is_claimed():
    metrics = ServiceMetrics()
    metrics.looked()
    assert series(metrics.expose().decode()) == {}


SEVERAL = """
import sys
from pathlib import Path
from tickgraph.http import operation_metrics
from tickgraph.http.metrics import ServiceMetrics
operations_dir, step = Path(sys.argv[1]), sys.argv[2]
metrics = ServiceMetrics()
if step == "second":  # it has only just started, and has not looked
    print(metrics.expose().decode())
metrics.operations.follow(operations_dir, lambda symbol: symbol)
metrics.looked()
if step == "second":
    (operations_dir / "quality.json").unlink()
    metrics.looked()
print(metrics.expose().decode(), flush=True)
sys.stdin.read()
"""


def test_of_several_processes_the_one_that_looked_last_counts(tmp_path, monkeypatch):
    (tmp_path / "metrics").mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    RunLog(tmp_path).write(run())
    write_quality(tmp_path, QUALITY)

    def start(step):
        return subprocess.Popen(
            [sys.executable, "-c", SEVERAL, str(tmp_path), step],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def said(process):
        """What it printed up to the next empty line."""
        return series("".join(iter(process.stdout.readline, "\n")))

    with start("first") as first:
        found = said(first)
        assert found["gnn_live_ic"] == 0.02
        assert found["gnn_refresh_failed{daily}"] == 0
        assert found["gnn_live_out_of_band{TSLA}"] == 1
        with start("second") as second:
            assert said(second)["gnn_live_ic"] == 0.02  # what the first one knows
            gone = said(second)
            assert not [name for name in gone if "live" in name]
            assert gone["gnn_refresh_failed{daily}"] == 0
            second.stdin.close()
        first.stdin.close()
