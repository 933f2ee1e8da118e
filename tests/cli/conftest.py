"""The command line, called in this process."""

from __future__ import annotations

import sys

import pytest

from tickgraph.cli import main


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("list", "--json")`` gives exit code, standard output and standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["tickgraph", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return call
