"""A column of dates in one form, the one that the whole column has."""

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
from tickgraph.market.sources.files.table import encoded
from tickgraph.market.sources.files.zones import Moments, day_of

Days = NDArray[np.datetime64]

_EARLIEST, _LATEST = np.datetime64("1900-01-01"), np.datetime64("2200-01-01")
_MONTH = "[A-Za-z]{3,9}\\.?"
_DAY = "|".join(
    (
        r"\d{4}([-/.])\d{1,2}[-/.]\d{1,2}",
        r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})",
        r"\d{8}",
        rf"\d{{1,2}}[-\s]*{_MONTH}[-,\s]*(?:\d{{4}}|\d{{2}})",
        rf"{_MONTH}[-\s]*\d{{1,2}},?[-\s]+\d{{4}}",
        rf"\d{{4}}[-\s]{_MONTH}[-\s]\d{{1,2}}",
    )
).replace("([-/.])", "[-/.]")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\b\.?)?|\d{6}"
_ZONE = r"(?:GMT|UTC)?[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*"
_WRITTEN = (
    r"^(?:[A-Za-z]{3,9}\.?,?\s+)?"
    rf"(?P<day>{_DAY})(?:(?:\s*T\s*|\s*,?\s+)(?P<clock>{_CLOCK}))?"
    rf"\s*(?P<zone>{_ZONE})?(?:\s*[(\[].*[)\]])?$"
)
_WEEKDAY = "^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]*\\s+"
_NUMBER = r"^\d+(?:\.\d*)?(?:[eE][+]?\d+)?$"


@dataclass(frozen=True)
class Dates:
    """A column of dates.

    Attributes
    ----------
    days
        ``[n]`` datetime64[D]; not-a-time where a cell is empty or cannot be read.
    unreadable
        ``[n]`` whether a cell holds something that is no date in the column's form.
    form
        How a date of the column is written: ``2022-12-30``.
    note
        How the form was told, where weekdays told it.
    """

    days: Days
    unreadable: NDArray[np.bool_]
    form: str
    note: str | None = None


class UnreadableDatesError(Exception):
    """A column of dates has no form, or more than one fits and they say different days.

    Attributes
    ----------
    code
        Place of a value that shows it, among the column's different values.
    reason
        What is the matter with it.
    """

    def __init__(self, reason: str, row: int) -> None:
        super().__init__(reason, row)
        self.reason, self.row = reason, row


@dataclass(frozen=True)
class _Reading:
    """``[u]`` days of the different values, in one form."""

    days: Days
    example: str


def read_dates(column: pa.ChunkedArray) -> Dates:
    """Read a column of dates.

    A date is the one that the file's own clock shows, whatever its zone. Where that falls on weekends, and all times
    are midnight in UTC or at the exchange, it is the date there.

    Raises
    ------
    UnreadableDatesError
        No form reads most of the values; or the order of day and month is open, and the days differ.
    """
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _typed(column)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = _digits(column)
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise UnreadableDatesError(f"its type is {kind}, which holds no dates", 0) from None
    codes, words = encoded(column)
    words = pc.utf8_trim_whitespace(words.cast(pa.string()))

    def row_of(code: int) -> int:
        return int(np.flatnonzero(codes == code)[0])

    empty = pc.is_in(pc.utf8_lower(words), value_set=pa.array(dialects()["cells"]["missing"]))
    filled = np.flatnonzero(~empty.to_numpy(zero_copy_only=False))
    days = np.full(
        len(words) + 1, np.datetime64("NaT"), "datetime64[D]"
    )  # the last one is code -1: an empty cell
    refused = np.zeros(len(words) + 1, bool)
    reading, note = _read(words.take(pa.array(filled)), lambda place: row_of(int(filled[place])))
    days[filled] = reading.days
    refused[filled] = np.isnat(reading.days)
    return Dates(days[codes], refused[codes], reading.example, note)


def _typed(column: pa.ChunkedArray) -> Dates:
    """Dates of a column that holds dates or times; with a zone, by the clock of that zone."""
    zone = getattr(column.type, "tz", None)
    series = column.cast(pa.timestamp("us", tz=zone), safe=False).to_pandas()
    if zone is None:
        days = series.to_numpy().astype("datetime64[D]")
    else:
        local = series.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        days = _shown(
            Moments(local, series.dt.tz_convert(None).to_numpy().astype("datetime64[us]")), lambda row: row
        )
    outside = _outside(days)
    days[outside] = np.datetime64("NaT")
    return Dates(days, outside, "2022-12-30")


