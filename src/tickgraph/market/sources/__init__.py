"""Where prices come from: the bundled sample, a person's files, Yahoo, Tiingo, or the two after each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tickgraph.errors import InputError
from tickgraph.market.source import PriceSource
from tickgraph.market.sources.access import Access
from tickgraph.market.sources.failover import FailoverSource
from tickgraph.market.sources.files import FileSource
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.sources.tiingo import TiingoSource
from tickgraph.market.sources.yahoo import YahooSource


def open_source(
    name: str,
    path: Path | None = None,
    *,
    access: Access | None = None,
    now: Callable[[], datetime] | None = None,
) -> PriceSource:
    """Open a source by name; nothing is asked of a provider yet.

    Parameters
    ----------
    name
        ``sample``, ``files``, ``yahoo``, ``tiingo`` or ``live``.
    path
        File or folder of ``files``.
    access
        Providers of ``live`` and the token of ``tiingo``; None reads them from the environment.
    now
        Clock of the live sources; None is the system's.

    Raises
    ------
    InputError
        An unknown name, ``files`` without a path, or a bad variable in the environment.
    PriceDataError
        The path of ``files`` does not exist.
    """
    if name == "sample":
        return SampleSource()
    if name == "files":
        if path is None:
            raise InputError("Source 'files' needs a path: --source-path FILE_OR_FOLDER.")
        return FileSource(path)
    if name == "yahoo":
        return YahooSource(now=now)
    if name in ("tiingo", "live"):
        access = access or Access.from_environment()
        if name == "tiingo":
            return TiingoSource(access.tiingo_token, now=now)
        return FailoverSource(
            [open_source(provider, access=access, now=now) for provider in access.providers], now=now
        )
    raise InputError(f"Unknown price source {name!r}. Choose sample, files, yahoo, tiingo or live.")
