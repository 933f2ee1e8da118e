"""``tickgraph refresh`` and ``schedule``, in process and as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from made_site import contents
from made_storage import BUCKET
from tickgraph.object_contact import Contact
from tickgraph.operations.bucket_lease import BucketLease
from tickgraph.operations.lease import Lease
from tickgraph.operations.records import RunLog
from tickgraph.registry.registry import ModelRegistry

COMMAND = [sys.executable, "-m", "tickgraph"]
SETTINGS = """
peer_pool = ["AAPL", "MSFT", "JPM", "XOM", "BAC", "CVX"]
universe = ["AAPL", "JPM"]
workers = 1

[training]
epochs = 1
horizons = []
sessions = 100
min_sessions = 100
"""


@pytest.fixture
def run(command):
    return command


@pytest.fixture
def site(tmp_path):
    """A working folder of small models, none of them trained yet."""
    (tmp_path / "tickgraph.toml").write_text(SETTINGS)
    return tmp_path


def test_a_dry_run_prints_what_and_why_then_it_is_done_then_nothing_is_left(run, site):
    code, out, _ = run("refresh", "--dry-run")
    assert code == 0
    assert "no model" in out
    assert "train 2 models" in out
    assert set(contents(site)) == {(site / "tickgraph.toml").relative_to(site)}
    code, out, err = run("refresh")
    assert code == 0, err
    assert "2 trained; correlations as of 2022-12-30" in out
    assert "trained on prices to 2022-12-30" in out
    code, out, _ = run("refresh", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["published"] == {}
    assert document["unchanged"] == {"AAPL": "2022-12-30", "JPM": "2022-12-30"}
    assert document["trained"] == 0
    assert document["run"]["state"] == "done"
    code, out, _ = run("refresh", "--full", "JPM")
    assert "full run" in out
    assert "1 trained" in out


def test_exit_codes_tell_a_failed_symbol_an_unreachable_source_and_a_held_lease_apart(run, site, registry):
    flags = ("--models-dir", registry.root, "--no-retrain")
    registry.paths("JPM").metadata.write_text("{}")
    code, _, err = run("refresh", "TSLA", "--no-retrain", "--models-dir", registry.root)
    assert code == 3
    assert "No model of TSLA" in err
    code, _, err = run("refresh", "--source", "files", "--source-path", site / "none.csv")
    assert code == 6
    assert "none.csv" in err
    with Lease(registry.root / ".operations", "theirs", registry.now):
        code, _, err = run("refresh", *flags)
    assert code == 7
    assert "Another refresh is running" in err
    code, _, err = run("refresh", "AAPL", "--scheduled")
    assert code == 2


def test_scheduled_runs_stand_for_what_is_due_and_are_not_repeated(run, site):
    code, out, err = run("refresh", "--scheduled", "--json")
    assert code == 0, err
    kinds = {document["run"]["kind"] for document in json.loads(out)["runs"]}
    assert "weekly" in kinds
    code, out, err = run("refresh", "--scheduled")
    assert (code, out) == (0, "")
    assert "nothing is due before" in err
    code, out, _ = run("schedule", "--dry-run")
    assert out.startswith("due ")
    assert "weekly Sunday" in out
    assert len(list(RunLog(site / "models/gnn/.operations").newest_first())) == len(kinds)


def test_a_scheduled_run_waits_for_the_refresh_that_runs_and_does_what_that_left(
    run, site, registry, monkeypatch
):
    with Lease(site / "models/gnn/.operations", "theirs", registry.now) as lease:
        looks = iter([lambda: None, lease.release])
        monkeypatch.setattr("tickgraph.cli.refresh.sleep", lambda _: next(looks)())
        assert run("refresh")[0] == 7
        code, out, err = run("refresh", "--scheduled", "--json")
    assert code == 0, err
    assert [one["trained"] for one in json.loads(out)["runs"]] == [2, 0]  # weekly, then daily
    assert err.count("Another refresh is running: process") == 1
    assert "Waiting for its end" in err


def test_a_scheduled_run_does_not_wait_for_ever(run, site, registry, monkeypatch):
    monkeypatch.setattr("tickgraph.cli.refresh.PATIENCE_SECONDS", 0.0)
    with Lease(site / "models/gnn/.operations", "theirs", registry.now):
        code, _, err = run("refresh", "--scheduled")
    assert code == 7
    assert "Another refresh is running: process" in err
    assert not list(RunLog(site / "models/gnn/.operations").newest_first())


def test_what_another_machine_did_for_a_bucket_is_not_due_here(run, site, storage, monkeypatch):
    monkeypatch.setenv("TICKGRAPH_MODELS_DIR", f"s3://{BUCKET}/gnn")
    monkeypatch.setenv("TICKGRAPH_STORAGE__ENDPOINT", storage.endpoint)
    for name in ("one", "two"):
        monkeypatch.setenv("TICKGRAPH_STORAGE__CACHE_DIR", str(site / name))
        code, out, err = run("refresh", "--scheduled", "--json")
        assert code == 0, err
        runs = json.loads(out)["runs"]
        assert bool(runs) == (name == "one")
    assert "was done by process" in err
    assert "nothing is due before" in err
    assert run("schedule", "--once")[0] == 0
    code, out, _ = run("status", "--json")
    assert json.loads(out)["last_run"]["state"] == "done"


def test_status_names_the_machine_that_refreshes_a_bucket(run, site, registry, storage, monkeypatch):
    place = storage.place(site / "copies")
    monkeypatch.setenv("TICKGRAPH_MODELS_DIR", f"s3://{BUCKET}/gnn")
    monkeypatch.setenv("TICKGRAPH_STORAGE__ENDPOINT", storage.endpoint)
    monkeypatch.setenv("TICKGRAPH_STORAGE__CACHE_DIR", str(site / "here"))
    there = Lease(site / "there", "theirs", registry.now)
    with BucketLease(there, Contact(place, registry.now)):
        document = json.loads(run("status", "--json")[1])
        assert document["lease"].startswith(f"process {os.getpid()} on ")
        code, _, err = run("refresh", "--no-retrain")
        assert code == 7
        assert "run theirs" in err
    assert json.loads(run("status", "--json")[1])["lease"] is None


def test_a_scheduled_run_of_nothing_is_no_success_and_is_due_until_there_are_models(run, site):
    """The disk of the models may not be mounted."""
    (site / "tickgraph.toml").write_text(SETTINGS.replace('universe = ["AAPL", "JPM"]', ""))
    for flags in ((), ("--dry-run",)):
        code, out, err = run("refresh", "--scheduled", *flags)
        assert code == 3, err
        assert "there is nothing to refresh: no model in" in out
        assert "mounted" in out
    assert {record.state for record in list(RunLog(site / "models/gnn/.operations").newest_first())} == {
        "failed"
    }
    assert run("train", "--symbols", "AAPL")[0] == 0
    code, out, err = run("refresh", "--scheduled", "--json")
    assert code == 0, err
    assert {document["run"]["state"] for document in json.loads(out)["runs"]} == {"done"}


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is sent in another way on Windows")
def test_the_scheduler_catches_up_and_sigterm_ends_it_between_two_symbols(run, site):
    everyone = 'universe = ["AAPL", "MSFT", "JPM", "XOM", "BAC", "CVX"]'
    text = SETTINGS.replace('universe = ["AAPL", "JPM"]', everyone).replace("epochs = 1", "epochs = 60")
    (site / "tickgraph.toml").write_text(text)
    runs, registry = RunLog(site / "models/gnn/.operations"), ModelRegistry(site / "models/gnn")
    process = subprocess.Popen([*COMMAND, "schedule"], stderr=subprocess.PIPE, text=True, cwd=site)
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("done with"):
            break
    process.send_signal(signal.SIGTERM)
    said += process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert runs.latest().state == "interrupted"
    done = {symbol: registry.metadata(symbol).checksums.weights for symbol in registry.symbols()}
    assert 1 <= len(done) < 6

    code, _, err = run("refresh", "--scheduled")
    assert code == 0, err
    assert len(registry.symbols()) == 6
    assert {symbol: registry.metadata(symbol).checksums.weights for symbol in done} == done
    assert [record.state for record in list(runs.newest_first())].count("interrupted") == 1
    assert run("schedule", "--once")[0] == 0  # nothing is left that is due
