"""``python -m benchmarks.ranking`` as a person or a program runs it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from benchmarks.ranking import __main__ as ranking
from benchmarks.ranking.entries import entries
from benchmarks.ranking.result import RankingResult
from made_market import TEST_FROM, VALIDATION_FROM, write_market

SPLIT = ["--validation-from", VALIDATION_FROM, "--test-from", TEST_FROM]


@pytest.fixture
def run(command, tmp_path):
    write_market(tmp_path / "made.npz")
    return lambda *words, data="made.npz": command("--data", data, *words, app=ranking.app)


def test_rows_are_printed_and_written(run, tmp_path):
    code, out, err = run(*SPLIT, "-m", "level,reversal", "-m", "ridge")
    assert code == 0, err
    for text in ("made: 34 test days, 40 stocks", "no published row", "reversal", "looks ahead"):
        assert text in out
    assert "of 5: ridge (published), seed 0" in err
    figures = RankingResult.model_validate_json((tmp_path / "benchmark-ranking/benchmark.json").read_bytes())
    assert [row.model for row in figures.rows] == ["level", "reversal", "ridge", "reversal", "ridge"]
    assert (tmp_path / "benchmark-ranking/benchmark.html").exists()
    for sentence in figures.findings:
        assert sentence in out


def test_json_is_the_result_and_nothing_else(run, tmp_path):
    code, out, _ = run(*SPLIT, "-m", "reversal", "--inputs", "causal", "-o", "elsewhere", "--json")
    assert code == 0
    written = json.loads((tmp_path / "elsewhere/benchmark.json").read_text("utf-8"))
    assert json.loads(out) == written
    assert [(row["model"], row["scaling"]) for row in written["rows"]] == [("reversal", "causal")]


def test_quick_takes_the_first_stocks_one_seed_and_one_epoch_and_says_so(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ranking, "QUICK_STOCKS", 24)
    code, out, err = run(
        *SPLIT, "--quick", "-m", "reversal,factor-neutral", "--inputs", "causal", "--jobs", 2
    )
    assert code == 0, err
    assert "Only the first 24 of the file's 40 stocks were ranked" in out
    figures = RankingResult.model_validate_json((tmp_path / "benchmark-ranking/benchmark.json").read_bytes())
    assert figures.stocks == 24
    assert [row.epochs for row in figures.rows] == [[0], [1]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "oracle"], "Known: level, reversal"),
        (["--validation-from", "165"], "Set --validation-from and --test-from"),
        (["--test-from", "5000"], "Set --validation-from and --test-from"),
        (["--seeds", "0"], "--seeds"),
        (["--inputs", "both-of-them"], "--inputs"),
    ],
)
def test_bad_usage_says_what_to_do(run, tmp_path, words, said):
    code, _, err = run(*SPLIT, *words)
    assert code == 2
    assert said in err
    assert not (tmp_path / "benchmark-ranking/benchmark.json").exists()


def test_a_missing_file_or_one_of_another_shape_is_named(run, tmp_path):
    code, _, err = run(data="absent.npz")
    assert code == 2
    assert "absent.npz" in err
    assert "Name the file with --data" in err
    np.savez(tmp_path / "flat.npz", features=np.ones((40, 200)), tickers=np.arange(40))
    code, _, err = run(data="flat.npz")
    assert code == 2
    assert "expected features [stocks, days, 5]" in err


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    for module in [name for name in sys.modules if name.startswith(("tickgraph.lab", "benchmarks.ranking."))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "arch.bootstrap", None)
    code, _, err = run(*SPLIT)
    assert code == 2
    assert 'needs the extra "evaluate"' in err


def test_the_help_names_every_row():
    listed = ranking.rank.__doc__.split("Rows:")[1].strip().rstrip(".")
    assert [name.strip() for name in listed.split(",")] == list(entries(1))
