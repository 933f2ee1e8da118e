"""Where the store keeps what, how a change of it is noticed, and which exchange it is of."""

from __future__ import annotations

import errno
import os
import re
import threading
from pathlib import Path
from typing import NamedTuple

from tickgraph.errors import InputError, OtherExchangeError, PriceDataError, StorageError, SymbolError
from tickgraph.market import calendar
from tickgraph.market.spelling import Symbol
from tickgraph.storage import FileRefused, exclusive, names_in, read_regular, storage_errors, write_atomically

FileStamp = tuple[int, int, int]

_FILE_NAME = re.compile(r"[A-Z0-9][A-Z0-9&]*(?:-[A-Z0-9]+)?")  # every symbol fits, and no path does
_EXCHANGE = "exchange"
_LONGEST = 100  # bytes; no name of an exchange is near it


class Stamp(NamedTuple):
    """Identity of what is stored of a symbol; differs whenever its prices may differ.

    Attributes
    ----------
    history
        Changes when its history is replaced.
    recent
        Changes when sessions of any symbol of its source are appended or folded; None where there are none.
    """

    history: FileStamp
    recent: FileStamp | None


def source_folder(root: Path, source: str) -> Path:
    """Folder of a source; :class:`PriceDataError` if that lies elsewhere."""
    folder = (root / source).resolve()
    if not folder.is_relative_to(root.resolve()) or folder == root.resolve():
        raise PriceDataError(f"{folder} lies outside the price store {root}.")
    return folder


def history_path(folder: Path, symbol: Symbol) -> Path:
    """File of a symbol's history in a folder that :func:`source_folder` gave.

    Raises
    ------
    SymbolError
        The symbol is not in its one spelling, so it must not become part of a path.
    PriceDataError
        The file is a link that leads out of the folder.
    """
    if not _FILE_NAME.fullmatch(symbol):
        raise SymbolError(f"{symbol!r} is not a symbol as the price store writes it.")
    path = f"{folder}/{symbol}.parquet"
    if os.path.islink(path) and Path(os.path.realpath(path)).parent != folder:  # noqa: PTH114  resolving each is slow
        raise PriceDataError(f"{path} lies outside the price store {folder.parent}.")
    return Path(path)


def recent_path(folder: Path) -> Path:
    """File of the sessions that were appended since the histories were last written."""
    return folder / "recent" / "sessions.parquet"


def file_stamp(path: str | Path) -> FileStamp | None:
    """Identity of a file, which changes whenever it is replaced; None without one."""
    try:
        status = os.stat(path)  # noqa: PTH116  on every request
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise StorageError(f"Cannot look at {path}: {error.strerror}. Check its disk.") from error
        status = os.lstat(path)  # a link to itself, which its reader will refuse
    return status.st_mtime_ns, status.st_size, status.st_ino


def folder_stamp(path: Path) -> FileStamp | None:
    """Identity of a folder, which changes when a file in it is replaced, made or removed; None if it does not tell."""
    try:
        return file_stamp(path)
    except StorageError:
        return None


class StoreExchange:
    """The exchange that a store's prices are of. Every read and write of prices compares it with the one in force.

    Parameters
    ----------
    root
        Folder of the store; its record is the file ``exchange``.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / _EXCHANGE
        self._agreed: str | None = None
        self._threads = threading.Lock()

    def check(self) -> None:
        """Compare the store's exchange with the one in force.

        Prices without a record are of New York: earlier releases knew no other exchange. A store without prices is of
        no exchange, whatever its record says.

        Raises
        ------
        OtherExchangeError
            They differ.
        StorageError
            The record cannot be read.
        """
        asked = calendar.exchange()
        if self._agreed == asked:
            return
        recorded = self._recorded()
        own = recorded or calendar.NEW_YORK
        if own != asked and self._has_prices():
            raise OtherExchangeError(
                f"The prices in {self._root} are of the exchange {own}, and the exchange in force is {asked}. "
                f"Set exchange to {own} (--exchange {own}), or give {asked} a folder of its own with --prices-dir."
            )
        if recorded == asked:
            self._agreed = asked

    def record(self) -> None:
        """Write down the exchange in force before the store's first prices; errors as in :meth:`check`."""
        asked = calendar.exchange()
        if self._agreed == asked:
            return
        # This lock is for the whole store; those of writers are for one source.
        with exclusive(self._root / ".locks" / f"{_EXCHANGE}.lock", self._threads):
            self.check()
            if self._agreed != asked:
                write_atomically(self._path, f"{asked}\n".encode())
                self._agreed = asked

    def _recorded(self) -> str | None:
        try:
            with storage_errors(self._path):
                name = read_regular(self._path, _LONGEST).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except FileRefused:  # a folder, a named pipe, a long file
            name = ""
        try:
            return calendar.exchange_named(name)
        except InputError as error:
            raise StorageError(
                f"{self._path} does not name an exchange. Write the one that the prices are of into it, such as "
                f"{calendar.NEW_YORK}."
            ) from error

    def _has_prices(self) -> bool:
        folders = [folder for name in names_in(self._root) if (folder := self._root / name).is_dir()]
        return any(name.endswith(".parquet") for folder in folders for name in names_in(folder))
