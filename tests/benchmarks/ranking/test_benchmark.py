from dataclasses import replace

import keras
import numpy as np
import pytest

from benchmarks.ranking import benchmark, runs
from benchmarks.ranking.benchmark import Listener, run_benchmark
from benchmarks.ranking.conclusions import findings
from benchmarks.ranking.entries import entries
from benchmarks.ranking.published import NASDAQ, NYSE
from benchmarks.ranking.result import RankingResult
from benchmarks.ranking.scores import random_scores
from made_market import corrupted_after
from tickgraph.errors import InputError

QUICK = ("reversal", "LSTM", "factor-neutral")


def _small(inputs, name):
    values = inputs.day_data((name,)).inputs[name]
    layers = keras.layers
    given = keras.Input(values.shape[1:], name=name)
    hidden = layers.Dropout(0.2)(layers.Reshape((values.shape[1], -1))(given))
    return keras.Model({name: given}, layers.Dense(1)(hidden)[..., 0], name="small")


def small_entries(epochs, objective="correlation"):
    """The real rows with networks that compile in a moment; test_networks.py has the real ones."""
    rows = entries(epochs, objective)
    for row, name in (("LSTM", "sequence"), ("factor-neutral", "features")):
        rows[row] = replace(rows[row], inputs=(name,), build=lambda inputs, name=name: _small(inputs, name))
    return rows


