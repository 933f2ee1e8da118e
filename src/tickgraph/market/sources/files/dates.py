"""A column of dates: the one form in which the whole column is written, and the days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickgraph.market.sources.files.date_forms import (
    USUAL,
    Days,
    Mask,
    Reading,
    UnreadableDatesError,
    has_weekends,
    in_forms,
    numbered,
    shown,
)
from tickgraph.market.sources.files.dialects import dialects
from tickgraph.market.sources.files.table import encoded, is_text
from tickgraph.market.sources.files.zones import Moments
from tickgraph.wording import quoted

_NUMBER = r"^\d+(?:\.\d*)?(?:[eE][+]?\d+)?$"


@dataclass(frozen=True)
class Dates:
    """A column of ``[n]`` dates."""

    days: Days  # not-a-time where a cell is empty, cannot be read or is outside
    unreadable: Mask  # whether a cell holds something that is no date in the column's form
    outside: Mask  # whether a cell holds a date before 1900 or after 2199, such as 9999-12-31
    form: str  # how a date of the column is written: 2022-12-30
    note: str | None = None  # how the form was told, where weekdays told it


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
        reading = Reading.of(_typed_days(column), USUAL)
        return Dates(reading.days, np.zeros(len(column), bool), reading.outside, USUAL)
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
    return shown(Moments(local, utc), lambda row: row)


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
    """Read the different values in the form that fits most of them; also says how the form was told."""
    try:
        usual = Reading.of(
            words.cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]"), USUAL
        )
        if not usual.outside.any():
            return usual, None  # the usual case, quickly; no values at all are such a case
    except pa.ArrowInvalid:
        pass
    numeric = pc.match_substring_regex(words, _NUMBER).to_numpy(zero_copy_only=False)
    readings = [numbered(words, numeric)] if 2 * numeric.sum() >= len(words) else []
    if not readings or np.isnat(readings[0].days).any():
        readings += in_forms(words, row_of)
    best = max(readings, key=lambda reading: reading.count, default=None)
    if best is None or not best.count or 2 * best.count < len(words):
        place = 0 if best is None else int(np.flatnonzero(np.isnat(best.days))[0])
        raise UnreadableDatesError(
            f"{quoted(words[place].as_py())} is no date in a form that is known", row_of(place)
        )
    return _told(words, [reading for reading in readings if reading.count == best.count], row_of)


def _told(
    words: pa.Array, fitting: list[Reading], row_of: Callable[[int], int]
) -> tuple[Reading, str | None]:
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
    on_weekdays = [reading for reading in readings if not has_weekends(reading.days)]
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
