"""The command that installs what is lacking."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tickgraph import extras

ROOT = Path(__file__).parents[1]


@pytest.fixture
def installed(monkeypatch):
    """Let tickgraph be installed as pip writes it down."""

    class Installed:
        def __init__(self, written):
            self.written = written

        def read_text(self, name):
            assert name == "direct_url.json"
            return self.written

    def as_written(written):
        monkeypatch.setattr(extras, "distribution", lambda name: Installed(written))
        monkeypatch.setattr(sys, "executable", "/usr/bin/python")

    return as_written


def sources(folder):
    folder.mkdir()
    (folder / "constraints.txt").touch()
    return folder


@pytest.mark.parametrize(("editable", "option"), [(True, "-e "), (False, "")])
def test_the_command_installs_from_the_sources_that_tickgraph_came_from(
    installed, tmp_path, editable, option
):
    folder = sources(tmp_path / "clone")
    installed(json.dumps({"url": folder.as_uri(), "dir_info": {"editable": editable}}))
    said = extras.lacking("Serving", "serve", ImportError("No module named 'fastapi'"))
    assert said == (
        "Serving needs the extra \"serve\" (No module named 'fastapi'). "
        f'Run: /usr/bin/python -m pip install -c {folder}/constraints.txt {option}"{folder}[serve]"'
    )


def test_a_path_with_spaces_is_quoted(installed, tmp_path):
    folder = sources(tmp_path / "my clone")
    installed(json.dumps({"url": folder.as_uri(), "dir_info": {}}))
    assert f'-c "{folder}/constraints.txt" "{folder}[plot]"' in extras.remedy("plot")


@pytest.mark.parametrize(
    "written", [None, "{}", "no json", '{"url": "file:///nowhere"}', '{"url": "https://a/b.whl"}']
)
def test_without_sources_no_index_is_asked_for_the_name(installed, written):
    installed(written)
    assert extras.remedy("plot") == (
        'In the folder of the sources run: /usr/bin/python -m pip install -c constraints.txt ".[plot]"'
    )


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
