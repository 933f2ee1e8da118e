"""The two scripts whose names were handed down run the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run(name, *words, folder):
    return subprocess.run(
        [sys.executable, SCRIPTS / name, *words], capture_output=True, text=True, timeout=240, cwd=folder
    )


def test_a_model_is_trained_and_refreshed_by_the_names_handed_down(tmp_path):
    (tmp_path / "tickgraph.toml").write_text(
        "peer_pool = ['AAPL', 'JPM', 'XOM']\n[training]\nepochs = 1\nsessions = 250\nnum_stocks = 3\nhidden_dim = 8\n"
        "horizons = []\n"
    )
    done = run("train_gnn_models.py", "--symbols", "AAPL", "--parallel", "2", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["trained"]) == {"AAPL"}
    done = run("refresh_gnn_cache.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 already current" in done.stdout
    helped = run("train_gnn_models.py", "--help", folder=tmp_path)
    assert helped.returncode == 0
    assert "--parallel" in helped.stdout
