from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from made_outlooks import GRID, SCORES, horizons, outlook
from tickgraph.errors import StorageError
from tickgraph.market.expiry import sessions_ahead
from tickgraph.model.measures import LEVELS
from tickgraph.serving import journal as journal_module
from tickgraph.serving.journal import KEPT_MONTHS, ForecastJournal
from tickgraph.serving.journal_reading import read_journal
from tickgraph.serving.observer import Observer

EVENING = datetime(2022, 12, 29, 22, tzinfo=UTC)


@pytest.fixture
def clock():
    return [EVENING]


@pytest.fixture
def journal(tmp_path, clock):
    return ForecastJournal(tmp_path / "journal", lambda: clock[0])


def only_file(journal):
    (path,) = journal.folder.iterdir()
    return path


def symbols_of(journal):
    return list(read_journal(journal.folder)["symbol"])


def test_a_record_says_what_was_forecast_and_from_what(journal, registry):
    from tickgraph.model.weights import weight_shapes
    from tickgraph.serving.loaded_model import LoadedModel

    model = LoadedModel.from_stored(registry.load("AAPL", weight_shapes))
    one = outlook(model=model)
    journal.log([one])

    (record,) = read_journal(journal.folder).to_dict("records")
    assert record["logged_at"].to_pydatetime() == EVENING
    assert (record["symbol"], record["model"], record["source"]) == ("AAPL", "gnn", "sample")
    assert (record["as_of"].date(), record["target_session"].date()) == (
        date(2022, 12, 29),
        date(2022, 12, 30),
    )
    assert record["generation"] == model.generation
    assert record["trained_at"].to_pydatetime() == model.trained_at
    assert (record["sessions_behind"], record["last_close"]) == (0, 130.0)
    assert (record["predicted_return"], record["centre"], record["volatility"]) == (0.001, 0.0005, 0.02)
    assert record["mean_score"] == pytest.approx(np.abs(SCORES).mean(), rel=1e-6)
    assert record["probability_up"] == pytest.approx(one.probability_up, rel=1e-6)
    for level, lower, upper in one.intervals:
        assert record[f"lower_{level}"] == pytest.approx(lower, rel=1e-6)
        assert record[f"upper_{level}"] == pytest.approx(upper, rel=1e-6)


def test_momentum_has_no_generation(journal):
    journal.log([outlook()])
    (record,) = read_journal(journal.folder).to_dict("records")
    assert record["model"] == "momentum"
    assert record["generation"] is None or record["generation"] != record["generation"]


