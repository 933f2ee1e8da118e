from __future__ import annotations

import shutil

import pytest

from real_service import TOKEN, here, settings_of


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    """A service of four models, on the evening of their last session; tests must not change its files."""
    folder = tmp_path_factory.mktemp("service") / "gnn"
    shutil.copytree(trained_dir, folder)
    with here(settings_of(folder, prices_dir, config)) as running:
        yield running


@pytest.fixture
def prices(prices_dir, tmp_path):
    """A price store of the test's own."""
    shutil.copytree(prices_dir, tmp_path / "own-prices")
    return tmp_path / "own-prices"


@pytest.fixture
def own(registry, prices, config):
    """A service whose models and prices the test may damage; it looks for newer ones when the test says so."""
    with here(settings_of(registry.root, prices, config, admin_token=TOKEN, poll_seconds=3600)) as running:
        yield running