def _digits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as text: 20221230.0 without its fraction."""
    values = column.cast(pa.float64(), safe=False) if pa.types.is_decimal(column.type) else column
    if pa.types.is_floating(values.type):
        array = values.to_numpy()
        whole = np.isfinite(array) & (np.abs(array) < 2**63)
        if (array[whole] == np.floor(array[whole])).all():
            return pa.chunked_array(
                [pa.array(np.where(whole, array, 0).astype(np.int64), mask=~whole).cast(pa.string())]
            )
    return values.cast(pa.string())


def _read(words: pa.Array, row_of: Callable[[int], int]) -> tuple[_Reading, str | None]:
    if not len(words):
        return _Reading(np.array([], "datetime64[D]"), "2022-12-30"), None
    try:
        days = words.cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
        if not _outside(days).any():
            return _Reading(days, "2022-12-30"), None  # the usual case, quickly
    except pa.ArrowInvalid:
        pass
    numeric = pc.match_substring_regex(words, _NUMBER).to_numpy(zero_copy_only=False)
    readings: list[_Reading] = []
    if 2 * numeric.sum() >= len(words):
        readings = [_numbered(words, numeric)]
    if not readings or np.isnat(readings[0].days).any():
        readings += _forms(words, row_of)
    count = [int((~np.isnat(reading.days)).sum()) for reading in readings]
    best = max(count, default=0)
    if 2 * best < len(words) or not best:
        fails = np.flatnonzero(np.isnat(readings[int(np.argmax(count))].days)) if readings else [0]
        raise UnreadableDatesError(
            f"{_cell(words, int(fails[0]))} is no date in a form that is known", row_of(int(fails[0]))
        )
    fitting = [reading for reading, read in zip(readings, count, strict=True) if read == best]
    return _told(words, fitting, row_of)


def _told(
    words: pa.Array, fitting: list[_Reading], row_of: Callable[[int], int]
) -> tuple[_Reading, str | None]:
    """Of forms that fit equally, the one that the days of the week tell."""
    first, *others = fitting
    differing = [other for other in others if not np.array_equal(other.days, first.days, equal_nan=True)]
    if not differing:
        return first, None
    readings = [first, *differing]
    unlike = np.flatnonzero(np.isnat(first.days) != np.isnat(differing[0].days))
    if len(unlike):
        place, other = (
            int(unlike[0]),
            int(np.flatnonzero(np.isnat(first.days) != np.isnat(first.days[unlike[0]]))[0]),
        )
        raise UnreadableDatesError(
            f"{_cell(words, place)} and {_cell(words, other)} are written in two forms, and neither is rare",
            row_of(place),
        )
    on_weekdays = [reading for reading in readings if not _weekends(reading.days)]
    # Days that follow each other do so in the right reading; in a wrong one they are months apart.
    dense, less_dense, *_ = sorted(readings, key=_span)
    if len(on_weekdays) == 1 and on_weekdays[0] is dense and _span(dense) < _span(less_dense):
        told = dense
        note = f"dates such as {_cell(words, 0)} are read as {told.days[0]}, as no other reading has weekdays only"
        return told, note
    place = int(np.flatnonzero(first.days != differing[0].days)[0])
    may = " or ".join(dict.fromkeys(str(reading.days[place]) for reading in readings))
    raise UnreadableDatesError(
        f"{_cell(words, place)} may be {may}: no row tells the order of day, month and year", row_of(place)
    )


def _span(reading: _Reading) -> int:
    return int((np.nanmax(reading.days) - np.nanmin(reading.days)).astype(int))


def _weekends(days: Days) -> bool:
    known = days[~np.isnat(days)]
    return bool((~np.is_busday(known)).any())


def _numbered(words: pa.Array, numeric: NDArray[np.bool_]) -> _Reading:
    """Days as numbers: 20221230, days of Excel, or time since 1970."""
    values = pc.if_else(pa.array(numeric), words, pa.scalar(None, pa.string())).cast(pa.float64())
    values = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    best = _Reading(np.full(len(words), np.datetime64("NaT"), "datetime64[D]"), "")
    for rule in dialects()["day_numbers"]:
        inside = (values >= rule["from"]) & (values < rule["to"])
        days = best.days.copy()
        days[:] = np.datetime64("NaT")
        if rule["unit"] == "excel":
            days[inside] = np.datetime64("1899-12-30") + values[inside].astype("timedelta64[D]")
        else:
            per_day = np.timedelta64(1, "D") / np.timedelta64(1, rule["unit"])
            days[inside] = np.datetime64("1970-01-01") + np.floor(values[inside] / per_day).astype(
                "timedelta64[D]"
            )
        if (~np.isnat(days)).sum() > (~np.isnat(best.days)).sum():
            best = _Reading(days, rule["example"])
    compact = _compact(words)
    if (~np.isnat(compact.days)).sum() >= max(1, (~np.isnat(best.days)).sum()):
        return compact
    return best


def _compact(words: pa.Array) -> _Reading:
    """20221230, also with a time behind it or written as 20221230.0."""
    parts = pc.extract_regex(words, r"^(?P<day>\d{8})(?P<clock>\d{4}|\d{6})?(?:\.0*)?$")
    text = pc.struct_field(parts, "day").to_pandas()
    days = pd.to_datetime(text, format="%Y%m%d", errors="coerce").to_numpy().astype("datetime64[D]")
    days[_outside(days)] = np.datetime64("NaT")
    return _Reading(days, "20221230")


def _forms(words: pa.Array, row_of: Callable[[int], int]) -> list[_Reading]:
    """Readings of text in each form that fits some value."""
    clock: pd.Series | None = None
    zone: pd.Series | None = None
    if pc.all(pc.match_substring_regex(words, "^[0-9/.-]+$")).as_py():
        written = words.to_pandas()  # days alone, the usual case
    else:
        text = pc.replace_substring_regex(words, f"(?i){_WEEKDAY}", "")
        parts = pc.extract_regex(text, _WRITTEN)
        day, clock, zone = (pc.struct_field(parts, name).to_pandas() for name in ("day", "clock", "zone"))
        written = _months(day)
    codes, unique = pd.factorize(written)  # a column of times has few days
    different = pd.Series(unique, dtype="str")
    shapes = different.str.replace("[0-9]", "9", regex=True)
    shapes = shapes.str.replace("[A-Za-z]", "a", regex=True)
    readings = []
    for rule in dialects()["dates"]:
        days = _in_form(different, shapes, rule["form"])
        if np.isnat(days).all():
            continue
        by_value = np.append(days, np.datetime64("NaT"))[codes]
        if clock is not None and zone is not None and (clock.fillna("").any() or zone.fillna("").any()):
            by_value = _zoned(by_value, clock, zone, row_of)
        readings.append(_Reading(by_value, rule["example"]))
    return readings


def _zoned(days: Days, clock: pd.Series, zone: pd.Series, row_of: Callable[[int], int]) -> Days:
    moments, unknown = day_of(days, clock, zone)
    shown = _shown(moments, row_of)
    shown[unknown] = np.datetime64("NaT")
    return shown


def _shown(moments: Moments, row_of: Callable[[int], int]) -> Days:
    """Days that the file's clock shows; those of UTC or the exchange where the former fall on weekends."""
    readings = moments.readings()
    right = [days for days in readings if not _weekends(days)] or readings[:1]
    for other in right[1:]:
        differ = np.flatnonzero((other != right[0]) & ~(np.isnat(other) & np.isnat(right[0])))
        if len(differ):
            place = int(differ[0])
            raise UnreadableDatesError(
                f"{moments.local[place]} is {right[0][place]} by the file's clock and midnight of {other[place]} in "
                "another zone: no row tells which day is meant",
                row_of(place),
            )
    return right[0].copy()