def test_processes_write_into_one_file_and_lose_nothing(tmp_path):
    writers, batches, size = 2, 20, 40
    here = Path(__file__).parent
    path = os.pathsep.join([str(here.parent), os.environ.get("PYTHONPATH", "")])
    started = [
        subprocess.Popen(
            [sys.executable, here / "journal_writer.py", tmp_path, own, str(batches), str(size)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        for own in "XY"
    ]
    for process in started:
        process.stdin.write(b"\n")
        process.stdin.close()
    assert [process.wait(120) for process in started] == [0] * writers

    assert len(list(tmp_path.iterdir())) == 1
    found = read_journal(tmp_path)
    assert len(found) == found["symbol"].nunique() == writers * batches * size


@pytest.mark.parametrize("left", [1, 20, 200])
def test_a_torn_record_is_skipped_and_swallows_no_other(journal, left):
    journal.log([outlook("AAPL"), outlook("MSFT")])
    path = only_file(journal)
    path.write_bytes(path.read_bytes()[:-left])  # 1 takes no more than the line's end
    journal.log([outlook("JPM")])
    assert symbols_of(journal) == (["AAPL", "MSFT", "JPM"] if left == 1 else ["AAPL", "JPM"])


def test_records_of_some_symbols_are_those_of_all_that_name_them(journal):
    journal.log([outlook("AAPL"), outlook("A"), outlook("MSFT", as_of="2022-12-28")])
    with only_file(journal).open("ab") as file:
        file.write(b'{"symbol":"AAPL","logged')  # torn
    journal.log([outlook("MSFT"), outlook("AAPL", forecast=0.002)])
    every = read_journal(journal.folder)
    for names in ({"AAPL"}, {"A"}, {"A", "MSFT"}, {"GOOGL"}, set()):
        own = every[every["symbol"].isin(names)].reset_index(drop=True)
        assert read_journal(journal.folder, symbols=names).equals(own), names


def test_lines_that_are_no_records_are_skipped(journal):
    journal.log([outlook("AAPL")])
    path = only_file(journal)
    strange = b'\x00\xff\n{"symbol": 1}\n{"nothing": "of use"}\n{"a"{}\n[]\n{"logged_at":"yesterday"}\n'
    path.write_bytes(strange + path.read_bytes() + strange)
    assert symbols_of(journal) == ["AAPL"]


def test_what_a_restart_logs_again_is_given_once(journal, tmp_path, clock):
    journal.log([outlook("AAPL"), outlook("MSFT")])
    clock[0] = EVENING.replace(hour=23)
    ForecastJournal(journal.folder, lambda: clock[0]).log([outlook("AAPL")])
    assert len(only_file(journal).read_text().split()) == 3
    found = read_journal(journal.folder)
    assert list(found["symbol"]) == ["AAPL", "MSFT"]
    assert list(found["logged_at"].dt.hour) == [22, 22], "the first counts"


def test_a_forecast_from_corrected_prices_is_another(journal):
    journal.log([outlook(forecast=0.001)])
    journal.log([outlook(forecast=0.002)])
    assert list(read_journal(journal.folder)["predicted_return"]) == [0.001, 0.002]


def test_a_full_disk_costs_no_forecast_and_is_said_once(journal, monkeypatch, caplog):
    real = os.write

    def full(handle, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with caplog.at_level(logging.WARNING):
        monkeypatch.setattr(journal_module.os, "write", full)
        assert journal.log([outlook("AAPL"), outlook("MSFT")]) == (0, 2)
        assert journal.log([outlook("JPM")]) == (0, 1)
        monkeypatch.setattr(journal_module.os, "write", real)
        assert journal.log([outlook("XOM")]) == (1, 0)
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    assert symbols_of(journal) == ["XOM"]


def test_a_disk_that_takes_only_a_part_keeps_the_whole_records(journal, monkeypatch):
    real = os.write
    monkeypatch.setattr(
        journal_module.os, "write", lambda handle, data: real(handle, data[: len(data) - 100])
    )
    assert journal.log([outlook("AAPL"), outlook("MSFT")]) == (1, 1)
    monkeypatch.setattr(journal_module.os, "write", real)
    journal.log([outlook("JPM")])
    assert symbols_of(journal) == ["AAPL", "JPM"]


def test_a_real_full_device_costs_no_forecast(tmp_path, clock):
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    journal = ForecastJournal(tmp_path, lambda: clock[0])
    journal.log([outlook()])
    path = only_file(journal)
    path.unlink()
    path.symlink_to("/dev/full")
    assert journal.log([outlook()]) == (0, 1)


def test_a_folder_that_cannot_be_made_costs_no_forecast(tmp_path, clock):
    (tmp_path / "state").write_text("a file stands in its place")
    journal = ForecastJournal(tmp_path / "state" / "journal", lambda: clock[0])
    assert journal.log([outlook()]) == (0, 1)


def test_a_read_only_file_system_costs_no_forecast(journal, monkeypatch):
    def read_only(path, flags, mode):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    with monkeypatch.context() as patched:
        patched.setattr(journal_module.os, "open", read_only)  # root may write where others may not
        assert journal.log([outlook()]) == (0, 1)
    assert journal.log([outlook()]) == (1, 0)


def test_nothing_is_put_in_the_place_of_a_disk_that_vanished(tmp_path, clock):
    journal = ForecastJournal(tmp_path / "gnn" / ".operations" / "journal", lambda: clock[0])
    journal.log([outlook()])
    shutil.rmtree(tmp_path / "gnn")
    assert journal.log([outlook()]) == (0, 1)
    assert not (tmp_path / "gnn").exists()


def test_months_have_files_of_their_own_and_the_oldest_are_deleted(journal, clock):
    for month in range(14):
        clock[0] = datetime(2021 + month // 12, month % 12 + 1, 3, tzinfo=UTC)
        journal.log([outlook(as_of="2021-01-04")])
    (journal.folder / "notes.txt").write_text("not ours")
    clock[0] = datetime(2022, 3, 3, tzinfo=UTC)
    journal.log([outlook()])
    names = sorted(path.name for path in journal.folder.iterdir())
    assert names[-1] == "notes.txt"
    assert names[0].startswith("2021-03."), f"{KEPT_MONTHS} months with the current one"
    assert names[-2].startswith("2022-03.")


def test_a_clock_that_is_years_ahead_for_a_while_deletes_nothing(journal, clock):
    journal.log([outlook("AAPL")])
    clock[0] = datetime(2099, 1, 1, tzinfo=UTC)
    journal.log([outlook("XOM")])
    clock[0] = EVENING
    journal.log([outlook("MSFT")])
    assert set(symbols_of(journal)) == {"AAPL", "MSFT", "XOM"}


def test_only_the_months_that_can_matter_are_read(journal, clock):
    clock[0] = datetime(2022, 10, 3, 12, tzinfo=UTC)
    journal.log([outlook("MSFT", as_of="2022-09-30")])
    (old,) = journal.folder.iterdir()
    clock[0] = EVENING
    journal.log([outlook("AAPL")])
    assert list(read_journal(journal.folder)["symbol"]) == ["MSFT", "AAPL"]
    old.unlink()
    old.symlink_to("/dev/null/none")  # whoever opens it hears of it
    assert list(read_journal(journal.folder, since=date(2022, 12, 30))["symbol"]) == ["AAPL"]
    with pytest.raises(StorageError, match=old.name):
        read_journal(journal.folder)
    old.unlink()
    old.mkdir()
    assert list(read_journal(journal.folder)["symbol"]) == ["AAPL"]


def test_without_a_journal_there_are_no_records(tmp_path):
    found = read_journal(tmp_path / "none")
    assert found.empty
    assert {"symbol", "logged_at", "lower_0.8"} <= set(found.columns)


class _Told(Observer):
    def __init__(self):
        self.events = []

    def journaled(self, written, dropped):
        self.events.append((written, dropped))


def test_a_forecast_is_logged_when_it_is_prepared_and_never_from_memory(registry, store, tmp_path):
    from tickgraph.serving.forecaster import Forecaster
    from tickgraph.serving.watcher import Watcher

    told, now = _Told(), datetime(2022, 12, 30, 22, tzinfo=UTC)
    journal = ForecastJournal(tmp_path / "journal", lambda: now)
    live = Forecaster(registry, store, now=lambda: now, observer=told, journal=journal)
    watcher = Watcher(live)
    watcher.look()
    try:
        live.forecast_many(["AAPL", "MSFT"], {"AAPL": 120.0})
        live.forecast_many(["AAPL", "MSFT"], {"AAPL": 140.0})
        assert live.peek("AAPL") is not None
        assert told.events == [(2, 0)]

        registry.publish_correlation("AAPL", registry_correlation(registry), date(2022, 12, 30))
        watcher.look()
        assert told.events == [(2, 0), (1, 0)], "another generation"
        live.forecast_many(["AAPL", "NKE"])  # the second without a model
        live.forecast_many(["NKE"])
        assert told.events[2:] == [(1, 0)]
    finally:
        live.close()
    found = read_journal(journal.folder)
    assert list(found["symbol"]) == ["AAPL", "MSFT", "AAPL", "NKE"]
    assert found["generation"].nunique() == 3
    assert found["trained_at"].nunique() == 2, "new correlations are no new model"
    assert set(found["target_session"].dt.date) == {date(2023, 1, 3)}


def registry_correlation(registry):
    from tickgraph.model.weights import weight_shapes

    return registry.load("AAPL", weight_shapes).correlation


def test_a_forecast_as_of_an_earlier_day_is_no_live_one(registry, store, tmp_path):
    from tickgraph.serving.forecaster import Forecaster

    journal = ForecastJournal(tmp_path / "journal")
    Forecaster(registry, store, journal=journal).forecast("AAPL", as_of=date(2022, 6, 30))
    assert read_journal(journal.folder).empty


def test_a_journal_that_cannot_be_written_costs_no_forecast(registry, store, tmp_path):
    from tickgraph.serving.forecaster import Forecaster

    (tmp_path / "state").write_text("a file")
    told, journal = _Told(), ForecastJournal(tmp_path / "state" / "journal")
    forecaster = Forecaster(registry, store, observer=told, journal=journal)
    assert forecaster.forecast("AAPL").status == "pre-trained"
    assert told.events == [(0, 1)]


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_a_named_pipe_in_the_journals_place_holds_up_neither_writer_nor_reader(journal):
    journal.log([outlook()])
    path = only_file(journal)
    path.unlink()
    os.mkfifo(path)
    assert journal.log([outlook()]).dropped == 1
    assert symbols_of(journal) == []


def test_a_record_keeps_the_distribution_of_every_horizon_and_the_session_each_is_for(journal):
    made = horizons(drag=np.linspace(0.0, 0.01, 63))
    journal.log([outlook(horizons=made)])
    (record,) = read_journal(journal.folder).to_dict("records")
    assert list(record["ahead"]) == GRID.tolist()
    assert [str(day)[:10] for day in record["expiries"]] == [
        str(sessions_ahead("2022-12-29", 63, sessions=int(ahead))[1]) for ahead in GRID
    ]
    np.testing.assert_allclose(record["variances"], made.variance(GRID), rtol=1e-4)
    for level in LEVELS:
        ends = np.column_stack([record[f"lower_{level}_ahead"], record[f"upper_{level}_ahead"]])
        np.testing.assert_allclose(ends, made.interval(level, GRID), rtol=1e-4)  # dividends taken off


def test_a_line_with_every_horizon_stays_small(journal):
    journal.log([outlook()])
    plain = len(only_file(journal).read_bytes())
    journal.log([outlook("MSFT", horizons=horizons())])
    assert plain < 600
    assert len(only_file(journal).read_bytes()) - plain < 1200


def test_records_without_horizons_stand_beside_those_with_them(journal):
    """As momentum's do, and those of a release that knew no horizons."""
    journal.log([outlook("AAPL"), outlook("MSFT", horizons=horizons()), outlook("JPM")])
    assert '"ahead"' not in only_file(journal).read_text().split()[0]
    found = read_journal(journal.folder)
    assert list(found["symbol"]) == ["AAPL", "MSFT", "JPM"]
    assert list(found["ahead"].isna()) == [True, False, True]


def test_sessions_that_the_exchange_has_not_published_cost_their_horizons_and_no_record(journal, monkeypatch):
    real = journal_module.known_sessions
    monkeypatch.setattr(journal_module, "known_sessions", lambda day, most: real(day, min(most, 12)))
    assert journal.log([outlook(horizons=horizons())]) == (1, 0)
    (record,) = read_journal(journal.folder).to_dict("records")
    assert list(record["ahead"]) == [1, 2, 3, 5, 10]
    assert len(record["expiries"]) == len(record["upper_0.95_ahead"]) == 5
