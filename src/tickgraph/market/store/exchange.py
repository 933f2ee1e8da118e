"""The exchange that a store's prices are of: recorded once, and compared by everyone who reads or writes prices."""

from __future__ import annotations

import threading
from pathlib import Path

from tickgraph.errors import InputError, OtherExchangeError, StorageError
from tickgraph.market import calendar
from tickgraph.storage import exclusive, names_in, storage_errors, write_atomically

_RECORD = "exchange"
_LONGEST = 100  # bytes; no name of an exchange is near it


class StoreExchange:
    """What a price store says of its exchange.

    Parameters
    ----------
    root
        Folder of the store; its record is the file ``exchange``.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / _RECORD
        self._agreed: str | None = None
        self._threads = threading.Lock()

    def check(self) -> None:
        """Compare the store's exchange with the one in force.

        Prices without a record are of New York: earlier releases knew no other exchange. A store without prices is of
        none, whatever its record says.

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
        held = recorded or calendar.NEW_YORK
        if held != asked and self._has_prices():
            raise OtherExchangeError(
                f"The prices in {self._root} are of the exchange {held}, and the exchange in force is {asked}. "
                f"Set exchange to {held} (--exchange {held}), or give {asked} a folder of its own with --prices-dir."
            )
        if recorded == asked:
            self._agreed = asked

    def record(self) -> None:
        """Write down the exchange in force before the store's first prices; errors as in :meth:`check`."""
        asked = calendar.exchange()
        if self._agreed == asked:
            return
        # This lock is for the whole store; those of writers are for one source.
        with exclusive(self._root / ".locks" / f"{_RECORD}.lock", self._threads):
            self.check()
            if self._agreed != asked:
                write_atomically(self._path, f"{asked}\n".encode())
                self._agreed = asked

    def _recorded(self) -> str | None:
        name = ""  # of anything but a file (a folder, a pipe that nobody writes to) nothing is read
        with storage_errors(self._path):
            if self._path.is_file():
                with self._path.open("rb") as file:
                    name = file.read(_LONGEST).decode("ascii", "replace").strip()
            elif not self._path.exists():
                return None
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
