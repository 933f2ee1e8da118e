from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from tickgraph.storage import READABLE, FileRefused, discard, other_kind, read_regular, write_atomically


def test_a_file_is_read_whole_up_to_its_bound(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_regular(path) == read_regular(path, 100) == b"x" * 100
    with pytest.raises(FileRefused, match="it has 100 bytes or more, and at most 99 were expected"):
        read_regular(path, 99)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="files of /proc")
def test_a_file_that_says_it_is_empty_is_bounded_as_well():
    assert Path("/proc/version").stat().st_size == 0
    assert read_regular(Path("/proc/version"), 10_000)
    with pytest.raises(FileRefused, match="at most 10 were expected"):
        read_regular(Path("/proc/version"), 10)


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
def test_what_is_no_regular_file_is_named_and_not_opened(tmp_path, monkeypatch):
    places = {kind: tmp_path / kind.replace(" ", "-") for kind in ("a folder", "a named pipe", "a socket")}
    places["a folder"].mkdir()
    os.mkfifo(places["a named pipe"])
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a-socket")
    places["a device"] = tmp_path / "zero"
    places["a device"].symlink_to("/dev/zero")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
        for kind, path in places.items():
            with pytest.raises(FileRefused, match=f"it is {kind}, and a regular file was expected"):
                read_regular(path)


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_a_pipe_that_takes_the_files_place_in_between_is_not_waited_for(tmp_path, monkeypatch):
    path, real = tmp_path / "file", os.open
    path.write_text("a file")

    def exchanged(*arguments):
        path.unlink()
        os.mkfifo(path)
        assert arguments[1] & os.O_NONBLOCK, "it would wait for good"
        return real(*arguments)

    monkeypatch.setattr(os, "open", exchanged)
    with pytest.raises(FileRefused, match="named pipe"):
        read_regular(path)


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_whatever_stands_there_is_discarded_and_no_link_is_followed(tmp_path):
    target, link, folder = tmp_path / "target", tmp_path / "link", tmp_path / "folder"
    target.mkdir()
    (target / "kept").write_text("kept")
    link.symlink_to(target)
    (folder / "deep").mkdir(parents=True)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert (other_kind(link), other_kind(folder), other_kind(loop)) == ("a link", "a folder", "a link")
    with pytest.raises(FileRefused, match=os.strerror(errno.ELOOP)):
        read_regular(loop)
    for path in (link, folder, loop, tmp_path / "none"):
        discard(path)
        assert not os.path.lexists(path)
        assert other_kind(path) is None
    assert (target / "kept").read_text() == "kept"


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
