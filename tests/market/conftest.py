"""Providers of prices on loopback."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from provider_server import TOKEN, Listing, ProviderServer, Redirected, patient
from tickgraph.market.sources.tiingo import TiingoSource
from tickgraph.market.sources.yahoo import YahooSource

LISTED = ("AAPL", "JPM", "MSFT", "XOM", "BRK-B")


@pytest.fixture(scope="session")
def _yfinance_leaves_no_files(tmp_path_factory):
    import yfinance

    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))


@pytest.fixture
def server(_yfinance_leaves_no_files, monkeypatch):
    # yfinance has one memory of cookies for the process.
    monkeypatch.setattr("yfinance.data.SingletonMeta._instances", {})
    with ProviderServer(datetime(2022, 8, 1, 22, tzinfo=UTC)).running() as running:
        running.listings = {name: Listing(sum(map(ord, name))) for name in LISTED}
        yield running


@pytest.fixture
def waits():
    """Seconds that a source would have waited."""
    return []


@pytest.fixture
def yahoo(server, waits):
    """YahooSource of production that asks the server."""
    with Redirected(server) as session:
        yield YahooSource(session, manners=patient(waits), now=lambda: server.now)


@pytest.fixture
def tiingo(server, waits):
    """TiingoSource of production that asks the server."""
    return TiingoSource(
        SecretStr(TOKEN),
        address=server.address,
        manners=patient(waits),
        timeout_seconds=2.0,
        now=lambda: server.now,
    )
