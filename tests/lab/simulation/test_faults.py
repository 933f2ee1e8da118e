"""What goes wrong goes wrong when it should, and only then."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tickgraph.errors import InputError, SourceUnavailableError, StorageError
from tickgraph.lab.simulation.faults import (
    Faults,
    FaultyProvider,
    Rename,
    Span,
    faults_of,
    full_disk,
)
from tickgraph.lab.simulation.replay import ReplaySource
from tickgraph.lab.simulation.world import SimulatedClock
from tickgraph.storage import write_atomically

DAY = datetime(2022, 6, 8, 10, tzinfo=UTC)


@pytest.fixture
def clock():
    return SimulatedClock(DAY)


def provider(sample, clock, **faults):
    replay = ReplaySource(sample.fetch(["AAPL", "DIS"]).bars, clock.now)
    return FaultyProvider(replay, Faults(**faults))


def test_a_clock_does_not_go_back(clock):
    clock.advance(DAY + timedelta(hours=1))
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(DAY)


def test_a_provider_is_down_from_the_first_moment_to_before_the_last(sample, clock):
    source = provider(sample, clock, outages=(Span(DAY, DAY + timedelta(days=2)),))
    with pytest.raises(SourceUnavailableError, match="down"):
        source.fetch(["AAPL"])
    clock.advance(DAY + timedelta(days=2))
    assert len(source.fetch(["AAPL"]).bars)


def test_a_renamed_symbol_is_unknown_under_its_old_name_and_whole_under_the_new(sample, clock):
    source = provider(sample, clock, renames=(Rename("DIS", "DISX", DAY + timedelta(days=1), DAY),))
    before = source.fetch(["DIS", "DISX"], date(2022, 6, 1))
    assert source.symbols() == ("AAPL", "DIS")
    assert set(before.bars["symbol"]) == {"DIS"}
    assert "delisted or renamed" in before.failures["DISX"]
    clock.advance(DAY + timedelta(days=1))
    after = source.fetch(["DIS", "DISX"], date(2022, 6, 1))
    assert source.symbols() == ("AAPL", "DISX")
    assert set(after.bars["symbol"]) == {"DISX"}
    assert "delisted or renamed" in after.failures["DIS"]
    assert after.bars["close"].tolist()[: len(before.bars)] == before.bars["close"].tolist()


def test_a_full_disk_takes_no_file_below_the_folder_and_any_elsewhere(tmp_path):
    inside, outside = tmp_path / "world", tmp_path / "elsewhere"
    write_atomically(inside / "kept", b"before")
    with full_disk(inside):
        with pytest.raises(StorageError, match="disk is full"):
            write_atomically(inside / "kept", b"after")
        write_atomically(outside / "other", b"written")
        assert (inside / "kept").read_bytes() == b"before"
    write_atomically(inside / "kept", b"after")
    assert (inside / "kept").read_bytes() == b"after"
    assert [path.name for path in inside.iterdir()] == ["kept"]


def test_a_span_gets_one_fault_of_each_kind_at_different_times():
    faults = faults_of(date(2022, 1, 3), date(2022, 12, 30), ["AAPL", "JPM"])
    assert faults.renames[0].symbol == "JPM"
    assert faults.renames[0].told > faults.renames[0].at
    moments = [faults.outages[0].first, faults.full_disks[0].first, faults.renames[0].at]
    assert moments == sorted(moments)
    assert faults.outages[0].until - faults.outages[0].first == timedelta(days=2)
    ((day, models),) = faults.crashes.items()
    assert faults.outages[0].until.date() < day < faults.full_disks[0].first.date()
    assert models == 1


def test_a_span_too_short_for_faults_is_refused():
    with pytest.raises(InputError, match="at least 20 sessions"):
        faults_of(date(2022, 1, 3), date(2022, 1, 14), ["AAPL"])
