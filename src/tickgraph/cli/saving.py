"""The option ``--save``: a file whose ending says what is written into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tickgraph.errors import InputError
from tickgraph.storage import READABLE, write_atomically


def read_ending(save: Path | None, endings: Sequence[str]) -> str:
    """Read what ``--save`` asks for, before anything is computed: ``csv`` of ``chain.csv``; nothing for None.

    Raises
    ------
    InputError
        The file has another ending, or none.
    """
    if save is None:
        return ""
    ending = save.suffix.lower().removeprefix(".")
    if ending not in endings:
        raise InputError(f"--save {save} must end in {' or '.join(f'.{each}' for each in endings)}.")
    return ending


def save_as(save: Path, content: str | bytes) -> None:
    """Put a file in place, whole; one of that name is replaced.

    Raises
    ------
    StorageError
        The folder cannot be written to; the old file is intact.
    """
    write_atomically(save, content.encode() if isinstance(content, str) else content, mode=READABLE)
