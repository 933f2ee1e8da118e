"""What the terminal cannot show, and a reader that has left, end no command."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tickgraph.cli.streams import forgiving
from tickgraph.errors import StorageError

COMMAND = [sys.executable, "-m", "tickgraph"]
FULL = Path("/dev/full")


def run(*words, encoding="utf-8", command=COMMAND, **how):
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
    return subprocess.run([*command, *map(str, words)], env=environment, timeout=240, check=False, **how)


def test_what_the_encoding_lacks_is_printed_as_escapes_and_the_work_is_done(tmp_path):
    tokyo = tmp_path / "\u6771\u4eac"
    tokyo.mkdir()
    (tokyo / "a.csv").write_text(
        "symbol,date,close,volume\nALFA,2021-01-04,10,1000\nALFA,2021-01-05,11,1000\n"
    )
    done = run("prices", "import", tokyo, "--prices-dir", tokyo / "prices", encoding="cp1252")
    assert done.returncode == 0, done.stderr
    assert rb"\u6771\u4eac" in done.stdout
    done = run("prices", "show", "--source", "files", "--prices-dir", tokyo / "prices", encoding="ascii")
    assert done.returncode == 0, done.stderr
    assert b"ALFA" in done.stdout
    assert b"+----" in done.stdout  # a frame of ASCII
    done = run("prices", "import", tokyo / "nothing", "--json", encoding="ascii")
    assert done.returncode == 4
    assert rb"\u6771\u4eac" in done.stderr
    assert rb"\u6771\u4eac" in done.stdout
    assert b"Traceback" not in done.stderr


def test_help_is_printed_in_ascii_too():
    done = run("--help", encoding="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u2022 tickgraph train" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes and descriptors of POSIX")
def test_a_reader_that_has_left_and_a_closed_output_change_nothing(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = run("prices", "show", cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    closed = "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])"
    done = run(*COMMAND, "--help", command=[sys.executable, "-c", closed], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not FULL.exists(), reason="needs a disk that is always full")
def test_a_full_disk_under_the_output_is_a_storage_error(tmp_path):
    with FULL.open("wb") as full:
        done = run("prices", "show", stdout=full, cwd=tmp_path)
    assert done.returncode == 7
    assert b"Cannot write the output: No space left on device" in done.stderr


def opened(path, errors="strict", encoding="ascii"):
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(path, "w")), encoding=encoding, errors=errors)


@pytest.mark.parametrize(
    ("errors", "written"),
    [
        ("strict", rb"\u6771 \udcff"),
        ("surrogateescape", rb"\u6771 \udcff"),
        ("replace", b"? ?"),
        ("ignore", b" "),
    ],
)
def test_a_persons_own_choice_of_how_to_print_is_kept(tmp_path, errors, written):
    with opened(tmp_path / "out", errors) as original:
        forgiving(original).write("\u6771 \udcff")
    assert (tmp_path / "out").read_bytes() == written


def test_a_name_that_is_no_text_is_printed_in_utf_8(tmp_path):
    with opened(tmp_path / "out", encoding="utf-8") as original:
        forgiving(original).write("\u6771 \udcff")
    assert (tmp_path / "out").read_bytes() == "\u6771".encode() + rb" \udcff"


@pytest.mark.skipif(not FULL.exists(), reason="needs a disk that is always full")
def test_an_error_of_writing_is_raised_once():
    with opened(FULL) as original:
        stream = forgiving(original)
        stream.write("text")
        with pytest.raises(StorageError, match="No space left"):
            stream.flush()
        stream.write("more")
        stream.flush()


def test_a_stream_that_is_no_file_is_left_as_it_is():
    memory = io.StringIO()
    assert forgiving(memory) is memory
    assert forgiving(None) is None
