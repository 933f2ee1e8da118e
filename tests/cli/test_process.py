"""Real processes: what only the operating system can show."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry

COMMAND = [sys.executable, "-m", "tickgraph"]
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


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
