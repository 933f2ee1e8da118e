"""A column of dates: the form in which the whole column is written, and the days."""

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
from tickgraph.wording import quoted

Days = NDArray[np.datetime64]

_EARLIEST, _LATEST = np.datetime64("1900-01-01"), np.datetime64("2200-01-01")
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
_NUMBER = r"^\d+(?:\.\d*)?(?:[eE][+]?\d+)?$"


class UnreadableDatesError(Exception):
    """A column of dates has no form, or more than one fits and they say different days.

    Attributes
    ----------
    reason
        What is the matter.
    row
        Row with a value that shows it.
    """

    def __init__(self, reason: str, row: int) -> None:
        super().__init__(reason, row)
        self.reason, self.row = reason, row


@dataclass(frozen=True)
class Reading:
    """``[u]`` days of the different values, in one form."""

    days: Days
    example: str


def are_numbers(words: pa.Array) -> NDArray[np.bool_]:
    """``[u]`` whether a value is a number."""
    return pc.match_substring_regex(words, _NUMBER).to_numpy(zero_copy_only=False)


def numbered(words: pa.Array, numeric: NDArray[np.bool_]) -> Reading:
    """Days as numbers: 20221230, days of Excel, or time since 1970."""
    values = pc.if_else(pa.array(numeric), words, pa.scalar(None, pa.string())).cast(pa.float64())
    values = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    best = Reading(np.full(len(words), np.datetime64("NaT"), "datetime64[D]"), "")
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
            best = Reading(days, rule["example"])
    compact = _compact(words)
    if (~np.isnat(compact.days)).sum() >= max(1, (~np.isnat(best.days)).sum()):
        return compact
    return best


def _compact(words: pa.Array) -> Reading:
    """20221230, also with a time behind it or written as 20221230.0."""
    parts = pc.extract_regex(words, r"^(?P<day>\d{8})(?P<clock>\d{4}|\d{6})?(?:\.0*)?$")
    text = pc.struct_field(parts, "day").to_pandas()
    days = pd.to_datetime(text, format="%Y%m%d", errors="coerce").to_numpy().astype("datetime64[D]")
    days[outside(days)] = np.datetime64("NaT")
    return Reading(days, "20221230")


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
        readings.append(Reading(by_value, rule["example"]))
    return readings


def _zoned(days: Days, clock: pd.Series, zone: pd.Series, row_of: Callable[[int], int]) -> Days:
    moments, unknown = day_of(days, clock, zone)
    told = shown(moments, row_of)
    told[unknown] = np.datetime64("NaT")
    return told


def shown(moments: Moments, row_of: Callable[[int], int]) -> Days:
    """Days that the file's clock shows; those of UTC or of the exchange where the file's fall on weekends."""
    readings = moments.readings()
    right = [days for days in readings if not has_weekends(days)] or readings[:1]
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
    short = days.str.replace("([A-Za-z]{3})[a-z]*", "\\1", regex=True)
    short = short.str.replace("[-/.,\\s]+", " ", regex=True)
    return days.where(~named, short)


def _in_form(days: pd.Series, shapes: pd.Series, form: str) -> Days:
    """Days in one form; ``shapes`` has 9 and a for their digits and letters."""
    shape = "".join(_SHAPES.get(part, re.escape(part)) for part in re.split("(%[A-Za-z])", form))
    fitting = [one for one in shapes.unique() if re.fullmatch(shape, one)]
    read = np.full(len(days), np.datetime64("NaT"), "datetime64[D]")
    if fitting:
        fits = shapes.isin(fitting).to_numpy()
        parsed = pd.to_datetime(days[fits], format=form, errors="coerce").to_numpy().astype("datetime64[D]")
        parsed[outside(parsed)] = np.datetime64("NaT")
        read[fits] = parsed
    return read


_SHAPES = {"%Y": "9999", "%y": "99", "%m": "99?", "%d": "99?", "%b": "aaa"}


def outside(days: Days) -> NDArray[np.bool_]:
    """``[n]`` whether a day is too early or too late for prices."""
    with np.errstate(invalid="ignore"):
        return (days < _EARLIEST) | (days >= _LATEST)


def has_weekends(days: Days) -> bool:
    """Whether some day is a Saturday or Sunday."""
    known = days[~np.isnat(days)]
    return bool((~np.is_busday(known)).any())


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


def read_dates(column: pa.ChunkedArray) -> Dates:
    """Read a column of dates.

    A date is the one that the file's own clock shows, whatever its zone. There is one exception: some of these dates
    fall on weekends, and all times are midnight in UTC or at the exchange. Then it is the date there.

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
    # The last one stands for code -1, an empty cell.
    days = np.full(len(words) + 1, np.datetime64("NaT"), "datetime64[D]")
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
        days = shown(
            Moments(local, series.dt.tz_convert(None).to_numpy().astype("datetime64[us]")), lambda row: row
        )
    refused = outside(days)
    days[refused] = np.datetime64("NaT")
    return Dates(days, refused, "2022-12-30")


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


def _read(words: pa.Array, row_of: Callable[[int], int]) -> tuple[Reading, str | None]:
    if not len(words):
        return Reading(np.array([], "datetime64[D]"), "2022-12-30"), None
    try:
        days = words.cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
        if not outside(days).any():
            return Reading(days, "2022-12-30"), None  # the usual case, quickly
    except pa.ArrowInvalid:
        pass
    numeric = are_numbers(words)
    readings: list[Reading] = []
    if 2 * numeric.sum() >= len(words):
        readings = [numbered(words, numeric)]
    if not readings or np.isnat(readings[0].days).any():
        readings += in_forms(words, row_of)
    count = [int((~np.isnat(reading.days)).sum()) for reading in readings]
    best = max(count, default=0)
    if 2 * best < len(words) or not best:
        fails = np.flatnonzero(np.isnat(readings[int(np.argmax(count))].days)) if readings else [0]
        raise UnreadableDatesError(
            f"{quoted(words[int(fails[0])].as_py())} is no date in a form that is known",
            row_of(int(fails[0])),
        )
    fitting = [reading for reading, read in zip(readings, count, strict=True) if read == best]
    return _told(words, fitting, row_of)


def _told(
    words: pa.Array, fitting: list[Reading], row_of: Callable[[int], int]
) -> tuple[Reading, str | None]:
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
            f"{quoted(words[place].as_py())} and {quoted(words[other].as_py())} are written in two forms, and neither "
            "is rare",
            row_of(place),
        )
    on_weekdays = [reading for reading in readings if not has_weekends(reading.days)]
    # Days that follow each other do so in the right reading; in a wrong one they are months apart.
    dense, less_dense, *_ = sorted(readings, key=_span)
    if len(on_weekdays) == 1 and on_weekdays[0] is dense and _span(dense) < _span(less_dense):
        told = dense
        example = quoted(words[0].as_py())
        note = f"dates such as {example} are read as {told.days[0]}, as no other reading has weekdays only"
        return told, note
    place = int(np.flatnonzero(first.days != differing[0].days)[0])
    may = " or ".join(dict.fromkeys(str(reading.days[place]) for reading in readings))
    raise UnreadableDatesError(
        f"{quoted(words[place].as_py())} may be {may}: no row tells the order of day, month and year",
        row_of(place),
    )


def _span(reading: Reading) -> int:
    return int((np.nanmax(reading.days) - np.nanmin(reading.days)).astype(int))
