"""The commands as a person or a program runs them, in process; test_process.py runs real processes."""

from __future__ import annotations

import errno
import json
import os

import pytest

from made_prices import walk
from made_walk_forward import made_horizon_walk_forward, made_walk_forward
from tickgraph.market.store import PriceStore
from tickgraph.registry.registry import ModelRegistry

QUICK = ["--epochs", "1", "--sessions", "250", "--horizons", "none"]


@pytest.fixture
def run(command):
    return command


@pytest.fixture
def here(registry, prices_dir):
    """Flags for a registry of the test's own and the shared prices."""
    return ["--models-dir", registry.root, "--prices-dir", prices_dir]


def test_train_then_predict(run, tmp_path):
    code, out, err = run("train", "--symbols", "AAPL,MSFT", *QUICK)
    assert code == 0, err
    assert "2 trained, 0 failed" in out
    assert "beat forecasting no move" in out
    assert (tmp_path / "models/gnn/weights/AAPL.weights.h5").is_file()
    assert (tmp_path / "prices/sample/AAPL.parquet").is_file()
    code, out, _ = run("predict", "AAPL", "--price", "130")
    assert code == 0
    for text in ("forecast", "130.00  (request)", "80% interval", "confidence", "pre-trained", "STALE by"):
        assert text in out


