"""What is installed only on demand, and the command that installs it."""

from __future__ import annotations

import sys
from pathlib import Path

SOURCES = Path(__file__).parents[2]
"""Where tickgraph's sources are, if it was installed from them."""


def lacking(what: str, extra: str, error: ImportError) -> str:
    """Say what needs an extra, and how to install it from any folder, into the environment that runs now.

    Parameters
    ----------
    what
        What was asked for, such as ``Serving``.
    extra
        Name of the extra in ``pyproject.toml``.
    error
        Names the module that is missing.
    """
    return f'{what} needs the extra "{extra}" ({error}). Run: {install(extra)}'


def install(extra: str) -> str:
    """Command that installs an extra."""
    lock = SOURCES / "constraints.txt"
    where = f'-c {_quoted(lock)} -e "{SOURCES}[{extra}]"' if lock.exists() else f'"tickgraph[{extra}]"'
    return f"{_quoted(Path(sys.executable))} -m pip install {where}"


def _quoted(path: Path) -> str:
    """A path as shells take it."""
    return f'"{path}"' if " " in str(path) else str(path)
