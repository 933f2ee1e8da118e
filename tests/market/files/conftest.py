from __future__ import annotations

import pytest

from tickgraph.market.sources.files import FileSource


@pytest.fixture
def written(tmp_path):
    """Write one file; returns a source that reads it."""

    def write(content, name="AAPL.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return FileSource(path)

    return write
