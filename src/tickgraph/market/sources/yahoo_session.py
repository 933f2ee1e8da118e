"""The session that yfinance asks Yahoo through: bounded waits, and answers judged before yfinance reads them.

yfinance reads answers in ways that do not serve here:

- It asks a second time at once after a refused rate, and then raises an error without the answer's ``Retry-After``.
- It takes an error page for a symbol that is no more.
- It fetches five pages and asks again for each symbol that Yahoo does not know.
- It gives plain closes in place of adjusted ones where an answer has none.

So an answer with prices is judged here first.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import requests

from tickgraph.market.sources.asking import LastingFailure, PassingFailure, seconds_to_wait

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 4.0
COOKIE_REST_SECONDS = 300.0

_COOKIE_PAGE = "https://fc.yahoo.com"
_CHART = "/v8/finance/chart/"
_PRICES = ("open", "high", "low", "close", "volume")


class YahooSession(requests.Session[requests.Response]):
    """A session like yfinance's own that raises what is wrong with an answer.

    Parameters
    ----------
    timeout_seconds
        Longest wait for one answer, of which at most 4 s to connect. yfinance itself would wait 30 s for a cookie, one
        thread after another.
    """

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(impersonate="chrome")
        self._timeout_seconds = timeout_seconds
        self._own = threading.local()
        self._cookies_from = 0.0  # moment of the monotonic clock
        self._cookie_page: tuple[float, Any] | None = None

    def begin(self) -> None:
        """Say that this thread asks for another symbol."""
        self._own.refused = False

    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        """Ask, and judge what came.

        Raises
        ------
        PassingFailure, LastingFailure
            What came instead of prices.
        OSError
            Nothing came; all of curl's errors are of this kind.
        """
        asked = options.pop("timeout", None)
        wait = min(asked, self._timeout_seconds) if asked else self._timeout_seconds
        connect = min(CONNECT_SECONDS, wait / 2)
        options["timeout"] = (connect, wait - connect)
        response = self._send(method, url, options) if _CHART in url else self._page(method, url, options)
        if _CHART not in urlsplit(response.url).path:
            return response  # a page, perhaps of consent: yfinance agrees, and is sent back
        if response.status_code in (401, 403) and not getattr(self._own, "refused", False):
            self._own.refused = True  # yfinance asks once more, with another cookie
            self._cookie_page = None
            return response
        judge(response.status_code, response.text, response.headers.get("Retry-After"), _symbol(response.url))
        return response

    def _send(self, method: Any, url: str, options: dict[str, Any]) -> Any:
        return super().request(method, url, **options)

    def _page(self, method: Any, url: str, options: dict[str, Any]) -> Any:
        """Ask for a cookie or a crumb. Prices can be had without, so one that fails is not waited for again.

        Where yfinance cannot keep cookies on disk, it asks for one before every request. One in five minutes will do.
        """
        now = time.monotonic()
        if now < self._cookies_from:
            raise ConnectionError("Yahoo's cookie pages did not answer a moment ago.")
        if url == _COOKIE_PAGE and self._cookie_page is not None and now < self._cookie_page[0]:
            return self._cookie_page[1]
        try:
            response = self._send(method, url, options)
        except OSError:
            self._cookies_from = time.monotonic() + COOKIE_REST_SECONDS
            raise
        if url == _COOKIE_PAGE:
            self._cookie_page = (now + COOKIE_REST_SECONDS, response)
        return response


def judge(status: int, text: str, retry_after: str | None, symbol: str) -> None:
    """Look at an answer of ``/v8/finance/chart``.

    Parameters
    ----------
    status, text, retry_after
        The answer's status, body and ``Retry-After``.
    symbol
        What was asked for.

    Raises
    ------
    PassingFailure
        A refused rate, an error of the server, or another format.
    LastingFailure
        Yahoo says that it has no such prices.
    """
    if status == 429:
        raise PassingFailure(
            "it limits the rate of requests. Wait before asking again.",
            retry_after=seconds_to_wait(retry_after),
            for_all=True,
        )
    if status in (401, 403) or status >= 500:
        raise PassingFailure(f"it answered with status {status}. Wait before asking again.")
    try:
        chart = json.loads(text)["chart"]
        error, results = chart["error"], chart["result"]
        reason = error["description"] if error else None
    except (ValueError, KeyError, TypeError) as failure:
        raise PassingFailure(f"its answer has another format: status {status}, no chart.") from failure
    if reason is not None:
        raise LastingFailure(f"it says {str(reason)[:200]!r}. It may be delisted or renamed.")
    if not results:
        raise LastingFailure("its answer is empty; it may be delisted or renamed.")
    try:
        _judge_result(results[0], symbol)
    except (KeyError, TypeError, IndexError, AttributeError) as failure:
        raise PassingFailure(
            f"its answer has another format: {type(failure).__name__} {failure}."
        ) from failure


def _judge_result(result: dict[str, Any], symbol: str) -> None:
    named = str(result["meta"].get("symbol", symbol))
    if named.upper() != symbol.upper():
        raise LastingFailure(f"it answers with prices of {named[:20]!r}. Check whether {symbol} was renamed.")
    quote = result["indicators"]["quote"][0]
    if not result.get("timestamp") or not quote:
        raise LastingFailure("no session in the range; it may be delisted or renamed.")
    missing = [name for name in _PRICES if name not in quote]
    if "adjclose" not in (result["indicators"].get("adjclose") or [{}])[0]:
        missing.append("adjclose")
    if missing:
        raise PassingFailure(f"its answer has another format: it lacks {', '.join(missing)}.", again=False)


def _symbol(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]
