"""Ask a provider for symbols one by one: some side by side, at a bounded rate, again where that may help."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

import numpy as np
import pandas as pd

from tickgraph.errors import SourceUnavailableError
from tickgraph.market.calendar import last_completed_session
from tickgraph.market.source import Fetched, empty_bars

Ask = Callable[[str], pd.DataFrame]

NO_SESSION = "no session in the range; it may be delisted or renamed."


class LastingFailure(Exception):
    """Asking again will not help: the symbol is unknown, delisted or renamed."""


class PassingFailure(Exception):
    """Asking later, or another provider, may help.

    Parameters
    ----------
    reason
        What happened, as the end of a sentence.
    retry_after
        Seconds that the provider asked to wait, where it did.
    for_all
        Whether it concerns every symbol, as a refused rate does: no other is asked for then.
    again
        Whether another attempt in a moment may help.
    silent
        Whether no answer came at all.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        for_all: bool = False,
        again: bool = True,
        silent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry_after, self.for_all, self.again, self.silent = retry_after, for_all, again, silent


@dataclass(frozen=True)
class Manners:
    """How a provider is asked; the bound on the rate is one for all fetches with the same object.

    Attributes
    ----------
    parallel
        Symbols asked for side by side.
    rate
        Bound on the requests, such as ``5/second``; None is no bound.
    attempts
        How often a symbol is asked for at most.
    wait_seconds
        Bound of the first wait between two attempts. It doubles with each; the wait is drawn below it.
    longest_wait_seconds
        Longest wait that a provider may ask for; with a longer one its refusal stands.
    in_a_row
        Symbols that fail one after another, for reasons that may pass, before the others are not asked for.
    sleep
        What waits.
    """

    parallel: int = 4
    rate: str | None = "5/second"
    attempts: int = 3
    wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    in_a_row: int = 4
    sleep: Callable[[float], None] = time.sleep

    @cached_property
    def pace(self) -> Callable[[], None]:
        """What to call before each request, so that they keep to the rate."""
        if self.rate is None:
            return lambda: None
        from limits import parse
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        limiter, bound = MovingWindowRateLimiter(MemoryStorage()), parse(self.rate)

        def pace() -> None:
            while not limiter.hit(bound):
                self.sleep(max(0.01, limiter.get_window_stats(bound).reset_time - time.time()))

        return pace


def ask_each(provider: str, symbols: Sequence[str], ask: Ask, manners: Manners) -> Fetched:
    """Ask for each symbol; one that fails is reported and the others go on.

    Until one is answered, symbols are asked for one after another. So a provider that gives no answer at all costs the
    waiting of two symbols, and not of all that go side by side.

    Parameters
    ----------
    provider
        Its name, for messages.
    symbols
        Which.
    ask
        Gives the bars of a symbol, or raises :class:`PassingFailure` or :class:`LastingFailure`.
    manners
        How.

    Raises
    ------
    SourceUnavailableError
        Not one symbol was answered, neither with bars nor with the word that there are none. A single symbol whose
        answers were bad is a failure of that symbol, and no outage.
    """
    inquiry = _Inquiry(provider, ask, manners)
    waiting = list(dict.fromkeys(symbols))
    answers: dict[str, pd.DataFrame | Exception] = {}
    while waiting and not inquiry.answered and not inquiry.given_up:
        symbol = waiting.pop(0)
        answers[symbol] = inquiry.one(symbol)
    with ThreadPoolExecutor(manners.parallel, f"tickgraph-{provider}") as pool:
        answers |= zip(waiting, pool.map(inquiry.one, waiting), strict=True)
    passing = {symbol: answer for symbol, answer in answers.items() if isinstance(answer, PassingFailure)}
    if answers and len(passing) == len(answers) and (len(answers) > 1 or inquiry.given_up or inquiry.silent):
        raise SourceUnavailableError(str(next(iter(passing.values()))))
    tables = [answer for answer in answers.values() if isinstance(answer, pd.DataFrame)]
    return Fetched(
        pd.concat(tables, ignore_index=True) if tables else empty_bars(),
        {symbol: str(answer) for symbol, answer in answers.items() if isinstance(answer, Exception)},
        passing=frozenset(passing),
    )


@dataclass
class _Inquiry:
    """One fetch, and what came of it so far."""

    provider: str
    ask: Ask
    manners: Manners
    answered: bool = False
    given_up: str | None = None
    silent: bool = False  # whether a request was left without an answer
    _failed_in_a_row: int = 0
    _not_before: float = 0.0  # moment of the monotonic clock
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, symbol: str) -> pd.DataFrame | Exception:
        """Bars of a symbol, or why there are none."""
        if self.given_up:
            return PassingFailure(f"{symbol} was not asked for: {self.given_up}")
        try:
            answer: pd.DataFrame | Exception = self._persistently(symbol)
        except PassingFailure as error:
            failure = PassingFailure(f"{self.provider} gave no prices of {symbol}: {error}")
            self._count_failure(str(failure), error)
            return failure
        except LastingFailure as error:
            answer = LastingFailure(f"{self.provider} has no prices of {symbol}: {error}")
        with self._lock:
            self.answered, self._failed_in_a_row = True, 0
        return answer

    def _persistently(self, symbol: str) -> pd.DataFrame:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        retrying = Retrying(
            stop=stop_after_attempt(self.manners.attempts),
            wait=self._wait,
            retry=retry_if_exception(self._worth_another),
            sleep=self.manners.sleep,
            reraise=True,
        )
        # A wait that was asked for on account of another symbol holds for this one too.
        if (rest := self._not_before - time.monotonic()) > 0:
            self.manners.sleep(rest)

        def attempt() -> pd.DataFrame:
            self.manners.pace()
            return self.ask(symbol)

        return retrying(attempt)

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, PassingFailure) or not error.again:
            return False
        return (error.retry_after or 0.0) <= self.manners.longest_wait_seconds

    def _wait(self, state: object) -> float:
        """Seconds until the next attempt: at least what the provider asked for, and no two symbols alike."""
        outcome, number = state.outcome, state.attempt_number  # type: ignore[attr-defined]
        asked = outcome.exception().retry_after or 0.0
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + asked)
        jitter = random.uniform(0, self.manners.wait_seconds * 2 ** (number - 1))  # noqa: S311  no secret
        return asked + jitter

    def _count_failure(self, text: str, cause: PassingFailure) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            self.silent |= cause.silent
            enough = 2 if cause.silent and not self.answered else self.manners.in_a_row
            if cause.for_all or self._failed_in_a_row >= enough:
                self.given_up = self.given_up or text


def last_wanted(now: datetime, last: date | None) -> np.datetime64:
    """Last session to give: the last one that has closed by ``now``, or ``last`` where that is earlier."""
    closed = last_completed_session(now)
    return closed if last is None else min(closed, np.datetime64(last, "D"))


def traded(bars: pd.DataFrame, last: np.datetime64) -> pd.DataFrame:
    """Bars with a close, up to a session; :class:`LastingFailure` where there are none."""
    rows = bars[bars["close"].notna() & (bars["date"] <= pd.Timestamp(last))]
    if rows.empty:
        raise LastingFailure(NO_SESSION)
    return rows.reset_index(drop=True)


def seconds_to_wait(header: str | None, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header: seconds, or a date. None where it is neither.

    Parameters
    ----------
    header
        Its text.
    now
        Moment that a date is counted from (aware); None is the system's.
    """
    if header is None:
        return None
    with contextlib.suppress(ValueError):
        seconds = float(header)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
