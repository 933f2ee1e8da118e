"""Requests that object storage carries out up to a moment and refuses afterwards: their signature ends.

S3 takes a signature in the address of a request (Signature Version 4, query parameters). The address says when the
signature was made, ``X-Amz-Date``, and for how many seconds it holds, ``X-Amz-Expires``. S3 answers 403 once its own
clock is past their sum, however long the request was held up on its way. The signing process may stand still, too. So
the sum is read from the address after it was signed, and compared with the deadline.

An address that is signed is as good as a credential until then, and no error repeats it.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tickgraph.errors import InputError
from tickgraph.extras import lacking
from tickgraph.object_place import ObjectPlace

_LONGEST = timedelta(days=7)  # that S3 takes
_EXPIRED = re.compile(r"has expired", re.IGNORECASE)
_RETRIED = (429, 500, 502, 503, 504)
_FIRST_WAIT = 0.05

Sign = Callable[[str, str, timedelta], str]
"""``sign(method, key, expires_in)`` gives a signed address."""


class TooLate(Exception):
    """The deadline had passed when the storage looked at the request, or before it was sent."""


class NoAnswer(Exception):
    """The line failed; whether the storage has carried the request out is unknown."""


@dataclass(frozen=True)
class Answer:
    """What the storage answered: status, headers by lower-case name, and text."""

    status: int
    headers: Mapping[str, str]
    text: str


class DeadlineRequests:
    """Signed requests to a place. Safe for threads.

    Parameters
    ----------
    place
        Says how long to wait and how often to try again.
    sign
        Signs with the credentials in force.

    Raises
    ------
    InputError
        The library is not installed.
    """

    def __init__(self, place: ObjectPlace, sign: Sign) -> None:
        self._access, self._sign = place.access, sign
        self._opening = threading.Lock()
        self._client: Any = None

    def put(self, key: str, data: bytes, headers: Mapping[str, str], deadline: datetime) -> Answer:
        """Write an object before a moment of the storage's clock; an error of the server is tried again.

        Raises
        ------
        TooLate
            The last try came too late. An earlier one may have been carried out, and its answer lost.
        NoAnswer
            The line failed at each try.
        """
        address = self._signed(key, deadline)
        answer = self._answer("PUT", address, data, headers)
        if answer.status == 403 and (_EXPIRED.search(answer.text) or _is_past(answer, deadline)):
            raise TooLate
        return answer

    def clock(self, address: str) -> datetime:
        """What the clock of the server says that answers at an address, to the second, and never later than it is.

        Raises
        ------
        NoAnswer
            The line failed at each try.
        """
        moment = _date(self._answer("HEAD", address, b"", {}))
        if moment is None:
            raise NoAnswer
        return moment

    def _signed(self, key: str, deadline: datetime) -> str:
        while True:
            address = self._sign("PUT", key, self._rest(deadline))
            if end_of(address) <= deadline:  # else this process stood still while it signed
                return address

    def _rest(self, deadline: datetime) -> timedelta:
        # The signature is dated by the system's clock, so no other clock will do.
        rest = timedelta(seconds=int((deadline - datetime.now(UTC)).total_seconds()))
        if rest < timedelta(seconds=1):
            raise TooLate
        return min(rest, _LONGEST)

    def _answer(self, method: str, address: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request again while the line or the server fails."""
        for attempt in range(self._access.retries):
            with suppress(NoAnswer):
                answer = self._send(method, address, data, headers)
                if answer.status not in _RETRIED:
                    return answer
            time.sleep(min(_FIRST_WAIT * 2**attempt, self._access.timeout_seconds / 2))
        return self._send(method, address, data, headers)

    def _send(self, method: str, address: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        client = self._opened()
        try:
            got = client.request(method, address, content=data or None, headers=dict(headers))
        except self._library().HTTPError:
            pass
        else:
            return Answer(got.status_code, got.headers, got.text)
        raise NoAnswer  # raised here: the library's error, which holds the address, would be its context

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                logging.getLogger("httpx").addFilter(_tells_no_signature)
                # The system's certificates, which the library of all other requests goes by, too; or else httpx's own.
                system = ssl.get_default_verify_paths()
                trusted = ssl.create_default_context() if system.cafile or system.capath else True
                self._client = self._library().Client(timeout=self._access.timeout_seconds, verify=trusted)
                weakref.finalize(self, self._client.close)
            return self._client

    @staticmethod
    def _library() -> Any:
        try:
            import httpx
        except ImportError as error:
            raise InputError(lacking("Refreshing a bucket", "storage", error)) from error
        return httpx


def _tells_no_signature(record: logging.LogRecord) -> bool:
    """Whether a line of the library's log holds no signed address."""
    return "X-Amz-Signature" not in record.getMessage()


def end_of(address: str) -> datetime:
    """Moment at which a signed address ends, as it says itself."""
    signed = parse_qs(urlsplit(address).query)
    made = datetime.strptime(signed["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return made + timedelta(seconds=int(signed["X-Amz-Expires"][0]))


def _is_past(answer: Answer, deadline: datetime) -> bool:
    moment = _date(answer)
    return moment is not None and moment >= deadline


def _date(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
