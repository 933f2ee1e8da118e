from __future__ import annotations

import shutil

import pytest

from real_service import TOKEN, here, settings_of


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "gnn"
    shutil.copytree(trained_dir, folder)
    with here(settings_of(folder, prices_dir, config, admin_token=TOKEN)) as running:
        yield running
