from __future__ import annotations

import os
import stat

import pytest

from tickgraph.atomic import READABLE, write_atomically


@pytest.fixture(params=[0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_file_is_its_owners_unless_it_is_for_showing_and_the_umask_has_the_last_word(tmp_path, umask):
    for path, given, expected in (
        (tmp_path / "private", {}, 0o600),
        (tmp_path / "shown", {"mode": READABLE}, 0o644 & ~umask),
    ):
        path.write_bytes(b"old")
        path.chmod(0o640)
        write_atomically(path, b"new", **given)
        assert path.read_bytes() == b"new"
        assert stat.S_IMODE(path.stat().st_mode) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["private", "shown"]
