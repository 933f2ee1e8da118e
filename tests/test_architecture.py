from __future__ import annotations

import logging
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tickgraph.market.universe import TIER_1
from tickgraph.model.training_config import TrainingConfig

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tickgraph"


@pytest.fixture
def _loggers_left_as_they_were():
    """What `lint-imports` sets up turns off every logger that there is."""
    yield
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.mark.usefixtures("_loggers_left_as_they_were")
def test_data_flows_one_way():
    """The layers contract of pyproject.toml: no module imports upward."""
    from importlinter.api import use_cases  # noqa: F401  the library must be there for `lint-imports`
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def layers():
    """The layers of the contract in pyproject.toml, the lowest first."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    return [layer.removeprefix("tickgraph.") for layer in reversed(contract["layers"])]


def test_every_package_is_in_the_contract():
    modules = {
        path.stem for path in SOURCE.iterdir() if not path.stem.startswith("_") and path.suffix in ("", ".py")
    }
    assert modules == set(layers())


def test_the_layers_that_contributing_names_are_those_of_the_contract():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (named,) = re.findall(r"Data flows one way: (.*?)\.", text)
    assert named.split(" → ") == [layer for layer in layers() if layer == "api" or (SOURCE / layer).is_dir()]


def test_the_laboratory_is_imported_only_when_used(tmp_path):
    """``import tickgraph``, every command's module and ``tickgraph predict`` leave it alone."""
    ran = (
        "import sys, tickgraph, tickgraph.cli\n"
        "sys.argv = ['tickgraph', 'predict', 'AAPL']\n"
        "try: tickgraph.cli.main()\n"
        "except SystemExit as stop: print('exit code', stop.code)\n"
        "print([name for name in sys.modules if name.startswith('tickgraph.lab')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", ran], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-2:] == ["exit code 0", "[]"], done.stdout + done.stderr


def test_the_defaults_are_those_handed_down():
    config = TrainingConfig()
    assert (config.num_stocks, config.hidden_dim, config.num_gcn_layers, config.num_gat_heads) == (
        11,
        64,
        2,
        4,
    )
    assert (config.learning_rate, config.epochs, config.sessions) == (1e-3, 20, 1000)
    assert (config.lookback, config.threshold, config.feature_window) == (60, 0.3, 20)
    assert len(TIER_1) == 46
