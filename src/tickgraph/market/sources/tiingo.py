"""Tiingo's end-of-day prices, the ``tiingo`` extra.

API: https://www.tiingo.com/documentation/end-of-day
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from tickgraph.errors import SourceUnavailableError
from tickgraph.extras import lacking
from tickgraph.market.calendar import check_range, system_time
from tickgraph.market.source import BAR_COLUMNS, Fetched
from tickgraph.market.sources.asking import (
    NO_SESSION,
    LastingFailure,
    Manners,
    PassingFailure,
    ask_each,
    last_wanted,
    seconds_to_wait,
    traded,
)
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import TIER_1

if TYPE_CHECKING:
    import httpx

ADDRESS = "https://api.tiingo.com"
TIMEOUT_SECONDS = 10.0
NO_TOKEN = "It needs a token. Set TICKGRAPH_TIINGO_TOKEN, or tiingo_token in tickgraph.toml."  # noqa: S105
EARLIEST = date(1962, 1, 1)

_PRICES = ("open", "high", "low", "close")
_NUMBERS = (*_PRICES, "volume", "adjClose", "splitFactor")
# What it says with status 200 too, of its limits of requests an hour and a day, and of symbols a month.
_OVER_LIMIT, _SYMBOLS_A_MONTH = "you have run over", "symbol look up"


class TiingoSource:
    """Split- and dividend-adjusted daily bars from Tiingo.

    Tiingo gives one symbol's history a request. Its ``close`` is as traded. It is divided by all splits after its
    session up to today, so that it is on the same scale as other sources' closes:
    ``close[t] / prod(splitFactor[s] for s > t)``. ``adjClose`` counts dividends too. Today's bar is dropped until its
    session has closed.

    Parameters
    ----------
    token
        Of an account with Tiingo, https://www.tiingo.com/account/api/token. It is sent in a header only.
    address
        Where to ask.
    manners
        Bounds, attempts and waits.
    timeout_seconds
        Time to connect, and time between two pieces of an answer.
    now
        Clock; None is the system's.
    """

    name = "tiingo"
    editable = False

    def __init__(
        self,
        token: SecretStr | None = None,
        *,
        address: str = ADDRESS,
        manners: Manners | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._token, self._address = token, address
        self._manners = manners or Manners(rate="2/second")
        self._timeout = timeout_seconds
        self._now = now or system_time

    def symbols(self) -> tuple[Symbol, ...]:
        """TIER_1: the source will be asked for any other symbol by name."""
        return TIER_1

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        """Ask Tiingo for the bars of symbols.

        Raises
        ------
        SourceUnavailableError
            There is no token or Tiingo refuses it, the extra is not installed, or not one symbol was answered.
        """
        check_range(first, last)
        if self._token is None:
            raise SourceUnavailableError(f"Source 'tiingo': {NO_TOKEN}")
        try:
            import httpx
            import limits  # noqa: F401  the extra's other parts
            import tenacity  # noqa: F401
        except ImportError as error:
            raise SourceUnavailableError(lacking("Source 'tiingo'", "tiingo", error)) from error
        ends = last_wanted(self._now(), last)
        # Redirects are not followed: the token is for this host only.
        with httpx.Client(
            base_url=self._address,
            headers={"Authorization": f"Token {self._token.get_secret_value()}"},
            timeout=self._timeout,
        ) as client:
            return ask_each(
                "Tiingo", symbols, lambda symbol: _bars(client, symbol, first, ends), self._manners
            )


def _bars(client: httpx.Client, symbol: str, first: date | None, ends: np.datetime64) -> pd.DataFrame:
    rows = _rows(client, symbol, first or EARLIEST)
    if not rows:
        raise LastingFailure(NO_SESSION)
    return traded(_adjusted(symbol, rows), ends)


def _rows(client: httpx.Client, symbol: str, first: date) -> list[dict[str, Any]]:
    """One answer's rows; there is no end date, as later splits count too."""
    import httpx

    try:
        response = client.get(
            f"/tiingo/daily/{symbol}/prices", params={"startDate": first.isoformat(), "format": "json"}
        )
    except httpx.HTTPError as error:
        raise PassingFailure(
            f"no answer ({type(error).__name__}). Check the network.", silent=True
        ) from error
    status = response.status_code
    if status == 404:
        raise LastingFailure("the symbol is unknown there; it may be delisted or renamed.")
    spent = response.text[:200].lower() if status == 200 else ""
    if status == 429 or _OVER_LIMIT in spent:
        wait = seconds_to_wait(response.headers.get("Retry-After"))
        # Its limits are by the hour, day and month: unless it says so, waiting a moment is of no use. When the symbols
        # of a month are used up, it still gives those that it gave this month.
        raise PassingFailure(
            "the account's limit of requests or symbols is used up. Wait, or see its plan.",
            retry_after=wait,
            for_all=_SYMBOLS_A_MONTH not in spent,
            again=wait is not None,
        )
    if status in (401, 403):
        raise PassingFailure(
            f"it refuses the token (status {status}). Check TICKGRAPH_TIINGO_TOKEN.",
            for_all=True,
            again=False,
        )
    if status != 200:
        raise PassingFailure(f"it answered with status {status}. Wait, or see status.tiingo.com.")
    try:
        rows = response.json()
    except ValueError as error:
        raise PassingFailure("its answer is not JSON.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PassingFailure("its answer is not a list of rows.")
    return rows


def _adjusted(symbol: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Bars on today's scale, ordered by date."""
    table = pd.DataFrame(rows)
    missing = [name for name in ("date", *_NUMBERS) if name not in table]
    if missing:
        raise PassingFailure(f"its answer lacks the columns {', '.join(missing)}.")
    try:
        days = pd.to_datetime(table["date"].str[:10], format="%Y-%m-%d")
        numbers = table[list(_NUMBERS)].apply(pd.to_numeric).astype(np.float64)
    except (ValueError, TypeError, AttributeError) as error:
        raise PassingFailure("its answer holds a date or number that cannot be read.") from error
    if days.isna().any():
        raise PassingFailure("its answer has a row without a date.")
    order = np.argsort(days.to_numpy(), kind="stable")
    numbers, days = numbers.iloc[order], days.iloc[order]
    factors = numbers["splitFactor"].fillna(1.0).replace(0.0, 1.0).to_numpy()
    # [T] new shares for one of session t: the splits of the sessions after it
    shares = np.append(np.cumprod(factors[::-1])[::-1][1:], 1.0)
    bars = pd.DataFrame(
        {
            "symbol": symbol,
            "date": days.to_numpy().astype("datetime64[us]"),
            **{name: numbers[name].to_numpy() / shares for name in _PRICES},
            "adj_close": numbers["adjClose"].to_numpy(),
            "volume": numbers["volume"].to_numpy() * shares,
        }
    )
    return bars[list(BAR_COLUMNS)]
