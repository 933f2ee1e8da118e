from __future__ import annotations

import pytest

from real_redis import start_redis


@pytest.fixture
def server(tmp_path):
    """A Redis server of the test's own."""
    server = start_redis(tmp_path)
    yield server
    server.kill()
