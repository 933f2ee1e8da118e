"""A column of dates: the one form in which the whole column is written, and the days."""

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
from tickgraph.market.sources.files.table import encoded, is_text
from tickgraph.market.sources.files.zones import Moments, moments_of
from tickgraph.wording import quoted

Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]

_EARLIEST, _LATEST = np.datetime64("1900-01-01"), np.datetime64("2200-01-01")
_USUAL = "2022-12-30"
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
_SHAPES = {"%Y": "9999", "%y": "99", "%m": "99?", "%d": "99?", "%b": "aaa"}


class UnreadableDatesError(Exception):
    """A column of dates has no form, or more than one fits and they say different days; ``row`` has such a value."""

    def __init__(self, reason: str, row: int) -> None:
        super().__init__(reason, row)
        self.reason, self.row = reason, row


@dataclass(frozen=True)
class Dates:
    """A column of ``[n]`` dates."""

    days: Days  # not-a-time where a cell is empty, cannot be read or is outside
    unreadable: Mask  # whether a cell holds something that is no date in the column's form
    outside: Mask  # whether a cell holds a date before 1900 or after 2199, such as 9999-12-31
    form: str  # how a date of the column is written: 2022-12-30
    note: str | None = None  # how the form was told, where weekdays told it


@dataclass(frozen=True)
class _Reading:
    """``[u]`` days of the different values, in one form; not-a-time for values that it does not fit."""

    days: Days
    outside: Mask
    example: str

    @classmethod
    def of(cls, days: Days, example: str) -> _Reading:
        with np.errstate(invalid="ignore"):
            outside = (days < _EARLIEST) | (days >= _LATEST)
        return cls(np.where(outside, np.datetime64("NaT"), days), outside, example)

    @property
    def count(self) -> int:
        return int((~np.isnat(self.days)).sum())

    @property
    def span(self) -> int:
        """Days from the first to the last."""
        return int((np.nanmax(self.days) - np.nanmin(self.days)).astype(int))


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
        reading = _Reading.of(_typed_days(column), _USUAL)
        return Dates(reading.days, np.zeros(len(column), bool), reading.outside, _USUAL)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = _digits(column)
    elif not is_text(kind):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise UnreadableDatesError(f"its type is {kind}, which holds no dates", 0) from None
    codes, words = encoded(column)
    words = pc.utf8_trim_whitespace(words.cast(pa.string()))
    empty = pc.is_in(pc.utf8_lower(words), value_set=pa.array(dialects()["cells"]["missing"]))
    filled = np.flatnonzero(~empty.to_numpy(zero_copy_only=False))

    def row_of(place: int) -> int:
        return int(np.flatnonzero(codes == filled[place])[0])

    reading, note = _read(words.take(pa.array(filled)), row_of)
    # The last one of each stands for code -1, an empty cell.
    days = np.full(len(words) + 1, np.datetime64("NaT"), "datetime64[D]")
    unreadable, outside = np.zeros(len(words) + 1, bool), np.zeros(len(words) + 1, bool)
    days[filled], outside[filled] = reading.days, reading.outside
    unreadable[filled] = np.isnat(reading.days) & ~reading.outside
    return Dates(days[codes], unreadable[codes], outside[codes], reading.example, note)


def _typed_days(column: pa.ChunkedArray) -> Days:
    """Days of a column that holds dates or times; with a zone, by the clock of that zone."""
    zone = getattr(column.type, "tz", None)
    series = column.cast(pa.timestamp("us", tz=zone), safe=False).to_pandas()
    if zone is None:
        return series.to_numpy().astype("datetime64[D]")
    local, utc = (
        each.to_numpy().astype("datetime64[us]")
        for each in (series.dt.tz_localize(None), series.dt.tz_convert(None))
    )
    return _shown(Moments(local, utc), lambda row: row)


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
    """Read the different values in the form that fits most of them; also says how the form was told."""
    try:
        usual = _Reading.of(
            words.cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]"), _USUAL
        )
        if not usual.outside.any():
            return usual, None  # the usual case, quickly; no values at all are such a case
    except pa.ArrowInvalid:
        pass
    numeric = pc.match_substring_regex(words, _NUMBER).to_numpy(zero_copy_only=False)
    readings = [_numbered(words, numeric)] if 2 * numeric.sum() >= len(words) else []
    if not readings or np.isnat(readings[0].days).any():
        readings += _in_forms(words, row_of)
    best = max(readings, key=lambda reading: reading.count, default=None)
    if best is None or not best.count or 2 * best.count < len(words):
        place = 0 if best is None else int(np.flatnonzero(np.isnat(best.days))[0])
        raise UnreadableDatesError(
            f"{quoted(words[place].as_py())} is no date in a form that is known", row_of(place)
        )
    return _told(words, [reading for reading in readings if reading.count == best.count], row_of)


