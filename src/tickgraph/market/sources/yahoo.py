"""Yahoo Finance through yfinance, the ``yahoo`` extra."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tickgraph.errors import SourceUnavailableError
from tickgraph.extras import lacking
from tickgraph.market.calendar import check_range, system_time
from tickgraph.market.source import BAR_COLUMNS, Fetched
from tickgraph.market.sources.asking import (
    LastingFailure,
    Manners,
    PassingFailure,
    ask_each,
    last_wanted,
    traded,
)
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import TIER_1

if TYPE_CHECKING:
    from tickgraph.market.sources.yahoo_session import YahooSession

ZONE = "America/New_York"
# After the close: quotes of some exchanges come 15 minutes late, and the auction takes its time.
SETTLED = timedelta(minutes=30)

_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}


class YahooSource:
    """Split- and dividend-adjusted daily bars from Yahoo Finance.

    Yahoo gives one symbol's history a request. ``yfinance.download`` of a list sends such requests from threads of its
    own. It keeps only the text of a failure. That text does not say whether the failure will pass, and so whether to
    try again. Each symbol is therefore asked for on its own, through ``yfinance.Ticker``, which looks after Yahoo's
    cookies.

    ``open`` to ``close`` are adjusted for splits, ``adj_close`` for dividends too. Today's bar is dropped until half an
    hour after its session's close, since it may lack the closing auction before. Yahoo gives an open of 0 for old
    sessions; here it is NaN.

    Parameters
    ----------
    session
        What yfinance asks through; None is one that all sources of this process share, as yfinance does.
    manners
        Bounds, attempts and waits.
    now
        Clock; None is the system's.
    """

    name = "yahoo"
    editable = False

    def __init__(
        self,
        session: YahooSession | None = None,
        *,
        manners: Manners | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._session = session
        self._manners = manners or Manners()
        self._now = now or system_time

    def symbols(self) -> tuple[Symbol, ...]:
        """TIER_1: Yahoo lists no catalogue, and will be asked for any other symbol by name."""
        return TIER_1

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        """Ask Yahoo for the bars of symbols.

        Raises
        ------
        SourceUnavailableError
            The extra is not installed, or not one symbol was answered: offline, blocked or rate-limited.
        """
        check_range(first, last)
        _import_yfinance()
        session = self._session or _shared_session()
        ends = last_wanted(self._now() - SETTLED, last)
        return ask_each("Yahoo", symbols, lambda symbol: _bars(session, symbol, first, ends), self._manners)


@cache
def _shared_session() -> YahooSession:
    from tickgraph.market.sources.yahoo_session import YahooSession

    return YahooSession()


def _bars(session: YahooSession, symbol: str, first: date | None, ends: np.datetime64) -> pd.DataFrame:
    table = _history(session, symbol, first)
    index = pd.DatetimeIndex(table.index)  # in the exchange's zone
    days = (index if index.tz is None else index.tz_localize(None)).normalize()
    bars = (
        table[list(_COLUMNS)]
        .rename(columns=_COLUMNS)
        .assign(symbol=symbol, date=days.astype("datetime64[us]"))
    )
    bars["open"] = bars["open"].replace(0.0, np.nan)
    return traded(bars[list(BAR_COLUMNS)].astype({"volume": np.float64}), ends)


def _history(session: YahooSession, symbol: str, first: date | None) -> pd.DataFrame:
    """Give yfinance's table from a date to now.

    No end is given: yfinance keeps answers of ranges that have ended for the life of the process, so a later split or
    dividend would not be seen.
    """
    import yfinance
    from yfinance.exceptions import YFRateLimitError

    ticker = yfinance.Ticker(symbol, session=session)
    # yfinance asks for the zone of each new symbol first. All of ours are of one exchange: this spares the request.
    ticker._tz = ZONE
    span = {"period": "max"} if first is None else {"start": first}
    session.begin()
    try:
        table: pd.DataFrame = ticker.history(**span, interval="1d", auto_adjust=False, actions=False)
    except (PassingFailure, LastingFailure):  # the session's judgement
        raise
    except YFRateLimitError as error:
        raise PassingFailure(
            "it limits the rate of requests. Wait before asking again.", for_all=True
        ) from error
    except OSError as error:  # all of curl's
        raise PassingFailure(
            f"no answer ({type(error).__name__}). Check the network.", silent=True
        ) from error
    except Exception as error:  # yfinance raises what its parsing meets
        raise PassingFailure(f"its answer has another format ({type(error).__name__}: {error}).") from error
    return table


def _import_yfinance() -> None:
    try:
        import curl_cffi  # noqa: F401  the extra's other parts
        import limits  # noqa: F401
        import tenacity  # noqa: F401
        import yfinance
    except ImportError as error:
        raise SourceUnavailableError(lacking("Source 'yahoo'", "yahoo", error)) from error
    yfinance.config.debug.hide_exceptions = False  # raise what went wrong, do not print it
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    # yfinance turns its own warnings on when it is imported: of how it uses pandas, for every one of our users.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="^yfinance")
