"""What people see: help that keeps its brackets, tables that keep their figures."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tickgraph.cli.output import money


@pytest.fixture
def run(trained_dir, prices_dir, tmp_path):
    def call(*words, columns=80, **environment):
        places = {"TICKGRAPH_MODELS_DIR": str(trained_dir), "TICKGRAPH_PRICES_DIR": str(prices_dir)}
        return subprocess.run(
            [sys.executable, "-m", "tickgraph", *words],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": str(columns), **places, **environment},
        )

    return call


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_help_shows_defaults_and_keeps_brackets(run, columns):
    text = " ".join(run("serve", "--help", columns=columns).stdout.replace("│", " ").split())
    for words in ("default: (127.0.0.1)", "default: (8000)", "[serve] of tickgraph.toml", '["KEY"]'):
        assert words in text, words
    assert "default: (TIER_1; with files every" in " ".join(
        run("train", "--help").stdout.replace("│", " ").split()
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("kernel", [True, False])
def test_in_a_notebook_nothing_moves_the_cursor(tmp_path, kernel):
    """A kernel of Jupyter gives its commands a pseudo-terminal, and shows what they write line by line."""
    import pty

    leader, follower = pty.openpty()
    environment = {"JPY_PARENT_PID": "1"} if kernel else {}
    words = ["prices", "check", "--prices-dir", str(tmp_path / "none"), "--source", "sample"]
    done = subprocess.run(
        [sys.executable, "-m", "tickgraph", *words],
        stdout=follower,
        stderr=follower,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-color", **environment},
    )
    os.close(follower)
    written = os.read(leader, 100_000)
    os.close(leader)
    assert written, done
    assert (b"\x1b[" in written) is not kernel


NARROW = """
import sys
from rich.console import Console
from tickgraph.cli import answers, forecast, main, models, output
narrow = Console(width=60, force_terminal=True, no_color=True)
for module in (output, answers, models, forecast):
    module.stdout = narrow
main()
"""


@pytest.mark.parametrize("words", [("predict", "AAPL", "MSFT"), ("predict", "AAPL", "TSLA"), ("list",)])
def test_a_narrow_terminal_costs_no_figure(trained_dir, prices_dir, tmp_path, words):
    places = {"TICKGRAPH_MODELS_DIR": str(trained_dir), "TICKGRAPH_PRICES_DIR": str(prices_dir)}
    done = subprocess.run(
        [sys.executable, "-c", NARROW, *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, **places},
    )
    assert done.returncode == 0, done.stderr
    assert "…" not in done.stdout
    figures = next(line for line in done.stdout.splitlines() if "AAPL" in line)
    assert len(re.findall(r"[+-]?\d+\.\d+%?", figures)) >= 4, figures


INTRODUCED = """
from tickgraph.http import server
server.run = lambda settings, flags, introduce: introduce()  # in place of serving
from tickgraph.cli import main
main()
"""


def introduced(folder, *words, **environment):
    done = subprocess.run(
        [sys.executable, "-c", INTRODUCED, "serve", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_service_without_anything_to_say_says_so(tmp_path):
    nothing = {"TICKGRAPH_MODELS_DIR": str(tmp_path / "m"), "TICKGRAPH_PRICES_DIR": str(tmp_path / "p")}
    assert "every symbol is unknown" in introduced(tmp_path, **nothing)


@pytest.mark.parametrize(
    ("host", "keys", "warned"),
    [("0.0.0.0", "[]", True), ("0.0.0.0", '["a-key-of-tests-0001"]', False), ("127.0.0.1", "[]", False)],  # noqa: S104
)
def test_an_open_address_without_keys_is_pointed_out(tmp_path, host, keys, warned):
    said = introduced(tmp_path, "--host", host, TICKGRAPH_SERVE__API_KEYS=keys)
    assert ("anyone who can reach it may ask" in said) is warned


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        (1234.5, "1,234.50"),
        (1.0, "1.00"),
        (0.5, "0.5000"),
        (0.0123456, "0.01235"),
        (1.2e-5, "0.00001200"),
        (0, "0.00"),
    ],
)
def test_a_price_below_one_keeps_four_digits(price, shown):
    assert money(price) == shown