@pytest.fixture(scope="module", autouse=True)
def _small_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark, "entries", small_entries)
        yield


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def result(market, heard, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return run_benchmark(
        market,
        folder,
        names=("level", *QUICK),
        seeds=2,
        epochs=1,
        jobs=2,
        listener=Listener(lambda *words: heard.append(words)),
    )


def comparable(result):
    rows = result.model_dump(exclude={"created"})
    for row in rows["rows"]:
        del row["seconds"]
    return rows


def test_rows_are_of_every_entry_and_scaling_and_the_probe_of_the_files_own(result):
    assert [(row.model, row.scaling) for row in result.rows] == [
        ("level", "published"),
        *((name, "published") for name in QUICK),
        *((name, "causal") for name in QUICK),
    ]
    assert result.days == {"train": 65, "validation": 35, "test": 34}
    assert result.stocks == 40
    assert RankingResult.model_validate_json(result.model_dump_json()) == result


def test_a_row_is_the_mean_of_its_seeds(result):
    for row in result.rows:
        assert (
            len(row.seeds) == len(row.epochs) == len(row.validation) == (2 if row.model in QUICK[1:] else 1)
        )
        for column in ("ic", "icir", "precision", "sharpe"):
            values = [getattr(one, column) for one in row.seeds]
            assert getattr(row.scores, column) == pytest.approx(np.mean(values))
        assert row.ic.value == pytest.approx(row.scores.ic)
        assert row.icir.value == pytest.approx(row.scores.icir)
        assert row.ic.low < row.ic.value < row.ic.high
    lstm = next(row for row in result.rows if row.model == "LSTM")
    assert lstm.seeds[0] != lstm.seeds[1]
    assert lstm.epochs == [1, 1]


def test_differences_are_of_the_factor_neutral_network_to_every_other_row(result):
    rows = {(row.model, row.scaling): row for row in result.rows}
    assert {(gap.second, gap.scaling) for gap in result.differences} == {
        key for key in rows if key[0] != "factor-neutral"
    }
    for gap in result.differences:
        ours = rows["factor-neutral", gap.scaling].scores
        assert gap.ic.value == pytest.approx(ours.ic - rows[gap.second, gap.scaling].scores.ic)
        assert gap.icir.value == pytest.approx(ours.icir - rows[gap.second, gap.scaling].scores.icir)
        apart = gap.ic.low > 0 or gap.ic.high < 0
        assert ("is not told apart from" not in gap.conclusion.split(" by IC")[0]) == apart


def test_chance_is_what_random_forecasts_score(market, result):
    days = market.days["test"]
    drawn = random_scores(np.nan_to_num(market.following.T[days]), market.scored.T[days], 1000)
    assert result.random.low.ic == pytest.approx(np.quantile(drawn["ic"], 0.025))
    assert result.random.high.sharpe == pytest.approx(np.quantile(drawn["sharpe"], 0.975))
    assert result.random.count == 1000


def test_progress_is_heard_to_the_end(result, heard):
    assert heard[-1] == ("done", 11, 11, "")
    dones = [done for _, done, _, _ in heard]
    assert dones == sorted(dones)
    assert any("validation IC" in word for *_, word in heard)


def test_results_do_not_depend_on_the_number_of_jobs(market, result, tmp_path):
    alone = run_benchmark(market, tmp_path, names=("level", *QUICK), seeds=2, epochs=1, jobs=1)
    assert comparable(alone) == comparable(result)


def test_a_finished_benchmark_is_not_run_again_and_one_that_stopped_goes_on(market, tmp_path, monkeypatch):
    made, make_run = [], runs.make_run

    def counting(entry, inputs, seed, progress):
        made.append(entry.name)
        return make_run(entry, inputs, seed, progress)

    monkeypatch.setattr(runs, "make_run", counting)
    first = run_benchmark(market, tmp_path, names=["reversal"])
    assert made == ["reversal", "reversal"]  # both scalings
    both = run_benchmark(market, tmp_path, names=["reversal", "ridge"])
    assert sorted(made) == ["reversal", "reversal", "ridge", "ridge"]
    assert both.rows[0] == first.rows[0]
    run_benchmark(market, tmp_path, names=["reversal", "ridge"])
    assert len(made) == 4


def test_when_a_run_fails_what_was_finished_is_kept_and_the_rest_stops(market, tmp_path, monkeypatch):
    make_run = runs.make_run

    def failing(entry, inputs, seed, progress):
        if entry.name == "ridge":
            raise FloatingPointError("diverged")
        return make_run(entry, inputs, seed, progress)

    monkeypatch.setattr(runs, "make_run", failing)
    with pytest.raises(FloatingPointError, match="diverged"):
        run_benchmark(market, tmp_path, names=["reversal", "ridge", "LSTM"], jobs=1)
    assert [path.name.split("-")[0] for path in tmp_path.iterdir()] == ["reversal"]


def test_an_unknown_model_is_refused_with_those_there_are(market, tmp_path):
    with pytest.raises(InputError, match=r"Unknown model oracle. Known: level, reversal, ridge, LSTM, GAT"):
        run_benchmark(market, tmp_path, names=["oracle", "ridge"])


def test_a_later_future_changes_no_validation_and_no_epoch(market, result, tmp_path):
    """The whole path: what is chosen before the test days knows nothing of them."""
    later = run_benchmark(
        corrupted_after(market, market.test_from - 1),
        tmp_path,
        names=QUICK,
        scalings=("causal",),
        seeds=2,
        epochs=1,
        jobs=2,
    )
    before = {row.model: row for row in result.rows if row.scaling == "causal"}
    for row in later.rows:
        assert row.validation == before[row.model].validation
        assert row.epochs == before[row.model].epochs
        assert row.scores != before[row.model].scores


def test_of_a_part_of_the_stocks_no_published_figure_is_compared(market, tmp_path):
    nasdaq = replace(market, name="nasdaq")
    part = run_benchmark(nasdaq.first(30), tmp_path, names=["reversal"], scalings=("causal",))
    assert part.findings[0].startswith("Only the first 30 of the file's 40 stocks were ranked")
    assert (part.stocks, part.published) == (30, None)


def test_a_market_without_published_rows_says_so_and_is_compared_with_none(result):
    assert result.published is None
    assert result.findings[0].startswith(
        "There is no published row for the market made (NASDAQ and NYSE have"
    )
    assert "(published" not in " ".join(result.findings)


def test_findings_compare_rows_on_the_files_scale_with_rows_of_their_own_market(result):
    for table, said, not_said in ((NASDAQ, "0.043 for NASDAQ", "0.029"), (NYSE, "0.029 for NYSE", "0.043")):
        sentences = findings(result.rows, result.differences, result.random, table)
        (ours,) = [sentence for sentence in sentences if sentence.startswith("factor-neutral on published")]
        assert f"the published StockMixer's {said}" in ours
        assert not_said not in " ".join(sentences)
        theirs = [sentence for sentence in sentences if "in this harness" in sentence]
        assert len(theirs) == (1 if table is NASDAQ else 0)  # of NYSE only StockMixer is published here
    assert "looks ahead" in " ".join(sentences)
    assert not [sentence for sentence in sentences if sentence.startswith("factor-neutral on causal")]
