"""What a person, a tool or an attacker may put in the place of a file."""

from __future__ import annotations

import os
import shutil
import socket


def _folder(path):
    path.mkdir()
    (path / "inside").write_text("a backup, say")


def _socket(path):
    short = os.open(path.parent, os.O_RDONLY)  # the name of a socket may have 108 characters
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"/proc/self/fd/{short}/{path.name}")
    finally:
        os.close(short)


def _outside(path):
    target = path.parent.parent.parent / f"elsewhere-{path.name}"
    shutil.copy(path.with_name(f"{path.name}.before"), target)
    path.symlink_to(target)


KINDS = {
    "a named pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to a device that never ends": lambda path: path.symlink_to("/dev/zero"),
    "a link out of the folder": _outside,
    "a folder": _folder,
    "a socket": _socket,
}


def put(kind, path):
    """Put something of a kind in the place of a file."""
    before = path.with_name(f"{path.name}.before")
    path.rename(before)
    KINDS[kind](path)
    before.unlink()
