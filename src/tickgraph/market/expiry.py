"""How far ahead a forecast looks: a number of sessions, or the day on which an option expires."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import InputError
from tickgraph.market.calendar import Day, as_day, exchange, known_sessions, next_sessions

LONGEST = 63
"""Sessions that a model may look ahead at most. Beyond a quarter of a year too few stretches of history do not overlap
to say how often a forecast holds."""
FARTHEST = 1_000
"""Sessions ahead within which an option's day is checked to be one: four years."""
MOST_YEARS = 20
"""How far ahead an option may expire whose worth before its expiry is asked for."""
SESSIONS = r"^[0-9]{1,4}$"
EXPIRY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def read_sessions(text: str) -> int:
    """Read a number of sessions as a person writes it; :class:`InputError` for anything but digits."""
    if not re.fullmatch(SESSIONS, text):
        raise InputError(f"sessions must be a whole number of sessions, such as 21, got {text[:40]!r}.")
    return int(text)


def read_expiry(text: str) -> np.datetime64:
    """Read an expiry as a person writes it; :class:`InputError` for anything but a day such as 2023-01-20."""
    if re.fullmatch(EXPIRY, text):
        try:
            return np.datetime64(text, "D")
        except ValueError:  # 2023-02-30
            pass
    raise InputError(f"expiry must be a day, such as 2023-01-20, got {text[:40]!r}.")


def sessions_ahead(
    as_of: Day, longest: int, sessions: int | None = None, expiry: Day | None = None, *, name: str = "expiry"
) -> tuple[int, np.datetime64]:
    """How many sessions ahead a forecast looks, and the session that it looks at.

    Parameters
    ----------
    as_of
        Last session whose prices are known.
    longest
        How many sessions the model can look ahead.
    sessions, expiry
        What was asked for, one of the two. An expiry is the day whose close settles the option.
    name
        The field that the expiry was given in, for the message.

    Raises
    ------
    InputError
        Both or neither are given; sessions that are not 1 to ``longest``; an expiry that is not after ``as_of``, is no
        session of the exchange, or is further ahead than ``longest``.
    """
    if sessions is not None and expiry is None:
        check_sessions(sessions, longest)
        return sessions, next_sessions(as_of, sessions)[-1]
    if expiry is None or sessions is not None:
        given = "both came" if sessions is not None else "neither came"
        raise InputError(f"Give either sessions, such as 21, or expiry, such as 2023-01-20; {given}.")
    day = as_day(expiry)
    if day <= as_day(as_of):
        raise _past(as_of, day, name)
    ahead = known_sessions(as_of, longest)
    if not len(ahead) or (day > ahead[-1] and len(ahead) < longest):
        next_sessions(as_of, longest)  # says where the calendar ends
    if day > ahead[-1]:
        raise InputError(
            f"{name} must be {ahead[-1]} at the latest, {longest} sessions after {as_of}, got {day}: {_reach(longest)}."
        )
    return _place(ahead, as_of, day, name) + 1, day


def check_expiry(as_of: Day, expiry: Day, name: str = "expiry") -> None:
    """Raise :class:`InputError` for an expiry that is not after ``as_of``, or is known to be no session.

    It may be further ahead than any forecast, and than the sessions that the exchange has published.
    """
    day = as_day(expiry)
    if day <= as_day(as_of):
        raise _past(as_of, day, name)
    if day > as_day(as_of) + np.timedelta64(365 * MOST_YEARS, "D"):
        raise InputError(f"{name} {day} is more than {MOST_YEARS} years after {as_of}. Name an earlier day.")
    ahead = known_sessions(as_of, FARTHEST)
    if len(ahead) and day <= ahead[-1]:
        _place(ahead, as_of, day, name)


def _past(as_of: Day, day: np.datetime64, name: str) -> InputError:
    return InputError(
        f"{name} {day} is not after {as_of}, the last session whose prices are known. Name a later day, or bring "
        "prices up to date with: tickgraph prices update"
    )


def _place(ahead: NDArray[np.datetime64], as_of: Day, day: np.datetime64, name: str) -> int:
    """Place of a day among sessions after ``as_of``."""
    place = int(np.searchsorted(ahead, day))
    if ahead[place] != day:
        meant = f"write {ahead[place - 1]}" if place else f"{as_of}, whose close is known"
        raise InputError(
            f"{name} {day} is no session of {exchange()}. An option that expires then settles on the session before: "
            f"{meant}."
        )
    return place


def check_sessions(sessions: int, longest: int) -> None:
    """Raise :class:`InputError` for a number of sessions that a model cannot look ahead."""
    if not 1 <= sessions <= longest:
        raise InputError(f"sessions must be 1 to {longest}, got {sessions}: {_reach(longest)}.")


def _reach(longest: int) -> str:
    if longest < LONGEST:
        return f"the model was trained to forecast {longest} sessions at most (setting horizons)"
    return (
        f"the model forecasts {longest} sessions at most, since held-out history has too few independent stretches "
        "that are longer"
    )
