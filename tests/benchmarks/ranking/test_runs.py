from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ranking import runs
from benchmarks.ranking.entries import FormulaEntry, MarketInputs, entries
from benchmarks.ranking.runs import keep_run, make_run
from made_market import corrupted_after
from tickgraph.errors import StorageError

ENTRIES = entries(1)


@pytest.fixture
def inputs(market):
    return MarketInputs(market, "causal")


@pytest.fixture
def made(monkeypatch):
    """Names and seeds of the runs that were made, and not taken from the folder."""
    names = []

    def counting(entry, inputs, seed, progress):
        names.append((entry.name, seed))
        if isinstance(entry, FormulaEntry):
            return make_run(entry, inputs, seed, progress)
        return replace(make_run(ENTRIES["reversal"], inputs, seed, progress), epoch=1)

    monkeypatch.setattr(runs, "make_run", counting)
    return names


def test_a_kept_run_is_not_made_again(inputs, tmp_path, made):
    first = keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    again = keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    assert made == [("reversal", 0)]
    np.testing.assert_array_equal(first.forecast, again.forecast)
    assert (first.validation, first.epoch, first.seconds) == (again.validation, again.epoch, again.seconds)


def test_whatever_a_run_depends_on_makes_it_anew(market, inputs, tmp_path, made):
    entry = ENTRIES["LSTM"]
    others = [
        (entry, inputs, 1),
        (replace(entry, recipe=replace(entry.recipe, epochs=2)), inputs, 0),
        (replace(entry, recipe=replace(entry.recipe, rank_weight=0.2)), inputs, 0),
        (entry, MarketInputs(market, "published"), 0),
        (entry, MarketInputs(replace(market, sha256="0" * 64), "causal"), 0),
        (entry, MarketInputs(replace(market, validation_from=131), "causal"), 0),
        (entry, MarketInputs(replace(market, test_from=166), "causal"), 0),
        (entry, MarketInputs(market.first(30), "causal"), 0),
        (ENTRIES["GAT"], inputs, 0),
    ]
    keep_run(tmp_path, entry, inputs, 0)
    for count, other in enumerate(others, start=2):
        keep_run(tmp_path, *other)
        assert len(made) == count
    for other in [(entry, inputs, 0), *others]:
        keep_run(tmp_path, *other)
    assert len(made) == 1 + len(others)


def test_a_change_of_what_entries_forecast_makes_runs_anew(inputs, tmp_path, made, monkeypatch):
    keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    monkeypatch.setattr(runs, "ENTRIES_VERSION", runs.ENTRIES_VERSION + 1)
    keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    assert len(made) == 2


def test_a_damaged_run_is_made_again(inputs, tmp_path, made):
    first = keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    step = len(whole) // 20
    damages = [b"", whole[: len(whole) // 2], b"x" * 100]
    for at in range(40, len(whole) - step, step):  # a run of other bytes, everywhere
        damages.append(whole[:at] + bytes(255 - b for b in whole[at : at + 16]) + whole[at + 16 :])
    for damage in damages:
        path.write_bytes(damage)
        again = keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
        np.testing.assert_array_equal(again.forecast, first.forecast)
    path.write_bytes(damages[0])
    keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    assert len(made) > 2
    count = len(made)
    keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    assert len(made) == count


def test_a_run_of_other_days_is_made_again(inputs, tmp_path, made):
    keep_run(tmp_path, ENTRIES["reversal"], inputs, 0)
    [path] = tmp_path.iterdir()
    run = make_run(ENTRIES["reversal"], inputs, 0, lambda _: None)
    runs.write_run(path, replace(run, forecast=run.forecast[1:]))
    assert keep_run(tmp_path, ENTRIES["reversal"], inputs, 0).forecast.shape == run.forecast.shape
    assert len(made) == 2


def test_a_folder_that_cannot_be_used_is_an_error(inputs, tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError):
        keep_run(tmp_path / "runs", ENTRIES["reversal"], inputs, 0)


@pytest.mark.parametrize("name", ["reversal", "ridge", "StockMixer", "factor-neutral-refit"])
def test_a_corrupted_future_changes_nothing_forecast_before(market, name):
    """Training, the choice of the epoch, and the forecasts of every day up to the corruption."""
    entry = entries(2)[name]
    last = market.test_from + 3
    real, corrupted = (
        make_run(entry, MarketInputs(own, "causal"), 0, lambda _: None)
        for own in (market, corrupted_after(market, last))
    )
    assert corrupted.validation == real.validation
    assert corrupted.epoch == real.epoch
    known = last - market.days["test"][0] + 1
    np.testing.assert_array_equal(corrupted.forecast[:known], real.forecast[:known])
    assert (corrupted.forecast[known:] != real.forecast[known:]).any(axis=1).all()
