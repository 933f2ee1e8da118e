"""Stored forecasts of a walk, one file for each method and window, so that an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.stored_arrays import DamagedFileError, fingerprint, read_arrays, write_arrays


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


def piece_path(folder: Path, name: str, settings: Mapping[str, object], window: int) -> Path:
    """File of a method with these settings, for a window counted from 0."""
    return folder / f"{name}-{fingerprint(settings)}" / f"window-{window:03d}.npz"


def write_piece(path: Path, piece: Piece) -> None:
    """Store a piece whole or not at all; :class:`StorageError` if the folder cannot be written."""
    write_arrays(
        path,
        sessions=piece.sessions.astype("datetime64[D]").astype(np.int64),
        symbols=np.array(piece.symbols),
        forecast=piece.forecast,
        seconds=np.array(piece.seconds),
    )


def read_piece(path: Path, sessions: NDArray[np.datetime64], symbols: tuple[str, ...]) -> Piece | None:
    """Read the piece of these sessions and symbols; None if there is none.

    Raises
    ------
    DamagedFileError, StorageError
        As :func:`tickgraph.lab.stored_arrays.read_arrays`; or the sessions or symbols are others.
    """
    arrays = read_arrays(path, "sessions", "symbols", "forecast", "seconds")
    if arrays is None:
        return None
    days, names, forecast, seconds = arrays
    try:
        piece = Piece(
            days.astype("datetime64[D]"),
            tuple(names.tolist()),
            forecast.astype(np.float64),
            float(seconds),
        )
    except (TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}).") from error
    same = np.array_equal(piece.sessions, sessions) and piece.symbols == symbols
    if not same or piece.forecast.shape != (len(sessions), len(symbols)):
        raise DamagedFileError(f"{path} holds other sessions or symbols than its window has.")
    return piece
