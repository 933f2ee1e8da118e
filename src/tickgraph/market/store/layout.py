"""Where the store keeps what, how a change of it is noticed, and which exchange it is of."""

from __future__ import annotations

import errno
import json
import os
import threading
import zlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tickgraph.errors import InputError, OtherExchangeError, PriceDataError, StorageError
from tickgraph.market import calendar
from tickgraph.market.universe import canonical
from tickgraph.storage import exclusive, names_in, storage_errors, write_atomically

# What reading a damaged or foreign file raises, depending on which of its bytes are wrong.
UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)

FileStamp = tuple[int, int, int]

_HEAD, _CHECKSUM = b"tickgraph.head", b"tickgraph.crc32"


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


@dataclass(frozen=True)
class StoredSymbol:
    """What the store holds of a symbol.

    Attributes
    ----------
    symbol, first, last, sessions
        Whose prices, and which.
    fetched_at
        When its newest prices came, ISO 8601.
    provider
        Who gave them; the source itself where it has no other.
    revised_at
        When stored past returns last changed; None if they never did. A split or dividend rescales prices and
        leaves returns as they are.
    """

    symbol: str
    first: date
    last: date
    sessions: int
    fetched_at: str
    provider: str
    revised_at: datetime | None


def source_folder(root: Path, source: str) -> Path:
    """Folder of a source; :class:`PriceDataError` if that lies elsewhere."""
    folder = (root / source).resolve()
    if not folder.is_relative_to(root.resolve()) or folder == root.resolve():
        raise PriceDataError(f"{folder} lies outside the price store {root}.")
    return folder


def history_path(root: Path, source: str, symbol: str) -> Path:
    """File of a symbol's history; :class:`PriceDataError` if that lies outside the store."""
    return path_within(source_folder(root, source), symbol)


def path_within(folder: Path, symbol: str) -> Path:
    """File of a symbol's history in a folder that :func:`source_folder` gave; errors as :func:`history_path`."""
    path = f"{folder}/{canonical(symbol)}.parquet"  # no symbol has a separator in it
    if os.path.islink(path) and Path(os.path.realpath(path)).parent != folder:  # noqa: PTH114  resolving each is slow
        raise PriceDataError(f"{path} lies outside the price store {folder.parent}.")
    return Path(path)


def recent_path(root: Path, source: str) -> Path:
    """File of the sessions that were appended since the histories were last written."""
    return source_folder(root, source) / "recent" / "sessions.parquet"


def file_stamp(path: str) -> FileStamp | None:
    """Identity of a file, which changes whenever it is replaced; None without one."""
    try:
        status = os.stat(path)  # noqa: PTH116  on every request
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself: who reads it says that it is no price file
            status = os.lstat(path)
            return status.st_mtime_ns, status.st_size, status.st_ino
        raise StorageError(f"Cannot look at {path}: {error.strerror}. Check its disk.") from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def damaged(path: Path, source: str, symbol: str) -> PriceDataError:
    """Error for a history that cannot be used."""
    return PriceDataError(
        f"Price file {path} is damaged or foreign. Delete it and run: "
        f"tickgraph prices update --symbols {symbol} --source {source}"
    )


def damaged_recent(path: Path, source: str) -> PriceDataError:
    """Error for a recent file that cannot be used."""
    return PriceDataError(
        f"Price file {path} is damaged or foreign. Fetch its sessions again: "
        f"tickgraph prices repair --source {source}"
    )


def with_head(table: pa.Table, head: dict[str, Any], extra: dict[bytes, bytes] | None = None) -> pa.Table:
    """Put facts about a file into its footer, guarded by a checksum: Parquet guards pages, not footers."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return table.replace_schema_metadata(
        {_HEAD: text, _CHECKSUM: b"%08x" % zlib.crc32(text), **(extra or {})}
    )


def head_of(metadata: dict[bytes, bytes] | None) -> dict[str, Any] | None:
    """Facts that :func:`with_head` put there; None in a file without; ValueError where they are damaged."""
    text = (metadata or {}).get(_HEAD)
    if text is None:
        return None
    if b"%08x" % zlib.crc32(text) != (metadata or {}).get(_CHECKSUM):
        raise ValueError("the facts in the footer do not match their checksum")
    head: dict[str, Any] = json.loads(text)
    return head


def encodings(schema: pa.Schema) -> dict[str, str]:
    """Encoding by column: on daily prices half the size of dictionaries, and faster to read."""
    return {
        field.name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(field.type) else "DELTA_BINARY_PACKED"
        for field in schema
        if pa.types.is_floating(field.type)
        or pa.types.is_integer(field.type)
        or pa.types.is_temporal(field.type)
    }


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
