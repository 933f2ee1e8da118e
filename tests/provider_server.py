"""Yahoo and Tiingo on loopback: their paths, answers and faults, over made listings and a clock that is set."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import numpy as np

from made_prices import DAYS
from tickgraph.market.calendar import last_completed_session
from tickgraph.market.sources.asking import Manners
from tickgraph.market.sources.yahoo_session import YahooSession

TOKEN = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105
NEW_YORK = ZoneInfo("America/New_York")


@dataclass
class Listing:
    """A share as traded: ``base`` is its close were all splits counted, by session of ``DAYS``."""

    seed: int
    splits: dict[date, float] = field(default_factory=dict)
    dividends: dict[date, float] = field(default_factory=dict)

    def through(self, end):
        """Sessions to ``end`` and their closes: as traded, adjusted for splits, and for dividends too.

        What is not yet known by ``end`` is told beforehand: a split that is added later changes what was traded.
        """
        days = DAYS[end >= DAYS]
        count = len(days)
        base = 50 + self.seed % 40 + 5 * np.sin(np.arange(count) * 0.7 + self.seed)
        raw = base * self.shares(days)
        close = raw / self.shares(days, end.item())
        adjusted = close.copy()
        for day, cash in self.dividends.items():
            place = int(np.searchsorted(days, np.datetime64(day)))
            if place < count:
                adjusted[:place] *= 1 - cash / close[place - 1]
        return days, raw, close, adjusted

    def traded(self, days):
        """Volumes as traded."""
        return (1_000_000 + np.arange(len(days))) / self.shares(days)

    def shares(self, days, known=date.max):
        """New shares for one of each session, by the splits after it that are known."""
        shares = np.ones(len(days))
        for day, ratio in self.splits.items():
            if day <= known:
                shares[days < np.datetime64(day)] *= ratio
        return shares


def answer(status, body, kind="application/json", **headers):
    """A fault: another answer."""

    def fault(handler, _):
        handler.answer(status, body, kind, headers)

    return fault


def hang(handler, _):
    """Never answer: nothing comes before the server is closed."""
    handler.server.owner.closing.wait()
    handler.close_connection = True


def reset(handler, _):
    """Cut the connection with a reset, not an orderly end."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def truncated(handler, right):
    """End in the middle of the JSON."""
    handler.answer(200, right[: len(right) // 2])


def slow(handler, right):
    """Send the right answer in two pieces, the second after a moment."""
    handler.server.owner.closing.wait(0.1)
    handler.answer(200, right)


def edited(edit):
    """A fault: the right answer, changed by ``edit(document)``."""

    def fault(handler, right):
        document = json.loads(right)
        edit(document)
        handler.answer(200, json.dumps(document))

    return fault


def refused(retry_after=None):
    """A fault: a refused rate."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return answer(429, "Too Many Requests\r\n", "text/plain", **headers)


BROKEN = answer(500, '{"chart":{"result":null,"error":{"code":"Internal","description":"Internal"}}}')
HTML = answer(200, "<!DOCTYPE html><html><body>Sorry</body></html>", "text/html")


class ProviderServer:
    """Both providers at one address.

    ``listings`` are what they know; ``now`` is their clock. Bars of later sessions, splits and dividends are not yet
    known. ``asked`` has each request for prices, ``visits`` every other path.
    """

    def __init__(self, now):
        self.now = now
        self.listings = {}
        self.asked: list[tuple[str, str]] = []
        self.visits: list[str] = []
        self.queries: list[tuple[str, dict]] = []
        self.closing = threading.Event()
        self._faults: dict[tuple[str, str], list] = {}
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.address = f"http://127.0.0.1:{self._http.server_port}"

    def fail(self, provider, symbol, fault, times=None):
        """Answer a symbol's requests (``*``: all) with a fault, so many times; None is for ever."""
        with self._lock:
            self._faults[provider, symbol] = [fault, times]

    def heal(self):
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def count(self, provider, symbol=None):
        """Requests for prices so far."""
        return sum(who == provider and symbol in (None, what) for who, what in self.asked)

    def fault(self, provider, symbol):
        with self._lock:
            self.asked.append((provider, symbol))
            for key in ((provider, symbol), (provider, "*")):
                held = self._faults.get(key)
                if held and held[1] != 0:
                    held[1] = None if held[1] is None else held[1] - 1
                    return held[0]
        return None

    @contextmanager
    def running(self):
        thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    owner: ProviderServer
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.owner.visits.append(self.path)
        self.answer(200, "")

    def do_GET(self):
        owner, url = self.server.owner, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = url.path.strip("/").split("/")
        if parts[0] == "yahoo" and parts[2:5] == ["v8", "finance", "chart"]:
            provider, symbol, (status, right) = "yahoo", parts[5], yahoo_chart(owner, parts[5], query)
        elif parts[:2] == ["tiingo", "daily"] and parts[3:] == ["prices"]:
            provider, symbol = "tiingo", parts[2]
            status, right = tiingo_prices(owner, symbol, query, self.headers)
        else:
            owner.visits.append(self.path)
            self._visit(parts)
            return
        owner.queries.append((symbol, query))
        fault = owner.fault(provider, symbol)
        if fault:
            fault(self, right)
        else:
            self.answer(status, right)

    def _visit(self, parts):
        """Yahoo's cookie, crumb and consent pages."""
        if parts[-1] == "getcrumb":
            self.answer(200, "Sh4dyCrumb", "text/plain")
        elif parts[-1] == "consent":
            form = '<form><input name="csrfToken" value="c"/><input name="sessionId" value="s"/></form>'
            self.answer(200, f"<html>{form}</html>", "text/html")
        else:
            self.answer(404, "", "text/html", {"Set-Cookie": "A3=d=AQAB; Path=/"})

    def answer(self, status, body, kind="application/json", headers=None):
        data = body.encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": len(data), **(headers or {})}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # who asked has stopped waiting
            self.close_connection = True


def _moment(day):
    """When a session opens, in seconds since 1970."""
    return int(datetime.combine(day.item(), datetime.min.time(), NEW_YORK).timestamp()) + 34_200


def _single(values):
    return [float(np.float32(value)) for value in values]


def yahoo_chart(owner, symbol, query):
    """``/v8/finance/chart``: prices adjusted for splits, in single precision; today's bar too while it trades."""
    if symbol not in owner.listings:
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return 404, json.dumps({"chart": {"result": None, "error": error}})
    listing, today = owner.listings[symbol], np.datetime64(owner.now.astimezone(NEW_YORK).date())
    days, _, close, adjusted = listing.through(today)
    moments = [_moment(day) for day in days]
    first = int(query.get("period1", 0))
    start = next((place for place, moment in enumerate(moments) if moment >= first), len(moments))
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NMS",
        "fullExchangeName": "NasdaqGS",
        "instrumentType": "EQUITY",
        "firstTradeDate": moments[0],
        "regularMarketTime": moments[-1] + 23_400,
        "hasPrePostMarketData": True,
        "gmtoffset": -14400,
        "timezone": "EDT",
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": float(close[-1]),
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }
    splits = {
        str(_moment(np.datetime64(day))): {
            "date": _moment(np.datetime64(day)),
            "numerator": ratio,
            "denominator": 1.0,
            "splitRatio": f"{ratio:g}:1",
        }
        for day, ratio in listing.splits.items()
        if days[start:].size and days[start] <= np.datetime64(day) <= today
    }
    dividends = {
        str(_moment(np.datetime64(day))): {"amount": cash, "date": _moment(np.datetime64(day))}
        for day, cash in listing.dividends.items()
        if days[start:].size and days[start] <= np.datetime64(day) <= today
    }
    prices = _single(close[start:])
    quote = {
        "open": prices,
        "high": _single(close[start:] * 1.01),
        "low": _single(close[start:] * 0.99),
        "close": prices,
        "volume": (listing.traded(days) * listing.shares(days, today.item()))[start:]
        .round()
        .astype(int)
        .tolist(),
    }
    result = {
        "meta": meta,
        "timestamp": moments[start:],
        "events": {"splits": splits, "dividends": dividends},
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": _single(adjusted[start:])}]},
    }
    return 200, json.dumps({"chart": {"result": [result], "error": None}})


def tiingo_prices(owner, symbol, query, headers):
    """``/tiingo/daily/{ticker}/prices``: sessions that have closed, as traded and adjusted."""
    if headers.get("Authorization") != f"Token {TOKEN}":
        return 401, '{"detail":"Invalid token."}'
    if symbol not in owner.listings:
        return 404, '{"detail":"Not found."}'
    listing = owner.listings[symbol]
    end = last_completed_session(owner.now)
    days, raw, _, adjusted = listing.through(end)
    traded, shares = listing.traded(days), listing.shares(days, end.item())
    rows = [
        {
            "date": f"{day}T00:00:00.000Z",
            "close": raw[place],
            "high": raw[place] * 1.01,
            "low": raw[place] * 0.99,
            "open": raw[place],
            "volume": round(traded[place]),
            "adjClose": adjusted[place],
            "adjHigh": adjusted[place] * 1.01,
            "adjLow": adjusted[place] * 0.99,
            "adjOpen": adjusted[place],
            "adjVolume": round(traded[place] * shares[place]),
            "divCash": listing.dividends.get(day.item(), 0.0),
            "splitFactor": listing.splits.get(day.item(), 1.0),
        }
        for place, day in enumerate(days)
        if query.get("startDate", "") <= str(day) <= query.get("endDate", "9999")
    ]
    return 200, json.dumps(rows)


class Redirected(YahooSession):
    """The session of production, with Yahoo's hosts at another address."""

    def __init__(self, server, timeout_seconds=2.0):
        super().__init__(timeout_seconds)
        self._address = server.address

    def _send(self, method, url, options):
        parts = urlsplit(url)
        assert parts.hostname.endswith("yahoo.com")
        query = f"?{parts.query}" if parts.query else ""
        response = super()._send(
            method, f"{self._address}/yahoo/{parts.hostname}{parts.path}{query}", options
        )
        response.url = url
        return response


def patient(waits, **changes):
    """Manners without a bound on the rate, whose waits are only noted."""
    return Manners(**{"rate": None, "sleep": waits.append, **changes})
