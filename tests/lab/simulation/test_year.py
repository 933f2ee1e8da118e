"""A simulated year runs by itself, and no forecast it serves is wrong."""

from datetime import date

import numpy as np
import pytest

from tickgraph.lab.simulation.faults import faults_of
from tickgraph.lab.simulation.year import Year
from tickgraph.operations.records import RunLog
from tickgraph.serving.journal_reading import read_journal

from .conftest import SYMBOLS

YEAR = date(2022, 1, 3), date(2022, 12, 30)
SPRING = date(2022, 5, 25), date(2022, 6, 24)


@pytest.mark.timeout(600)
def test_a_year_with_every_fault_serves_nothing_wrong(make_world):
    world = make_world(faults=faults_of(*YEAR, SYMBOLS))
    result = Year(world, *YEAR).run()

    assert result.wrong == ()
    assert result.total.wrong == 0
    # 251 sessions, twice a day, and once more between the crash and the restart and after it.
    assert result.total.served + result.total.refused == (2 * 251 + 2) * len(SYMBOLS)
    assert result.total.fresh + result.total.stale == result.total.served
    assert result.verified == result.total.served
    assert result.largest_difference < 1e-3
    assert (
        result.total.trained == (1 + 51) * len(SYMBOLS) + 1
    )  # first, on 51 Sundays, and DIS under its new name
    assert result.trained_again == result.total.trained
    assert not result.refusals

    said = "\n".join(event.what for event in result.events)
    assert "is down" in said
    assert "killed" in said
    assert "disk is full" in said
    assert "DIS is DISX" in said
    assert "restated AMZN" in said

    runs = list(RunLog(world.operations_dir).newest_first())
    assert (
        sum(run.kind == "weekly" for run in runs) == 52
    )  # 51 Sundays, and that before the first day, caught up
    assert any(run.state == "interrupted" for run in runs)
    assert any(run.state == "failed" for run in runs)
    assert result.quality is not None
    assert set(result.quality.symbols) >= {"AAPL", "AMZN", "DISX"}


def test_the_days_of_a_fault_are_served_and_marked_stale(make_world):
    faults = faults_of(*SPRING, SYMBOLS)
    world = make_world(faults=faults)
    Year(world, *SPRING, verify=False).run()
    log = read_journal(world.operations_dir / "journal")
    down = faults.outages[0]
    last = np.datetime64(down.first.date()) - 1
    during = log[(log["logged_at"] >= down.first) & (log["logged_at"] < down.until)]
    assert (during["as_of"].to_numpy().astype("datetime64[D]") <= last).all()
