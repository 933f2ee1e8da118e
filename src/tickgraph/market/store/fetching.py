"""Whole histories from a source, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from tickgraph.errors import SourceUnavailableError
from tickgraph.market.source import Fetched, PriceSource

BATCH = 250  # what a crash or an outage can cost


def fetched_whole(
    source: PriceSource, symbols: Sequence[str], last: date | None
) -> Iterator[tuple[list[str], Fetched | SourceUnavailableError]]:
    """Fetch whole histories some at a time. A source that is unavailable twice in a row is asked no more."""
    failures: list[SourceUnavailableError] = []
    for start in range(0, len(symbols), BATCH):
        batch = list(symbols[start : start + BATCH])
        if len(failures) >= 2:
            yield batch, failures[-1]
            continue
        try:
            fetched = source.fetch(batch, None, last)
        except SourceUnavailableError as error:
            failures.append(error)
            yield batch, error
        else:
            failures.clear()
            yield batch, fetched
