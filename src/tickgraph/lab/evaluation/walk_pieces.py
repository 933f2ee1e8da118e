"""Stored forecasts of a walk, one file for each method and window, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tickgraph.storage import storage_errors, write_atomically

FORMAT = 1
"""Raise it when a change of code makes stored pieces wrong."""


class DamagedPieceError(ValueError):
    """A stored piece cannot be read, or is of other sessions or symbols than its name says."""


@dataclass(frozen=True)
class Piece:
    """Forecasts of one method for one window.

    Attributes
    ----------
    sessions
        ``[t]`` datetime64[D], the window's test sessions.
    symbols
        ``[s]`` symbols with enough history in the training window.
    forecast
        ``[t, s]`` float64, log returns of the session after each; NaN where none was made.
    seconds
        Time of training and forecasting.
    failed
        By symbol, why a forecast is missing. Such a piece is not stored: the next run tries again.
    """

    sessions: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    forecast: NDArray[np.float64]
    seconds: float
    failed: Mapping[str, str] = field(default_factory=dict)


def fingerprint(settings: Mapping[str, object]) -> str:
    """16 hex digits of a sha256 over settings, whatever their order."""
    text = json.dumps({"format": FORMAT, **settings}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def piece_path(folder: Path, name: str, settings: Mapping[str, object], window: int) -> Path:
    """File of a method with these settings, for a window counted from 0."""
    return folder / f"{name}-{fingerprint(settings)}" / f"window-{window:03d}.npz"


def write_piece(path: Path, piece: Piece) -> None:
    """Store a piece whole or not at all; :class:`StorageError` if the folder cannot be written."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        sessions=piece.sessions.astype("datetime64[D]").astype(np.int64),
        symbols=np.array(piece.symbols),
        forecast=piece.forecast,
        seconds=np.array(piece.seconds),
    )
    write_atomically(path, buffer.getvalue())


def read_piece(path: Path, sessions: NDArray[np.datetime64], symbols: tuple[str, ...]) -> Piece | None:
    """Read a piece; None if there is none.

    Raises
    ------
    DamagedPieceError
        Bytes are missing or changed (each array has a checksum), or sessions or symbols are others.
    StorageError
        The file system refuses to read.
    """
    try:
        with storage_errors(path):
            data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            piece = Piece(
                stored["sessions"].astype("datetime64[D]"),
                tuple(stored["symbols"].tolist()),
                stored["forecast"].astype(np.float64),
                float(stored["seconds"]),
            )
    except (ValueError, KeyError, EOFError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise DamagedPieceError(f"{path} is damaged ({error}).") from error
    same = np.array_equal(piece.sessions, sessions) and piece.symbols == symbols
    if not same or piece.forecast.shape != (len(sessions), len(symbols)):
        raise DamagedPieceError(f"{path} holds other sessions or symbols than its window has.")
    return piece
