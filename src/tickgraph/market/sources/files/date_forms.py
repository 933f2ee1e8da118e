"""Forms of dates: what each form makes of the different values of a column."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickgraph.market.sources.files.dialects import dialects
from tickgraph.market.sources.files.zones import Moments, moments_of

Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]

_EARLIEST, _LATEST = np.datetime64("1900-01-01"), np.datetime64("2200-01-01")
USUAL = "2022-12-30"
"""How most files write a date."""

_MONTH = "[A-Za-z]{3,9}\\.?"
_DAY = "|".join(
    (
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
        r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})",
        r"\d{8}",
        rf"\d{{1,2}}[-/.\s]*{_MONTH}[-/,\s]*(?:\d{{4}}|\d{{2}})",
        rf"{_MONTH}[-/\s]*\d{{1,2}},?[-/\s]+\d{{4}}",
        rf"\d{{4}}[-/\s]{_MONTH}[-/\s]\d{{1,2}}",
    )
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\b\.?)?|\d{6}"
_ZONE = r"(?:GMT|UTC)?[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*"
_WRITTEN = (
    rf"^(?P<day>{_DAY})(?:(?:\s*T\s*|\s*,?\s+)(?P<clock>{_CLOCK}))?"
    rf"\s*(?P<zone>{_ZONE})?(?:\s*[(\[].*[)\]])?$"
)
_WEEKDAY = "^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]*\\s+"
_SHAPES = {"%Y": "9999", "%y": "99", "%m": "99?", "%d": "99?", "%b": "aaa"}


class UnreadableDatesError(Exception):
    """A column of dates has no form, or more than one fits and they say different days; ``row`` has such a value."""

    def __init__(self, reason: str, row: int) -> None:
        super().__init__(reason, row)
        self.reason, self.row = reason, row


@dataclass(frozen=True)
class Reading:
    """``[u]`` days of the different values, in one form; not-a-time for values that it does not fit."""

    days: Days
    outside: Mask
    example: str

    @classmethod
    def of(cls, days: Days, example: str) -> Reading:
        """Leave out days that no prices are of."""
        with np.errstate(invalid="ignore"):
            outside = (days < _EARLIEST) | (days >= _LATEST)
        return cls(np.where(outside, np.datetime64("NaT"), days), outside, example)

    @property
    def count(self) -> int:
        """How many values it fits."""
        return int((~np.isnat(self.days)).sum())

    @property
    def span(self) -> int:
        """Days from the first to the last."""
        return int((np.nanmax(self.days) - np.nanmin(self.days)).astype(int))


def numbered(words: pa.Array, numeric: Mask) -> Reading:
    """Days as numbers: 20221230, days of Excel, or time since 1970."""
    values = pc.if_else(pa.array(numeric), words, pa.scalar(None, pa.string())).cast(pa.float64())
    values = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    # 20221230 may also have a time behind it, or be written as 20221230.0.
    compact = pc.extract_regex(words, r"^(?P<day>\d{8})(?P<clock>\d{4}|\d{6})?(?:\.0*)?$")
    text = pc.struct_field(compact, "day").to_pandas()
    parsed = pd.to_datetime(text, format="%Y%m%d", errors="coerce").to_numpy().astype("datetime64[D]")
    readings = [Reading.of(parsed, "20221230")]
    for rule in dialects()["day_numbers"]:
        inside = (values >= rule["from"]) & (values < rule["to"])
        days = np.full(len(words), np.datetime64("NaT"), "datetime64[D]")
        if rule["unit"] == "excel":
            days[inside] = np.datetime64("1899-12-30") + values[inside].astype("timedelta64[D]")
        else:
            per_day = np.timedelta64(1, "D") / np.timedelta64(1, rule["unit"])
            count = np.floor(values[inside] / per_day).astype("timedelta64[D]")
            days[inside] = np.datetime64("1970-01-01") + count
        readings.append(Reading.of(days, rule["example"]))
    return max(readings, key=lambda reading: reading.count)


def in_forms(words: pa.Array, row_of: Callable[[int], int]) -> list[Reading]:
    """Readings of text in each form that fits some value."""
    clock: pd.Series | None = None
    zone: pd.Series | None = None
    if pc.all(pc.match_substring_regex(words, "^[0-9/.-]+$")).as_py():
        written = words.to_pandas()  # days alone, the usual case
    else:
        text = pc.replace_substring_regex(words, f"(?i){_WEEKDAY}", "")
        parts = pc.extract_regex(text, _WRITTEN)
        day, clock, zone = (pc.struct_field(parts, name).to_pandas() for name in ("day", "clock", "zone"))
        written = _short_months(day)
    codes, unique = pd.factorize(written)  # a column of times has few days
    different = pd.Series(unique, dtype="str")
    shapes = different.str.replace("[0-9]", "9", regex=True)
    shapes = shapes.str.replace("[A-Za-z]", "a", regex=True)
    readings = []
    for rule in dialects()["dates"]:
        reading = Reading.of(_in_form(different, shapes, rule["form"]), rule["example"])
        if not reading.count:
            continue
        days = np.append(reading.days, np.datetime64("NaT"))[codes]
        if clock is not None and zone is not None and (clock.fillna("").any() or zone.fillna("").any()):
            moments, unknown = moments_of(days, clock, zone)
            days = np.where(unknown, np.datetime64("NaT"), shown(moments, row_of))
        readings.append(Reading(days, np.append(reading.outside, False)[codes], rule["example"]))
    return readings


def shown(moments: Moments, row_of: Callable[[int], int]) -> Days:
    """Days that the file's clock shows; those of UTC or of the exchange where the file's fall on weekends."""
    readings = moments.readings()
    first, *others = [days for days in readings if not has_weekends(days)] or readings[:1]
    for other in others:
        differ = np.flatnonzero((other != first) & ~(np.isnat(other) & np.isnat(first)))
        if len(differ):
            place = int(differ[0])
            raise UnreadableDatesError(
                f"{moments.local[place]} is {first[place]} by the file's clock and midnight of {other[place]} in "
                "another zone: no row tells which day is meant",
                row_of(place),
            )
    return first


def _short_months(days: pd.Series) -> pd.Series:
    """Days with names of months: three letters of the name, one space between the parts."""
    named = days.str.contains("[A-Za-z]", regex=True, na=False)
    if not named.any():
        return days
    short = days.str.replace("([A-Za-z]{3})[a-z]*", "\\1", regex=True)
    return days.where(~named, short.str.replace("[-/.,\\s]+", " ", regex=True))


def _in_form(days: pd.Series, shapes: pd.Series, form: str) -> Days:
    """Days in one form; ``shapes`` has 9 and a for their digits and letters."""
    shape = "".join(_SHAPES.get(part, re.escape(part)) for part in re.split("(%[A-Za-z])", form))
    fitting = [each for each in shapes.unique() if re.fullmatch(shape, each)]
    read = np.full(len(days), np.datetime64("NaT"), "datetime64[D]")
    if fitting:
        fits = shapes.isin(fitting).to_numpy()
        read[fits] = (
            pd.to_datetime(days[fits], format=form, errors="coerce").to_numpy().astype("datetime64[D]")
        )
    return read


def has_weekends(days: Days) -> bool:
    """Whether some day is a Saturday or Sunday."""
    known = days[~np.isnat(days)]
    return bool((~np.is_busday(known)).any())
