"""Two hosts that serve what is in one bucket, shared by the tests of a module."""

from __future__ import annotations

import pytest

from made_cluster import made_cluster


@pytest.fixture(scope="module")
def cluster(s3, tmp_path_factory):
    with made_cluster(s3, tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.fixture
def shared(cluster):
    """The cluster with every line mended and no fault, before and after."""
    yield cluster
    cluster.s3.fault = None
    for host in cluster.hosts.values():
        host.mend()
