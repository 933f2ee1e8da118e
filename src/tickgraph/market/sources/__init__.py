"""Where prices come from: the bundled sample, a person's files, Yahoo."""

from __future__ import annotations

from pathlib import Path

from tickgraph.errors import InputError
from tickgraph.market.source import PriceSource
from tickgraph.market.sources.files import FileSource
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.sources.yahoo import YahooSource


def open_source(name: str, path: Path | None = None) -> PriceSource:
    """Open a source by name: ``sample``, ``files`` (which needs a path) or ``yahoo``."""
    if name == "sample":
        return SampleSource()
    if name == "files":
        if path is None:
            raise InputError("Source 'files' needs a path: --source-path FILE_OR_FOLDER.")
        return FileSource(path)
    if name == "yahoo":
        return YahooSource()
    raise InputError(f"Unknown price source {name!r}. Choose sample, files or yahoo.")
