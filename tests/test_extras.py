"""The command that installs what is lacking."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tickgraph import extras

ROOT = Path(__file__).parents[1]


def test_the_command_installs_into_the_environment_that_runs_from_the_sources_it_runs_from():
    said = extras.lacking("Serving", "serve", ImportError("No module named 'fastapi'"))
    assert said == (
        "Serving needs the extra \"serve\" (No module named 'fastapi'). "
        f'Run: {sys.executable} -m pip install -c {ROOT / "constraints.txt"} -e "{ROOT}[serve]"'
    )


def test_without_sources_the_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(extras, "SOURCES", tmp_path / "site packages")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a b" / "python"))
    assert extras.install("plot") == f'"{tmp_path / "a b" / "python"}" -m pip install "tickgraph[plot]"'


@pytest.mark.parametrize("folder", ["src", "benchmarks"])
def test_every_extra_that_a_message_names_exists(folder):
    named = subprocess.run(
        ["grep", "-rhoE", "--include=*.py", r'lacking\([^,]+, "[a-z]+"', ROOT / folder],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    there = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert named
    assert {line.split('"')[-2] for line in named} <= there.keys()
