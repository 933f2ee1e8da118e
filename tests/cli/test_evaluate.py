"""``tickgraph evaluate`` as a person or a program runs it."""

from __future__ import annotations

import json
import sys

import pytest

from tickgraph.cli import main
from tickgraph.evaluation.result import Evaluation

TINY = [
    "-s",
    "AAPL,JPM,MSFT,XOM",
    "--train-sessions",
    "120",
    "--retrain-every",
    "60",
    "--start",
    "2022-09-01",
]


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["tickgraph", "evaluate", *map(str, words)])
        for name, value in {
            "EPOCHS": "1",
            "MIN_SESSIONS": "100",
            "NUM_STOCKS": "4",
            "HIDDEN_DIM": "8",
        }.items():
            monkeypatch.setenv(f"TICKGRAPH_TRAINING__{name}", value)
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_tiny_evaluation_writes_its_report_and_is_taken_up_again(run, tmp_path):
    names = ["-f", "zero,reversal,gnn-per-symbol"]
    code, out, err = run(*TINY, *names)
    assert code == 0, err
    assert "forecast gnn-per-symbol 2" in err
    for text in (
        "gnn-per-symbol",
        "reversal (baseline)",
        "still listed",
        "3 forecasters, 2 windows, 4 symbols",
    ):
        assert text in out or text in (tmp_path / "evaluation/evaluation.html").read_text("utf-8")
    figures = Evaluation.model_validate_json((tmp_path / "evaluation/evaluation.json").read_bytes())
    assert [own.name for own in figures.forecasters] == ["zero", "reversal", "gnn-per-symbol"]
    assert figures.source == "sample"
    code, out, err = run(*TINY, *names, "--json")
    assert code == 0
    assert "6 forecasts of an earlier run with the same settings were reused" in err
    again = json.loads(out)
    assert again["findings"] == figures.findings
    code, _, err = run(*TINY, "-f", "zero,reversal", "--fresh")
    assert code == 0
    assert "reused" not in err


def test_prices_come_from_a_file_as_for_training(run, panel, tmp_path):
    import pandas as pd

    rows = [
        pd.DataFrame(
            {
                "symbol": symbol,
                "date": panel.sessions,
                "close": panel.close[:, panel.column(symbol)],
                "adj_close": panel.adj_close[:, panel.column(symbol)],
                "volume": panel.volume[:, panel.column(symbol)],
            }
        )
        for symbol in ("AAPL", "JPM", "XOM")
    ]
    pd.concat(rows).to_parquet(tmp_path / "mine.parquet")
    code, out, err = run(
        *("--source", "files", "--source-path", "mine.parquet", "-f", "zero,momentum"),
        *TINY[2:],
    )
    assert code == 0, err
    assert "3 symbols" in out
    figures = json.loads((tmp_path / "evaluation/evaluation.json").read_text("utf-8"))
    assert figures["symbols"] == ["AAPL", "JPM", "XOM"]
    assert figures["source"] == "files mine.parquet"


def test_a_named_symbol_without_prices_is_left_out_and_said(run, tmp_path):
    code, _, err = run(*TINY, "-s", "SPY", "-f", "zero,momentum")
    assert code == 3
    assert "SPY is not in the bundled sample" in err
    figures = json.loads((tmp_path / "evaluation/evaluation.json").read_text("utf-8"))
    assert "SPY" in figures["left_out"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-f", "oracle"], 2, "Unknown forecaster oracle"),
        (["--start", "2014-03-01"], 4, "at the earliest"),
        (["--train-sessions", "5000"], 4, "History too short to evaluate"),
        (["--train-sessions", "10"], 2, "greater than or equal to 50"),
        (["--start", "soon"], 2, "is not a date"),
        (["--top-k", "3"], 2, "Lower --top-k"),
        (["--costs", "-1"], 2, "cost_basis_points"),
    ],
)
def test_bad_usage_says_what_to_do(run, tmp_path, words, code, said):
    got, _, err = run(*TINY, *words)
    assert got == code
    assert said in err
    assert not (tmp_path / "evaluation/evaluation.json").exists()


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("tickgraph.evaluation")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "arch.bootstrap", None)
    code, _, err = run(*TINY)
    assert code == 2
    assert 'pip install "tickgraph[evaluate]"' in err


def test_the_help_names_every_forecaster():
    from tickgraph.cli.evaluate import evaluate
    from tickgraph.evaluation.forecasters.catalogue import FORECASTERS

    listed = evaluate.__doc__.split("Forecasters:")[1].strip().rstrip(".")
    assert tuple(name.strip() for name in listed.split(",")) == FORECASTERS
