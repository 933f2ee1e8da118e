"""The session that yfinance asks Yahoo through: bounded waits, and a memory of the last answer.

yfinance raises the same error for a refused rate whatever the answer's ``Retry-After``, and takes an error page of
status 500 for a symbol without prices. What it does not pass on is noted here, by thread.
"""

from __future__ import annotations

import threading
from typing import Any

from curl_cffi import requests

from tickgraph.market.sources.asking import seconds_to_wait

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 4.0


class YahooSession(requests.Session[requests.Response]):
    """A session as yfinance makes its own, which also notes the last answer of each thread.

    Parameters
    ----------
    timeout_seconds
        Longest wait for one answer, of which at most 4 s to connect. yfinance itself would wait 30 s for a cookie, one
        thread after another.
    """

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(impersonate="chrome")
        self._timeout_seconds = timeout_seconds
        self._noted = threading.local()

    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        """Ask, and note what came."""
        self.forget()
        asked = options.pop("timeout", None)
        wait = min(asked, self._timeout_seconds) if asked else self._timeout_seconds
        connect = min(CONNECT_SECONDS, wait / 2)
        response = super().request(method, url, timeout=(connect, wait - connect), **options)
        self._noted.status = response.status_code
        self._noted.retry_after = seconds_to_wait(response.headers.get("Retry-After"))
        return response

    def forget(self) -> None:
        """Forget this thread's last answer."""
        self._noted.status, self._noted.retry_after = None, None

    @property
    def status(self) -> int | None:
        """Status of this thread's last answer; None if none came."""
        return getattr(self._noted, "status", None)

    @property
    def retry_after(self) -> float | None:
        """Seconds that this thread's last answer asked to wait, if it did."""
        return getattr(self._noted, "retry_after", None)