def test_train_reports_as_json(run):
    code, out, _ = run("train", "-s", "JPM", *QUICK, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["trained"]["JPM"]["training_config"]["epochs"] == 1
    assert report["failed"] == {}


def test_a_group_skips_what_the_sample_lacks(run):
    code, out, err = run("train", "-s", "index funds,AAPL", *QUICK)
    assert code == 0
    assert "skipped, not available from source 'sample': SPY, QQQ, IWM, DIA" in err
    assert "1 trained, 0 failed" in out


def test_a_named_symbol_without_prices_fails_and_the_others_go_on(run):
    code, out, _ = run("train", "-s", "AAPL", "-s", "SPY", *QUICK)
    assert code == 3
    assert "1 trained, 1 failed" in out


def test_an_old_name_is_followed_and_said(run):
    code, _, err = run("train", "-s", "SQ", *QUICK)
    assert code == 0
    assert "SQ has traded as XYZ since 2025-01-21" in err
    code, out, _ = run("predict", "SQ", "--json")
    assert json.loads(out)["symbol"] == "XYZ"


def test_predict_as_json_is_one_document(run, here):
    code, out, _ = run("predict", "AAPL", "--price", "130", "--json", *here)
    answer = json.loads(out)
    assert code == 0
    assert answer["price"] == 130
    assert {
        "prediction",
        "predicted_return",
        "intervals",
        "confidence",
        "as_of",
        "status",
        "prices_source",
    } <= set(answer)


def test_predict_several_and_all(run, here):
    code, out, _ = run("predict", "AAPL", "MSFT", "--price", "AAPL=130", "--json", *here)
    answers = json.loads(out)["forecasts"]
    assert code == 0
    assert answers["AAPL"]["price_source"] == "request"
    assert answers["MSFT"]["price_source"] == "last close"
    code, out, err = run("predict", "--all", *here)
    assert code == 0
    assert all(symbol in out for symbol in ("AAPL", "JPM", "MSFT", "XOM"))
    assert "976 completed" in err or "completed sessions are missing (4 of 4)" in err


def test_predict_takes_the_prices_of_the_only_source_that_has_them(command, tmp_path):
    PriceStore(tmp_path / "prices").write("files", walk(["DLTA"], count=300))
    where = ("--prices-dir", tmp_path / "prices", "--models-dir", tmp_path / "models")
    code, out, err = command("predict", "DLTA", "--json", *where)
    answer = json.loads(out)
    assert (code, answer["status"], answer["prices_source"]) == (0, "momentum", "files")
    assert "DLTA: no prices from source 'sample' are stored; those from 'files' are used" in err


def test_predict_falls_back_as_asked(run, here):
    code, out, _ = run("predict", "TSLA", "--json", *here)
    assert (code, json.loads(out)["status"]) == (0, "momentum")
    code, _, err = run("predict", "TSLA", "--fallback", "none", *here)
    assert code == 5
    assert "tickgraph train --symbols TSLA" in err
    quick = {
        "TICKGRAPH_TRAINING__EPOCHS": "1",
        "TICKGRAPH_TRAINING__HORIZONS": "[]",
        "TICKGRAPH_TRAINING__SESSIONS": "250",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in quick.items():
            patch.setenv(name, value)
        code, out, _ = run("predict", "TSLA", "--fallback", "train", "--json", *here)
    assert (code, json.loads(out)["status"]) == (0, "trained-on-demand")


def test_list_and_inspect(run, here, registry):
    code, out, _ = run("list", "--models-dir", registry.root)
    assert code == 0
    assert "4 trained models" in out
    code, out, _ = run("list", "--json", "--models-dir", registry.root)
    assert set(json.loads(out)["models"]) == {"AAPL", "JPM", "MSFT", "XOM"}
    code, out, _ = run("inspect", "aapl", "--models-dir", registry.root)
    assert code == 0
    for text in ("verified", "residual", "9,025 parameters", "beats zero", "hit rate"):
        assert text in out
    code, out, _ = run("inspect", "AAPL", "--json", "--models-dir", registry.root)
    assert json.loads(out)["verified"] is True


def test_inspect_shows_the_fit_of_the_universe_and_what_it_held_out(run, drawn):
    fit = drawn.universe.fit("sample")
    code, out, _ = run("inspect", "AAPL", "--models-dir", drawn.root)
    assert code == 0
    assert f"fit {fit.version}, 8 symbols of sample up to 2022-12-30 " in out
    rows = {line[:20].strip(): line.split()[-2:] for line in out.splitlines()}
    assert rows["sessions ahead"] == ["1", "5"]
    assert rows["linear path"] == [f"{value:.3f}" for value in fit.qlike[1]]


@pytest.mark.parametrize(
    ("horizons", "match"),
    [
        ("1,x", "--horizons 1,x is no list of numbers of sessions"),
        ("5,21", "horizons must ascend from 1"),
        ("1,100", "from 1 to 63"),
    ],
)
def test_horizons_that_cannot_be_are_refused(run, here, horizons, match):
    code, _, err = run("train", "-s", "AAPL", "--horizons", horizons, *here)
    assert code == 2
    assert match in err


def test_a_run_on_few_prices_says_what_its_models_are_drawn_to(run, prices_dir, tmp_path):
    folders = ["--prices-dir", prices_dir, "--models-dir", tmp_path / "models"]
    pool = ["--peer-pool", "AAPL,JPM,MSFT", "--peers", "3"]
    code, _, err = run("train", "-s", "AAPL", "--epochs", "1", *pool, "--as-of", "2022-12-15", *folders)
    assert code == 0
    assert "models use the one that ships, of 42 symbols" in " ".join(err.split())
    _, out, _ = run("inspect", "AAPL", "--models-dir", tmp_path / "models")
    assert "LATER than its own prices: no test of it" in " ".join(out.split())


def test_list_and_inspect_show_walk_forward_figures_where_there_are_some(run, registry, config, panel):
    _, out, _ = run("list", "--models-dir", registry.root)
    assert "walk IC" not in out
    _, out, _ = run("inspect", "AAPL", "--models-dir", registry.root)
    assert "walk-forward" not in out
    registry.record_evaluation("AAPL", made_walk_forward(config, panel.symbols))
    code, out, _ = run("list", "--models-dir", registry.root)
    assert code == 0
    assert "walk IC" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert (rows["AAPL"][-1], rows["JPM"][-1]) == ("+0.031", "-")
    code, out, _ = run("inspect", "AAPL", "--models-dir", registry.root)
    assert code == 0
    for text in (
        "2018-01-02 to 2022-12-29, 1260 forecasts, 20 trainings, rolling",
        "sample, version 3f9c2a71, 42 symbols",
        "+0.031 (-0.025 to +0.087)",
        "51.4% (48.7% to 54.1%)",
        "-1.23% (-3.01% to +0.44%)",
        "80% interval 80.2% (78.0% to 82.3%)",
        "gnn-per-symbol: IC +0.011 (+0.001 to +0.021), vs zero -2.10%",
        "ridge: IC +0.015",
        "Those that failed are not among them.",
    ):
        assert text in out
    _, out, _ = run("inspect", "AAPL", "--json", "--models-dir", registry.root)
    assert json.loads(out)["metadata"]["evaluation"]["figures"]["hit_rate"]["value"] == 0.514


def test_inspect_shows_figures_by_horizon_where_there_are_some(run, drawn, few):
    figures = made_horizon_walk_forward(drawn.metadata("AAPL").training_config, few.symbols)
    assert drawn.record_evaluation("AAPL", figures) is None
    code, out, _ = run("inspect", "AAPL", "--models-dir", drawn.root)
    assert code == 0
    assert "2018-01-02 to 2022-12-29, walk-forward, fitted every 21 sessions" in out
    assert "network, on sample, version 3f9c2a71, 8 symbols" in out
    rows = {line[:20].strip(): line.split()[-2:] for line in out.splitlines()}
    assert rows["QLIKE"] == ["0.412", "0.266"]
    assert rows["own HAR"] == ["0.431", "0.297"]
    assert rows["CRPS"] == ["0.91%", "2.04%"]
    assert rows["log-normal"] == ["0.94%", "2.10%"]
    assert rows["80% holds"] == ["79.7%", "79.7%"]
    assert rows["QLIKE, all"] == ["0.401", "0.255"]


def test_refresh_and_prices(run, here, registry, tmp_path):
    code, out, _ = run("refresh", "--no-retrain", *here)
    assert code == 0
    assert "4 already current" in out
    code, out, _ = run("refresh", "AAPL", "--force", "--no-update", "--no-retrain", "--json", *here)
    assert json.loads(out)["published"] == {"AAPL": "2022-12-30"}
    code, out, _ = run("prices", "check", "--json", *here[2:])
    assert code == 0
    assert len(json.loads(out)["symbols"]) == 42
    code, out, _ = run("prices", "show", *here[2:])
    assert "42 symbols from source 'sample'" in out


def test_own_files_are_imported_trained_and_forecast(run, sample, tmp_path):
    sample.fetch(["AAPL", "MSFT", "JPM"]).bars.to_csv(tmp_path / "mine.csv", index=False)
    code, out, _ = run("prices", "import", "mine.csv")
    assert code == 0
    assert "3 symbols, 6,798 new sessions" in out
    apart = ("--prices-dir", "apart")
    run("prices", "import", "mine.csv", *apart)
    for command, wanted in (("check", 4), ("show", 0)):  # the source is sample, and the store has none of it
        code, _, err = run("prices", command, *apart)
        assert (code, "There are prices from files: --source files" in err) == (wanted, True)
    code, _, err = run("train", "-s", "ALL", "--source", "files", "--source-path", "mine.csv", *QUICK)
    assert code == 0, err
    code, out, _ = run("predict", "AAPL", "--json")
    assert json.loads(out)["prices_source"] == "files"


def contents(root):
    return {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".lock"}


BAD = [
    (["predict", "../../etc/passwd"], 2, "is not a symbol"),
    (["predict", "AAPL", "--price", "-5"], 2, "positive number"),
    (["predict", "AAPL", "--price", "cheap"], 2, "positive number"),
    (["predict", "AAPL", "MSFT", "--price", "5"], 2, "fits one symbol"),
    (["predict", "AAPL", "--price", "XOM=5"], 2, "not among the symbols"),
    (["predict", "AAPL", "--price", "1.79e308"], 2, "1,000,000,000 dollars at most"),
    (["predict", "AAPL", "--price", "1_000"], 2, "Write digits and a point"),
    (["predict", "AAPL", "--price", "AAPL=\uff15"], 2, "Write digits and a point"),
    (["predict", "AAPL", "--price", "AAPL=31", "--price", "40"], 2, "AAPL is given two prices, 31 and 40."),
    (
        ["predict", "BRK-B", "--price", "BRK.B=1", "--price", "BRK/B=2"],
        2,
        "BRK-B is given two prices, 1 and 2.",
    ),
    (["predict", "VOD.L"], 2, "marked as one of London (XLON)"),
    (["predict", "*"], 2, "stands for every symbol"),
    (["train", "--all", "-s", "AAPL"], 2, "Name symbols or use --all, not both"),
    (["refresh", "*"], 2, "stands for every symbol"),
    (["predict", "AAPL", "--as-of", "yesterday"], 2, "not a date"),
    (["predict", "AAPL", "--as-of", "1999-01-01"], 2, "Empty date range"),
    (["predict"], 2, "Name symbols"),
    (["predict", "ZZZZ"], 4, "No prices of ZZZZ are stored"),
    (["predict", "AAPL", "--fallback", "guess"], 2, "fallback"),
    (["inspect", "TSLA"], 5, "No model of TSLA"),
    (["train", "-s", "AAPL", "--source", "bloomberg"], 2, "source"),
    (["train", "-s", "AAPL", "--source", "files"], 2, "needs a path"),
    (["train", "-s", "AAPL", "--source", "files", "--source-path", "none.csv"], 4, "does not exist"),
    (["train", "-s", ","], 2, "No symbols were named"),
    (["train", "-s", "AAPL", "--sessions", "5"], 2, "training.sessions"),
    (["train", "-s", "AAPL", "--as-of", "1999-01-01"], 2, "Empty date range"),
    (
        ["train", "-s", "ABNB", "--as-of", "2021-06-30", "--min-sessions", "250"],
        4,
        "History too short for ABNB",
    ),
    (["--config", "none.toml", "list"], 2, "none.toml does not exist"),
]


@pytest.mark.parametrize(
    ("words", "code", "message"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_gets_a_clear_error_and_its_exit_code(run, here, registry, words, code, message):
    before = contents(registry.root)
    flags = [] if words[0] == "--config" else here[:2] if words[0] == "inspect" else here
    got, out, err = run(*words, *flags)
    assert got == code, err
    assert message in err
    assert "Traceback" not in err
    assert out == "" or "trained" in out
    assert contents(registry.root) == before


def test_errors_are_json_too_where_a_program_reads(run, here):
    code, out, _ = run("predict", "../x", "--json", *here)
    error = json.loads(out)["error"]
    assert (code, error["kind"], error["exit_code"]) == (2, "SymbolError", 2)


def test_a_damaged_model_is_named(run, here, registry):
    path = registry.paths("AAPL").weights
    path.write_bytes(b"not hdf5")
    code, _, err = run("predict", "AAPL", *here)
    assert code == 5
    assert "AAPL.weights.h5 is damaged or foreign" in err
    assert run("inspect", "AAPL", *here[:2])[0] == 5
    code, out, err = run("predict", "--all", *here)
    assert code == 3
    assert "MSFT" in out
    registry.paths("MSFT").metadata.write_text("{")
    assert run("list", *here[:2])[0] == 5


@pytest.mark.parametrize(("code", "remedy"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_a_full_disk_and_a_read_only_folder_are_named(run, here, registry, monkeypatch, code, remedy):
    generation = registry.generation("AAPL")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    got, _, err = run("train", "-s", "AAPL", *QUICK, *here)
    assert got == 7
    assert remedy in err
    assert ModelRegistry(registry.root).generation("AAPL") == generation


def test_bad_prices_are_refused_by_symbol_and_date(run, sample, tmp_path):
    bars = sample.fetch(["AAPL", "MSFT"]).bars
    bars.loc[100, "close"] = -1.0
    bars.to_csv(tmp_path / "bad.csv", index=False)
    code, out, _ = run("prices", "check", "bad.csv", "--json")
    assert code == 4
    assert json.loads(out)["findings"][0]["session"] == "2014-05-28"
    code, _, err = run("prices", "import", "bad.csv")
    assert code == 3
    assert "AAPL 2014-05-28: price not positive" in err


def test_settings_come_from_flags_then_environment_then_file(run, here, registry, tmp_path, monkeypatch):
    (tmp_path / "tickgraph.toml").write_text(
        f"models_dir = '{registry.root}'\nfallback = 'none'\n"
        "[training]\nepochs = 7\nsessions = 300\nmin_sessions = 200\n"
    )
    assert run("list")[0] == 0
    from tickgraph.settings import load_settings

    settings = load_settings(training={"seed": 9})
    assert (settings.training.epochs, settings.training.sessions, settings.training.seed) == (7, 300, 9)
    monkeypatch.setenv("TICKGRAPH_TRAINING__EPOCHS", "8")
    assert load_settings().training.epochs == 8
    assert load_settings(training={"epochs": 9}).training.epochs == 9
    assert load_settings(fallback="train").fallback == "train"
    (tmp_path / "tickgraph.toml").write_text("modles_dir = 'x'\n")
    code, _, err = run("list")
    assert code == 2
    assert "modles_dir" in err
    (tmp_path / "tickgraph.toml").write_text("= broken")
    assert run("list")[0] == 2


def test_help_teaches(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "tickgraph predict AAPL --price 130" in out
    assert "Exit codes" in out
    for command in ("train", "predict", "refresh", "list", "inspect", "prices"):
        assert run(command, "--help")[0] == 0


def test_the_handed_down_network_is_trained_by_name(run, here):
    code, _, err = run("train", "-s", "AAPL", "--architecture", "baseline", "--epochs", "1", *here)
    assert code == 0, err
    out = run("inspect", "AAPL", *here[:2])[1]
    assert "baseline" in out
    assert "8,705 parameters" in out


def test_an_architecture_that_does_not_exist_is_refused(run, here):
    code, _, err = run("train", "-s", "AAPL", "--architecture", "transformer", *here)
    assert code == 2
    assert "baseline" in err
    assert "residual" in err


def test_prices_check_names_a_damaged_file_and_repair_mends_it(run, tmp_path):
    here = ("--prices-dir", tmp_path / "prices")
    assert run("prices", "update", "-s", "AAPL,JPM", *here)[0] == 0
    path = tmp_path / "prices" / "sample" / "AAPL.parquet"
    data = bytearray(path.read_bytes())
    data[400] ^= 255
    path.write_bytes(data)
    code, out, _ = run("prices", "check", "--json", *here)
    assert code == 4
    assert [(f["symbol"], f["kind"]) for f in json.loads(out)["findings"] if f["severity"] == "error"] == [
        ("AAPL", "damaged file")
    ]
    code, out, err = run("prices", "repair", "--dry-run", *here)
    assert (code, path.read_bytes()) == (0, bytes(data))
    assert "AAPL: damaged file; its whole history would be fetched again" in err
    code, out, _ = run("prices", "repair", "--json", *here)
    assert (code, json.loads(out)["rebuilt"]) == (0, {"AAPL": "damaged file"})
    assert run("prices", "check", *here)[0] == 0
    code, out, _ = run("prices", "show", "--json", *here)
    assert [(held["symbol"], held["provider"], held["revised_at"]) for held in json.loads(out)] == [
        ("AAPL", "sample", None),
        ("JPM", "sample", None),
    ]
