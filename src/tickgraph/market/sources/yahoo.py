"""Yahoo Finance through yfinance, the ``yahoo`` extra."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import numpy as np
import pandas as pd

from tickgraph.errors import SourceUnavailableError
from tickgraph.market.calendar import check_range, last_completed_session
from tickgraph.market.source import BAR_COLUMNS, Fetched, empty_bars
from tickgraph.market.universe import TIER_1

History = Callable[[str, date | None, date | None], pd.DataFrame]

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 3
PARALLEL = 4  # polite to the provider, and enough to hide its latency

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

    Each symbol is asked for on its own, with a timeout and bounded retries (exponential, with jitter); one that
    fails is reported and the others go on. Today's bar is dropped until its session has closed.

    Parameters
    ----------
    history
        ``history(symbol, first, last)`` gives yfinance's own table; tests give a recorded one.
    wait_seconds
        First wait between attempts; it doubles, with jitter.
    """

    name = "yahoo"
    editable = False

    def __init__(self, history: History | None = None, wait_seconds: float = 1.0) -> None:
        self._history = history
        self._wait_seconds = wait_seconds

    def symbols(self) -> tuple[str, ...]:
        """TIER_1: Yahoo lists no catalogue, and will be asked for any other symbol by name."""
        return TIER_1

    def fetch(self, symbols: Sequence[str], first: date | None = None, last: date | None = None) -> Fetched:
        """Ask Yahoo for the bars of symbols.

        Raises
        ------
        SourceUnavailableError
            yfinance is not installed, or not one symbol could be asked for: offline, blocked or rate-limited.
        """
        check_range(first, last)
        history = self._history or _yfinance_history
        if self._history is None:
            _import_yfinance()
        answers: list[pd.DataFrame | Exception] = []
        with ThreadPoolExecutor(PARALLEL) as pool:
            for start in range(0, len(symbols), PARALLEL):
                some = symbols[start : start + PARALLEL]
                answers += pool.map(lambda symbol: self._one(history, symbol, first, last), some)
                # Nothing got through so far: do not wait for the time-outs of every other symbol too.
                if all(isinstance(answer, SourceUnavailableError) for answer in answers):
                    raise answers[0]  # type: ignore[misc]
        failures = {
            symbol: str(answer)
            for symbol, answer in zip(symbols, answers, strict=True)
            if not isinstance(answer, pd.DataFrame)
        }
        tables = [answer for answer in answers if isinstance(answer, pd.DataFrame)]
        return Fetched(pd.concat(tables, ignore_index=True) if tables else empty_bars(), failures)

    def _one(
        self, history: History, symbol: str, first: date | None, last: date | None
    ) -> pd.DataFrame | Exception:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=self._wait_seconds, max=30 * self._wait_seconds),
            retry=retry_if_exception(_is_passing),
            reraise=True,
        )
        try:
            return _bars(symbol, retrying(history, symbol, first, last))
        except Exception as error:  # noqa: BLE001  yfinance raises what its parsing meets: report it by symbol
            if _is_passing(error):
                return SourceUnavailableError(
                    f"Yahoo could not be reached for {symbol} after {ATTEMPTS} attempts "
                    f"({type(error).__name__}). Check the network, wait if Yahoo limits the rate, or use "
                    "--source sample or --source files."
                )
            return ValueError(f"Yahoo has no usable prices for {symbol}: {error}")


def _is_passing(error: BaseException) -> bool:
    """Whether an attempt may succeed later: timeouts, lost connections, refused rates."""
    return isinstance(error, OSError) or type(error).__name__ == "YFRateLimitError"


def _import_yfinance() -> None:
    try:
        import tenacity  # noqa: F401  the extra's other half
        import yfinance
    except ImportError as error:
        raise SourceUnavailableError(
            "Source 'yahoo' needs the yahoo extra. Run: pip install 'tickgraph[yahoo]'"
        ) from error
    yfinance.config.debug.hide_exceptions = False  # raise what went wrong, do not print it
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)


def _yfinance_history(symbol: str, first: date | None, last: date | None) -> pd.DataFrame:
    import yfinance

    day_after = None if last is None else last + timedelta(days=1)  # yfinance's end is exclusive
    span = {"period": "max"} if first is None and last is None else {"start": first or date(1990, 1, 1)}
    table: pd.DataFrame = yfinance.Ticker(symbol).history(
        **span, end=day_after, interval="1d", auto_adjust=False, actions=False, timeout=TIMEOUT_SECONDS
    )
    return table


def _bars(symbol: str, table: pd.DataFrame) -> pd.DataFrame:
    """Read yfinance's table: one row per session, index in the exchange's time zone."""
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise ValueError(f"the answer lacks the columns {', '.join(missing)}")
    index = pd.DatetimeIndex(table.index)
    days = (index if index.tz is None else index.tz_localize(None)).normalize()
    bars = (
        table[list(_COLUMNS)]
        .rename(columns=_COLUMNS)
        .assign(symbol=symbol, date=days.astype("datetime64[us]"))
    )
    traded = bars[bars["close"].notna() & (bars["date"] <= pd.Timestamp(last_completed_session()))]
    if traded.empty:
        raise ValueError("no session in the range; it may be delisted or renamed")
    return traded[list(BAR_COLUMNS)].astype({"volume": np.float64}).reset_index(drop=True)
