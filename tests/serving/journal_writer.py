"""A process of a test's: writes batches of forecasts into a journal as fast as it can."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from made_outlooks import outlook
from tickgraph.serving.journal import ForecastJournal

if __name__ == "__main__":
    folder, own, batches, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    journal = ForecastJournal(folder, lambda: datetime(2022, 12, 29, 22, tzinfo=UTC))
    sys.stdin.readline()  # all begin together
    for batch in range(batches):
        names = [f"{own}{chr(65 + batch // 26)}{chr(65 + batch % 26)}{row}" for row in range(size)]
        assert journal.log(map(outlook, names)) == (size, 0)
