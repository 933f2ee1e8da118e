"""Which day a moment is, by the clock of a file, of UTC and of the exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.calendar import timezone
from tickgraph.market.sources.files.dialects import dialects

_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{2}):?(\d{2})?")
_CLOCK = re.compile(r"(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?\s*([AaPp])?")


@dataclass(frozen=True)
class Moments:
    """Moments as a file's clock shows them, ``[n]`` datetime64[us], and in UTC; not-a-time where that is unknown."""

    local: NDArray[np.datetime64]
    utc: NDArray[np.datetime64]

    def readings(self) -> list[NDArray[np.datetime64]]:
        """``[n]`` days by the file's clock; then by each clock that shows midnight at all these moments."""
        days = [self.local.astype("datetime64[D]")]
        if np.isnat(self.utc).sum() > np.isnat(self.local).sum() or np.isnat(self.utc).all():
            return days
        there = pd.Series(self.utc).dt.tz_localize("UTC").dt.tz_convert(timezone()).dt.tz_localize(None)
        for clock in (self.utc, there.to_numpy().astype("datetime64[us]")):
            known = clock[~np.isnat(clock)]
            if (known == known.astype("datetime64[D]")).all():
                days.append(clock.astype("datetime64[D]"))
        return days


def moments_of(
    days: NDArray[np.datetime64], clock: pd.Series, zone: pd.Series
) -> tuple[Moments, NDArray[np.bool_]]:
    """Put days, clocks and zones together; also says ``[n]`` whether a zone or a time is unknown."""
    codes, clocks = pd.factorize(clock.fillna(""))
    since_midnight = np.array([_since_midnight(each) for each in clocks], "timedelta64[us]")[codes]
    local: NDArray[np.datetime64] = days.astype("datetime64[us]") + since_midnight
    utc = np.full(len(days), np.datetime64("NaT"), "datetime64[us]")
    unknown = np.isnat(since_midnight)
    for name in filter(None, zone.dropna().unique()):
        rows = (zone == name).to_numpy(bool)
        offset = _offset(name)
        if offset is None:
            unknown |= rows
            continue
        rows = rows & ~np.isnat(local)
        if isinstance(offset, str):
            placed = pd.Series(local[rows]).dt.tz_localize(
                offset, ambiguous="NaT", nonexistent="shift_forward"
            )
            utc[rows] = placed.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        else:
            utc[rows] = local[rows] - np.timedelta64(offset)
    return Moments(local, utc), unknown


def _since_midnight(clock: str) -> np.timedelta64:
    """Time that a clock shows; not-a-time where no clock can show it."""
    if not clock:
        return np.timedelta64(0, "us")
    read = _CLOCK.fullmatch(re.sub(r"[.\s]*[Mm]\.?$", "", clock))
    if read is None:
        return np.timedelta64("NaT", "us")
    hour, minute, second = (int(part or 0) for part in read.groups()[:3])
    if half := read.group(4):
        hour = hour % 12 + (12 if half in "pP" else 0)
    if hour > 24 or minute > 59 or second > 60:
        return np.timedelta64("NaT", "us")
    return np.timedelta64((hour * 60 + minute) * 60 + second, "s").astype("timedelta64[us]")


@cache
def _offset(zone: str) -> timedelta | str | None:
    """A zone's distance from UTC, or its name where that changes over the year; None where it is unknown."""
    if offset := _OFFSET.fullmatch(zone):
        sign, hours, minutes = offset.groups()
        distance = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return distance if sign == "+" else -distance
    short: str | float | None = dialects()["zones"].get(zone.upper())
    if short is not None:
        return short if isinstance(short, str) else timedelta(hours=short)
    return next((name for name in _names() if name.casefold() == zone.casefold()), None)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
