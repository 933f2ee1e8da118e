"""What is installed only on demand, and the command that installs it."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


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
    return f'{what} needs the extra "{extra}" ({error}). {remedy(extra)}'


def remedy(extra: str) -> str:
    """Say how to install an extra: from where tickgraph itself came, never by its name from an index."""
    python = _quoted(Path(sys.executable))
    folder, option = _origin()
    if folder is None:
        return f'In the folder of the sources run: {python} -m pip install -c constraints.txt ".[{extra}]"'
    return (
        f'Run: {python} -m pip install -c {_quoted(folder / "constraints.txt")} {option}"{folder}[{extra}]"'
    )


def _origin() -> tuple[Path | None, str]:
    """Folder that tickgraph was installed from, and pip's option for how; None where that is not there.

    pip writes both down (PEP 610).
    """
    try:
        written = json.loads(distribution("tickgraph").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None, ""
    address = urlsplit(written.get("url", ""))
    folder = Path(url2pathname(address.path))
    if address.scheme != "file" or not (folder / "constraints.txt").is_file():
        return None, ""
    return folder, "-e " if written.get("dir_info", {}).get("editable") else ""


def _quoted(path: Path) -> str:
    """A path as shells take it."""
    return f'"{path}"' if " " in str(path) else str(path)
