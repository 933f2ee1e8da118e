"""``tickgraph evaluate`` as a person or a program runs it."""

from __future__ import annotations

import json
import sys

import pytest

from tickgraph import storage
from tickgraph.cli.evaluate import QUICK_EPOCHS
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.model.training_config import TrainingConfig
from tickgraph.pipeline.engines import LocalEngine
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry

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
def run(command, monkeypatch):
    def call(*words):
        for name, value in {
            "EPOCHS": "1",
            "MIN_SESSIONS": "100",
            "NUM_STOCKS": "4",
            "HIDDEN_DIM": "8",
        }.items():
            monkeypatch.setenv(f"TICKGRAPH_TRAINING__{name}", value)
        return command("evaluate", *words)

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
    assert "reused 6 forecasts of an earlier run with the same settings" in err
    again = json.loads(out)
    assert again["findings"] == figures.findings
    code, _, err = run(*TINY, "-f", "zero,reversal", "--fresh")
    assert code == 0
    assert "reused" not in err


def test_an_evaluation_by_horizon_writes_its_section_and_is_taken_up_again(run, tmp_path):
    words = ["-f", "lognormal-20,har,graph-har", "--horizons", "1,5", "--refit-every", "60", *TINY]
    code, out, err = run(*words)
    assert code == 0, err
    assert "forecast graph-har by horizon" in err
    for text in ("By horizon, out of sample: 2022-09-01 to", "3 forecasters by horizon, 4 symbols in"):
        assert text in out
    assert "What the graph is worth to a regression" in out
    page = (tmp_path / "evaluation/evaluation.html").read_text("utf-8")
    assert "How far prices move, by horizon" in page
    figures = Evaluation.model_validate_json((tmp_path / "evaluation/evaluation.json").read_bytes())
    assert (figures.forecasters, figures.windows, figures.horizons.horizons) == ([], [], [1, 5])
    code, out, err = run(*words, "--json")
    assert code == 0
    assert "reused 3 forecasts" in err
    again = Evaluation.model_validate_json(out).horizons
    assert [own.ratio.value for own in again.comparisons] == pytest.approx(
        [own.ratio.value for own in figures.horizons.comparisons], rel=1e-5
    )


def test_both_parts_stand_in_one_document(run, tmp_path):
    code, out, err = run(*TINY, "-f", "zero,momentum,lognormal-60,ewma", "--horizons", "1,5")
    assert code == 0, err
    assert "2 forecasters, 2 windows, 2 forecasters by horizon, 4 symbols in" in out
    figures = Evaluation.model_validate_json((tmp_path / "evaluation/evaluation.json").read_bytes())
    assert [own.name for own in figures.forecasters] == ["zero", "momentum"]
    assert [own.name for own in figures.horizons.forecasters] == ["lognormal-60", "ewma"]


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
        (["--train-sessions", "10"], 2, "50 or more was expected"),
        (["--start", "soon"], 2, "is not a date"),
        (["--top-k", "3"], 2, "Lower --top-k"),
        (["--costs", "-1"], 2, "cost_basis_points"),
        (["--horizons", "5,1"], 2, "expected ascending numbers of sessions"),
        (["--horizons", "soon"], 2, "horizons"),
        (["-f", "har", "--start", "2014-03-01"], 4, "Cannot forecast by horizon from 2014-03-01"),
        (["-f", "har", "--train-sessions", "5000"], 4, "History too short to evaluate by horizon"),
    ],
)
def test_bad_usage_says_what_to_do(run, tmp_path, words, code, said):
    got, _, err = run(*TINY, *words)
    assert got == code
    assert said in err
    assert not (tmp_path / "evaluation/evaluation.json").exists()


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("tickgraph.lab.evaluation")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "arch.bootstrap", None)
    code, _, err = run(*TINY)
    assert code == 2
    assert 'needs the extra "evaluate"' in err


class TestRecording:
    """Models of two symbols: AAPL's trained as it is evaluated, JPM's for one epoch more."""

    WORDS = (*TINY, "-f", "zero,reversal,gnn-per-symbol")
    SETTINGS = TrainingConfig(
        epochs=1, sessions=120, min_sessions=100, num_stocks=4, hidden_dim=8, horizons=()
    )

    @pytest.fixture
    def models(self, panel, tmp_path):
        models, pool = ModelRegistry(tmp_path / "mine" / "gnn"), ("AAPL", "JPM", "MSFT", "XOM")
        for symbol, epochs in (("AAPL", 1), ("JPM", 2)):
            settings = self.SETTINGS.model_copy(update={"epochs": epochs})
            train_symbols(panel, [symbol], models, config=settings, pool=pool, engine=LocalEngine(1))
        return models

    def test_figures_enter_the_metadata_of_models_trained_so_and_are_shown(self, run, models, tmp_path):
        before = models.generation("JPM")
        code, _, err = run(*self.WORDS, "--models-dir", models.root)
        assert code == 0, err
        assert "figures of the next return recorded in 1 of 2 evaluated models" in err
        assert (
            "figures of the next return not recorded in JPM: trained with other settings (epochs 2, evaluated 1)"
            in err
        )
        assert models.generation("JPM") == before
        walk = models.metadata("AAPL").evaluation
        figures = Evaluation.model_validate_json((tmp_path / "evaluation/evaluation.json").read_bytes())
        assert walk.measured_at == figures.created
        assert walk.training_config.model_dump() == self.SETTINGS.model_dump()
        assert (walk.best_baseline.forecaster, walk.symbols) == ("reversal", ("AAPL", "JPM", "MSFT", "XOM"))

    def test_they_are_left_as_they_are_where_that_is_asked_for(self, run, models):
        before = models.generation("AAPL")
        code, _, err = run(*self.WORDS, "--models-dir", models.root, "--no-record")
        assert (code, models.generation("AAPL")) == (0, before)
        assert "recorded" not in err

    def test_a_quick_run_never_records(self, run, models, panel):
        quick = self.SETTINGS.model_copy(update={"epochs": QUICK_EPOCHS})
        train_symbols(panel, ["AAPL"], models, config=quick, pool=["AAPL", "JPM", "MSFT", "XOM"])
        before = models.generation("AAPL")
        code, _, err = run(*self.WORDS, "--models-dir", models.root, "--quick")
        assert (code, models.generation("AAPL")) == (0, before)
        assert "recorded" not in err

    def test_models_that_cannot_be_written_fail_after_the_figures_are_told(self, run, models, monkeypatch):
        monkeypatch.setattr(storage, "WAIT_SECONDS", 0.05)
        with ModelRegistry(models.root)._shelf.alone("AAPL"):
            code, out, err = run(*self.WORDS, "--models-dir", models.root, "--json")
        assert code == 7
        assert Evaluation.model_validate_json(out).symbols == ["AAPL", "JPM", "MSFT", "XOM"]
        assert "Figures of the next return were not recorded" in err
        assert "AAPL.lock is held by another writer" in err


@pytest.mark.parametrize(
    ("part", "heading"),
    [
        ("returns", "Forecasters of returns:"),
        ("horizons", "Forecasters by horizon:"),
        ("strategies", "Strategies:"),
    ],
)
def test_the_help_names_every_forecaster(part, heading):
    from tickgraph.cli.evaluate import evaluate
    from tickgraph.lab.joined_evaluation import GROUPS

    listed = evaluate.__doc__.split(heading)[1].split("\n\n")[0].strip().rstrip(".")
    assert tuple(name.strip() for name in listed.split(",")) == GROUPS[part]
