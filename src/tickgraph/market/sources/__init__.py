"""Where prices come from: the bundled sample, a person's files, Yahoo, Tiingo, or the two after each other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.market.source import PriceSource
from tickgraph.market.sources.failover import FailoverSource
from tickgraph.market.sources.files import FileSource
from tickgraph.market.sources.providers import Access
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.sources.tiingo import NO_TOKEN, TiingoSource
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
        An unknown name, a source without prices of the exchange in force, ``files`` without a path, a bad variable in
        the environment, or ``live`` without a provider to ask. Tiingo without a token is left out.
    PriceDataError
        The path of ``files`` does not exist.
    """
    must_have_prices_of(calendar.exchange(), name)
    if name == "sample":
        return SampleSource()
    if name == "files":
        if path is None:
            raise InputError(
                "Source 'files' needs a path: --source-path FILE_OR_FOLDER, or source_path in tickgraph.toml."
            )
        return FileSource(path)
    if name == "yahoo":
        return YahooSource(now=now)
    if name in ("tiingo", "live"):
        access = access or Access.from_environment()
        if name == "tiingo":
            return TiingoSource(access.tiingo_token, now=now)
        return _live(access, now)
    raise InputError(f"Unknown price source {name!r}. Choose sample, files, yahoo, tiingo or live.")


def must_have_prices_of(exchange: str, source: str) -> None:
    """Raise :class:`InputError` for a source that has no prices of an exchange.

    The sample and the live sources have shares of New York. Files may be of any exchange.
    """
    if exchange != calendar.NEW_YORK and source in ("sample", "yahoo", "tiingo", "live"):
        raise InputError(
            f"Source {source!r} has prices of New York ({calendar.NEW_YORK}) only, and the exchange is {exchange}. "
            "Use --source files with --source-path FILE_OR_FOLDER, or leave exchange out."
        )


def _live(access: Access, now: Callable[[], datetime] | None) -> FailoverSource:
    left_out = {"tiingo": NO_TOKEN} if access.tiingo_token is None and "tiingo" in access.providers else {}
    asked = [name for name in access.providers if name not in left_out]
    if not asked:
        raise InputError(f"Source 'live' has no provider to ask. {NO_TOKEN}")
    for name, reason in left_out.items():
        _say_once(f"Source 'live' does without {name}: {reason}")
    return FailoverSource(
        [open_source(name, access=access, now=now) for name in asked], left_out=left_out, now=now
    )


@cache
def _say_once(text: str) -> None:
    logging.getLogger(__name__).warning(text)
