"""The document of the commands names each of them, and every exit code."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from tickgraph import errors
from tickgraph.cli.commands import app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")
ELSEWHERE = {"benchmark nasdaq"}  # in benchmarks.md


def names(group):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from (f"{name} {inner}" for inner in names(command))
        else:
            yield name


def test_every_command_is_documented_and_every_documented_command_exists():
    documented = set(re.findall(r"^\| `tickgraph ([\w ]+)` \|", DOCUMENT, re.MULTILINE))
    assert documented == set(names(typer.main.get_command(app))) - ELSEWHERE


def test_every_exit_code_is_documented():
    table = DOCUMENT.split("## Exit codes")[1]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    raised = {kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    assert documented == raised | {0, errors.INTERRUPTED}