def _months(days: pd.Series) -> pd.Series:
    """Days with names of months: three letters of the name, one space between the parts."""
    named = days.str.contains("[A-Za-z]", regex=True, na=False)
    if not named.any():
        return days
    short = days.str.replace("([A-Za-z]{3})[a-z]*\\.?", "\\1", regex=True)
    short = short.str.replace("[-,\\s]+", " ", regex=True)
    return days.where(~named, short)


def _in_form(days: pd.Series, shapes: pd.Series, form: str) -> Days:
    """Days in one form; ``shapes`` has 9 and a for their digits and letters."""
    shape = "".join(_SHAPES.get(part, re.escape(part)) for part in re.split("(%[A-Za-z])", form))
    fitting = [one for one in shapes.unique() if re.fullmatch(shape, one)]
    read = np.full(len(days), np.datetime64("NaT"), "datetime64[D]")
    if fitting:
        fits = shapes.isin(fitting).to_numpy()
        parsed = pd.to_datetime(days[fits], format=form, errors="coerce").to_numpy().astype("datetime64[D]")
        parsed[_outside(parsed)] = np.datetime64("NaT")
        read[fits] = parsed
    return read


_SHAPES = {"%Y": "9999", "%y": "99", "%m": "99?", "%d": "99?", "%b": "aaa"}


def _outside(days: Days) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return (days < _EARLIEST) | (days >= _LATEST)


def _cell(words: pa.Array, place: int) -> str:
    text = words[place].as_py()
    return repr(text if len(text) <= 40 else text[:40] + "...")
