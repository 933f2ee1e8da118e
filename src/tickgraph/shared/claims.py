"""Claims on pieces of work, so that one process of all hosts does each.

A claim lasts for a while and is renewed, so the claim of a process that has died runs out. It keeps nobody from
writing: whoever publishes does so on a condition of its own. A claim that was lost costs work that is done twice.

redis-py has a lock. It needs a second question to take a lock again that Redis has forgotten, and more of them to
tell of a failure and of the end. Two scripts do each of these in one step.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from tickgraph.shared.contact import SharedAway, SharedContact
from tickgraph.shared.news import CHANNEL, ENDED
from tickgraph.threads import Loop
from tickgraph.wording import escaped

CLAIM_SECONDS = 30.0
LONGEST_SECONDS = 900.0
"""How long a claim is renewed: work that takes longer hangs, and another host may try it."""
FAILURE_LENGTH = 500

# Take a claim or renew one's own: 1 if it is the owner's, 0 if it is another's, or the failure that is heeded.
_TAKE = """
local owner = redis.call('get', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
if not owner then
  local failure = redis.call('get', KEYS[2])
  if failure and ARGV[3] == '1' then return failure end
  redis.call('del', KEYS[2])
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# Give back what is still the owner's, with a failure or without one, and tell of the end.
_GIVE_BACK = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('set', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
redis.call('del', KEYS[1])
redis.call('publish', ARGV[4], ARGV[5])
return 1
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """What came of a claim.

    Attributes
    ----------
    granted
        Whether the work is this process's to do.
    failure
        Why another process could not do it a short while ago.
    away
        Why nobody else was asked: Redis does not answer, and the host works by itself.
    """

    granted: bool
    failure: str | None = None
    away: str | None = None


class Claims:
    """The claims of one process. Safe for threads; one thread renews all of them.

    Parameters
    ----------
    contact
        With Redis.
    seconds
        How long a claim lasts that nobody renews.
    """

    def __init__(self, contact: SharedContact, seconds: float = CLAIM_SECONDS) -> None:
        self._contact, self._milliseconds = contact, round(seconds * 1000)
        self._owner = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._held: dict[str, float] = {}  # since when, by work
        self._renewing = Loop(self.renew, seconds / 3, "tickgraph-claims")

    def take(self, work: str, *, heed_failure: bool = True) -> Claimed:
        """Claim a piece of work; without Redis it is granted, with the reason.

        Parameters
        ----------
        work
            Its name, such as ``train:AAPL``.
        heed_failure
            Leave it alone if another process has failed at it a short while ago. Otherwise that is forgotten.
        """
        away = None
        try:
            answer = self._take(work, heed_failure)
        except SharedAway as error:
            answer, away = 1, str(error)
        if answer == 1:
            with self._lock:
                self._held[work] = time.monotonic()  # only now: nobody renews what is not ours
                if not self._renewing.started:
                    self._renewing.start(at_once=False)
            return Claimed(granted=True, away=away)
        failure = escaped(answer[:FAILURE_LENGTH]) if isinstance(answer, str) else None
        return Claimed(granted=False, failure=failure)

    def free(self, works: Collection[str]) -> set[str]:
        """Those of several pieces of work that nobody has claimed; all of them without Redis."""
        names = list(works)
        keys = [self._key(work) for work in names]
        try:
            owners = self._contact.ask(lambda redis: redis.mget(keys)) if keys else []
        except SharedAway:
            return set(names)
        return {work for work, owner in zip(names, owners, strict=True) if owner is None}

    def give_back(self, work: str, failure: str | None = None, failure_seconds: float = 60.0) -> None:
        """Give a claim back, and tell those who wait for the work.

        Parameters
        ----------
        work
            What was claimed. What is no longer this process's is left alone.
        failure
            Why the work could not be done by anyone.
        failure_seconds
            How long that is remembered.
        """
        with self._lock:
            if work not in self._held:
                return
            del self._held[work]
        self._release(work, failure, failure_seconds)

    def _release(self, work: str, failure: str | None = None, failure_seconds: float = 0.0) -> None:
        keys = [self._key(work), self._failure_key(work)]
        told = (failure or "")[:FAILURE_LENGTH]
        words: list[str | int] = [
            self._owner,
            told,
            round(failure_seconds * 1000),
            self._contact.key(CHANNEL),
            ENDED,
        ]
        try:
            self._contact.ask(lambda redis: redis.eval(_GIVE_BACK, 2, *keys, *words))
        except SharedAway:
            _log.info("the claim on %s runs out by itself", work)

    def renew(self) -> None:
        """Renew every claim, and take those that Redis has forgotten or was not asked for."""
        now = time.monotonic()
        with self._lock:
            for work in [work for work, since in self._held.items() if now - since > LONGEST_SECONDS]:
                del self._held[work]
                _log.warning("%s takes over %.0f s: its claim runs out", work, LONGEST_SECONDS)
            held = sorted(self._held)
        for work in held:
            try:
                is_ours = self._take(work, heed_failure=False) == 1
            except SharedAway:
                return
            with self._lock:
                was_given_back = work not in self._held
                if not is_ours:
                    self._held.pop(work, None)
            if is_ours and was_given_back:  # meanwhile
                self._release(work)
            elif not is_ours and not was_given_back:
                _log.warning("another process has claimed %s meanwhile: it is done twice", work)

    def close(self) -> None:
        """Give every claim back and renew none."""
        self._renewing.stop(0)
        for work in sorted(self._held):
            self.give_back(work)

    def _take(self, work: str, heed_failure: bool) -> object:
        keys = [self._key(work), self._failure_key(work)]
        words: list[str | int] = [self._owner, self._milliseconds, "1" if heed_failure else "0"]
        return self._contact.ask(lambda redis: redis.eval(_TAKE, 2, *keys, *words))

    def _key(self, work: str) -> str:
        return self._contact.key("claim", work)

    def _failure_key(self, work: str) -> str:
        return self._contact.key("failed", work)