def _numbered(words: pa.Array, numeric: Mask) -> _Reading:
    """Days as numbers: 20221230, days of Excel, or time since 1970."""
    values = pc.if_else(pa.array(numeric), words, pa.scalar(None, pa.string())).cast(pa.float64())
    values = values.fill_null(np.nan).to_numpy(zero_copy_only=False)
    # 20221230 may also have a time behind it, or be written as 20221230.0.
    compact = pc.extract_regex(words, r"^(?P<day>\d{8})(?P<clock>\d{4}|\d{6})?(?:\.0*)?$")
    text = pc.struct_field(compact, "day").to_pandas()
    parsed = pd.to_datetime(text, format="%Y%m%d", errors="coerce").to_numpy().astype("datetime64[D]")
    readings = [_Reading.of(parsed, "20221230")]
    for rule in dialects()["day_numbers"]:
        inside = (values >= rule["from"]) & (values < rule["to"])
        days = np.full(len(words), np.datetime64("NaT"), "datetime64[D]")
        if rule["unit"] == "excel":
            days[inside] = np.datetime64("1899-12-30") + values[inside].astype("timedelta64[D]")
        else:
            per_day = np.timedelta64(1, "D") / np.timedelta64(1, rule["unit"])
            count = np.floor(values[inside] / per_day).astype("timedelta64[D]")
            days[inside] = np.datetime64("1970-01-01") + count
        readings.append(_Reading.of(days, rule["example"]))
    return max(readings, key=lambda reading: reading.count)


def _in_forms(words: pa.Array, row_of: Callable[[int], int]) -> list[_Reading]:
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
        reading = _Reading.of(_in_form(different, shapes, rule["form"]), rule["example"])
        if not reading.count:
            continue
        days = np.append(reading.days, np.datetime64("NaT"))[codes]
        if clock is not None and zone is not None and (clock.fillna("").any() or zone.fillna("").any()):
            moments, unknown = moments_of(days, clock, zone)
            days = np.where(unknown, np.datetime64("NaT"), _shown(moments, row_of))
        readings.append(_Reading(days, np.append(reading.outside, False)[codes], rule["example"]))
    return readings


def _shown(moments: Moments, row_of: Callable[[int], int]) -> Days:
    """Days that the file's clock shows; those of UTC or of the exchange where the file's fall on weekends."""
    readings = moments.readings()
    first, *others = [days for days in readings if not _has_weekends(days)] or readings[:1]
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


def _told(
    words: pa.Array, fitting: list[_Reading], row_of: Callable[[int], int]
) -> tuple[_Reading, str | None]:
    """Of forms that fit equally, the one that the days of the week tell."""
    first, *others = fitting
    others = [other for other in others if not np.array_equal(other.days, first.days, equal_nan=True)]
    if not others:
        return first, None
    known = ~np.isnat(first.days)
    unlike = np.flatnonzero(known == np.isnat(others[0].days))
    if len(unlike):
        place = int(unlike[0])
        other = int(np.flatnonzero(known != known[place])[0])
        raise UnreadableDatesError(
            f"{quoted(words[place].as_py())} and {quoted(words[other].as_py())} are written in two forms, and neither "
            "is rare",
            row_of(place),
        )
    readings = [first, *others]
    on_weekdays = [reading for reading in readings if not _has_weekends(reading.days)]
    # Days that follow each other do so in the right reading; in a wrong one they are months apart.
    dense, less_dense, *_ = sorted(readings, key=lambda reading: reading.span)
    if len(on_weekdays) == 1 and on_weekdays[0] is dense and dense.span < less_dense.span:
        example = quoted(words[0].as_py())
        note = f"dates such as {example} are read as {dense.days[0]}, as no other reading has weekdays only"
        return dense, note
    place = int(np.flatnonzero(first.days != others[0].days)[0])
    may = " or ".join(dict.fromkeys(str(reading.days[place]) for reading in readings))
    raise UnreadableDatesError(
        f"{quoted(words[place].as_py())} may be {may}: no row tells the order of day, month and year",
        row_of(place),
    )


def _has_weekends(days: Days) -> bool:
    """Whether some day is a Saturday or Sunday."""
    known = days[~np.isnat(days)]
    return bool((~np.is_busday(known)).any())
