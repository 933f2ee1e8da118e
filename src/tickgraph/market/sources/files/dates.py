"""A column of dates in one form, the one that the whole column has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickgraph.market.sources.files.date_forms import (
    Days,
    Reading,
    UnreadableDatesError,
    are_numbers,
    has_weekends,
    in_forms,
    numbered,
    outside,
    shown,
)
from tickgraph.market.sources.files.dialects import dialects
from tickgraph.market.sources.files.table import encoded
from tickgraph.market.sources.files.zones import Moments
from tickgraph.wording import quoted


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
