"""Real processes: what only the operating system can show."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from real_service import process
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry

COMMAND = [sys.executable, "-m", "tickgraph"]
ROOT = Path(__file__).parents[2]
README, TOUR, PYTHON = ROOT / "README.md", ROOT / "docs" / "tour.md", ROOT / "docs" / "python.md"


def run(*words, **settings):
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=240, **settings
    )


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent in another way on Windows")
def test_ctrl_c_keeps_every_symbol_finished_so_far(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "train", "--symbols", "TIER_1", "--epochs", "60", "--workers", "1", "--horizons", "none"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    finished = []
    for line in process.stderr:
        if line.startswith("trained"):
            finished.append(line.split()[1])
        if len(finished) == 2:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted: what was finished is kept" in out
    registry = ModelRegistry(tmp_path / "models/gnn")
    assert set(finished) <= set(registry.symbols())
    assert len(registry.symbols()) < 20
    for symbol in registry.symbols():
        assert registry.load(symbol, weight_shapes).symbol == symbol


def test_forecasting_needs_none_of_the_large_libraries_nor_what_checks_shapes_in_memory(
    trained_dir, prices_dir
):
    code = (
        "import sys, tickgraph\n"
        f"tickgraph.load(models_dir={str(trained_dir)!r}, prices_dir={str(prices_dir)!r}).forecast_all()\n"
        "large = {'jax', 'keras', 'tensorflow', 'torch', 'scipy.signal', 'scipy.stats', 'jaxtyping', 'beartype'}\n"
        "print(sorted(large & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_training_loads_jax_alone(tmp_path):
    code = (
        "import sys\n"
        "import tickgraph\n"
        "report = tickgraph.train(['AAPL'], training={'epochs': 1, 'sessions': 250})\n"
        "print(sorted(report.done), report.failed, {'torch', 'tensorflow', 'keras', 'jaxtyping'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert done.stdout.strip() == "['AAPL'] {} set()", done.stderr


def test_a_second_process_reads_what_the_first_compiled(tmp_path):
    code = (
        "from jax import monitoring\n"
        "hits = []\n"
        "monitoring.register_event_listener(lambda e, **_: hits.append(e) if e.endswith('cache_hits') else None)\n"
        "from tickgraph.model.training import TrainingConfig, TrainingProgram\n"
        "TrainingProgram(TrainingConfig(epochs=1)).compile()\n"
        "print(len(hits))"
    )
    environment = {
        **os.environ,
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
    }
    hits = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env=environment,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert hits == ["0", "1"]


def blocks(document, language):
    return re.findall(rf"```{language}\n(.*?)```", document.read_text("utf-8"), re.DOTALL)


def test_the_documented_python_runs_and_prints_a_forecast(tmp_path):
    code = next(block for block in blocks(PYTHON, "python") if "tickgraph.train" in block)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"1\d\d\.\d+", done.stdout)


def test_the_tours_commands_run_as_written(tmp_path):
    """Every `tickgraph` line of the tour's shell blocks, in order, in one empty folder."""
    lines = [
        line for block in blocks(TOUR, "sh") for line in block.splitlines() if line.startswith("tickgraph ")
    ]
    lines = [line for line in lines if not line.startswith(("tickgraph serve", "tickgraph forecast"))]
    assert any(line.startswith("tickgraph train --symbols TIER_1") for line in lines)
    short = {"EPOCHS": "1", "SESSIONS": "300", "MIN_SESSIONS": "200"}  # the commands, not the waiting
    environment = {**os.environ, **{f"TICKGRAPH_TRAINING__{name}": value for name, value in short.items()}}
    for line in lines:
        words = line.split(" #")[0].split()[1:]
        done = run(*words, cwd=tmp_path, env=environment)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if "--json" in words:
            json.loads(done.stdout)


def test_the_documented_service_answers_as_written(trained_dir, prices_dir, tmp_path):
    """`tickgraph serve`, then every `curl`, `tickgraph forecast` and Python block that asks it."""
    text = [line for block in blocks(TOUR, "sh") for line in block.splitlines()]
    assert next(line.split(" #")[0].split() for line in text if "serve" in line) == ["tickgraph", "serve"]
    default = "http://127.0.0.1:8000"
    asked = [line.split('"')[1] for line in text if line.startswith("curl -s ")]
    assert len(asked) >= 5
    flags = {"TICKGRAPH_SERVE__RUNTIME_DIR": str(tmp_path / "runtime")}
    with process(trained_dir, prices_dir, cwd=tmp_path, **flags) as service:
        for url in asked:
            answer = service.get(url.removeprefix(default))
            assert answer.status_code == 200, url
        for line in text:
            if line.startswith("tickgraph forecast"):
                done = run(*line.split()[1:], "--url", service.url, cwd=tmp_path)
                assert done.returncode == 0, f"{line}: {done.stderr}"
                assert "AAPL" in done.stdout
        code = next(block for block in blocks(PYTHON, "python") if "tickgraph.client" in block)
        done = subprocess.run(
            [sys.executable, "-c", code.replace(default, service.url)],
            capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
        )  # fmt: skip
        assert re.search(r"1\d\d\.\d+ 0\.\d+", done.stdout), done.stderr
    handed_down = next(block for block in blocks(PYTHON, "python") if "get_gnn_prediction" in block)
    environment = {
        **os.environ,
        "TICKGRAPH_MODELS_DIR": str(trained_dir),
        "TICKGRAPH_PRICES_DIR": str(prices_dir),
    }
    done = subprocess.run(
        [sys.executable, "-c", handed_down],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.stdout.endswith("pre-trained GNN-cached\n"), done.stderr


def labels(text):
    return [
        line.strip().split("  ")[0]
        for line in text.splitlines()
        if line.strip() and line.strip()[0] not in "-─"
    ]


def test_the_readmes_outputs_are_what_its_commands_print(tmp_path):
    """The labels of the README's sample outputs are those of its commands; their figures are of one run."""
    trained = run("train", "-s", "AAPL", "--epochs", "1", cwd=tmp_path)
    assert "fitting the universe of 42 symbols" in trained.stderr  # it takes seconds, so it is said
    commands = [line for block in blocks(README, "sh") for line in block.splitlines()]
    for command, title, rest, then in (
        ("predict", "AAPL: close of", "Quantiles", "2023-01-20"),  # quantiles and a fan
        ("strategy", "AAPL: iron-condor on", "Legs", "how likely"),  # legs, quantiles and a drawing
    ):
        shown = next(block for block in blocks(README, "text") if title in block)
        asked = next(line for line in commands if f"tickgraph {command} " in line)
        printed, _, not_shown = run(*asked.split()[1:], cwd=tmp_path).stdout.partition(rest)
        assert then in not_shown
        assert labels(shown) == labels(printed)
