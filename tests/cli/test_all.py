"""ALL is the ticker of Allstate among arguments; every symbol has other spellings."""

from __future__ import annotations

import json

import pytest

from tickgraph.registry.registry import ModelRegistry


@pytest.fixture
def folders(sample, tmp_path):
    """A file of three symbols, one of them ALL, and where models and prices go."""
    bars = sample.fetch(["AAPL", "MSFT", "JPM"]).bars.groupby("symbol").tail(330)
    bars.replace({"symbol": {"JPM": "ALL"}}).to_csv(tmp_path / "mine.csv", index=False)
    return ["--models-dir", tmp_path / "m", "--prices-dir", tmp_path / "p"]


def test_allstate_is_forecast_shown_and_removed_alone(command, folders, tmp_path):
    files = ["--source", "files", "--source-path", "mine.csv"]
    code, out, err = command(
        "train", "--all", *files, "--sessions", "250", "--epochs", "1", "--horizons", "none", *folders
    )
    assert code == 0, err
    assert "3 trained" in out
    assert "ALL stands for" not in err
    _, out, err = command("predict", "ALL", *files, "--json", *folders)
    assert json.loads(out)["symbol"] == "ALL"
    assert "is a ticker here" not in err
    assert "ALL" in command("inspect", "ALL", *folders[:2])[1]
    assert "1 removed, 2 left" in command("remove", "ALL", "--yes", *folders[:2])[1]
    assert ModelRegistry(tmp_path / "m").symbols() == ("AAPL", "MSFT")
    _, out, err = command("predict", "ALL", *files, "--json", *folders)
    assert json.loads(out)["symbol"] == "ALL"
    assert "ALL is a ticker here (Allstate). For every trained symbol use --all." in err


def test_all_as_an_option_is_every_symbol_with_a_note_and_a_star_without(command, folders):
    _, out, err = command("prices", "import", "mine.csv", "-s", "ALL", *folders[2:])
    assert "3 symbols" in out
    assert "ALL stands for all 3 symbols, and one of them is named ALL" in err
    _, out, err = command("prices", "import", "mine.csv", "-s", "*", *folders[2:])
    assert "3 symbols" in out
    assert "ALL" not in err
    _, out, _ = command("prices", "import", "mine.csv", "-s", "ALL.US", *folders[2:])
    assert "1 symbol, " in out


def test_train_takes_symbols_as_arguments_and_without_any_trains_every_symbol_of_files(command, folders):
    brief = ["--epochs", 1, "--sessions", 250, "--horizons", "none", "--json", "--workers", 1, *folders]
    mine = ["--source", "files", "--source-path", "mine.csv"]
    code, out, err = command("train", "ALL", *mine, *brief)
    assert (code, list(json.loads(out)["trained"])) == (0, ["ALL"]), err
    code, out, err = command("train", "aapl,MSFT", "-s", "ALL.US", *mine, *brief)
    assert (code, set(json.loads(out)["trained"])) == (0, {"AAPL", "MSFT", "ALL"}), err
    code, out, err = command("train", *mine, *brief)
    assert (code, set(json.loads(out)["trained"])) == (0, {"AAPL", "MSFT", "ALL"}), err
    code, _, err = command("train", "AAPL", "--all", *mine, *brief)
    assert (code, "Name symbols or use --all, not both" in err) == (2, True)


def test_a_check_before_anything_is_stored_names_the_file_to_check(command, folders, tmp_path):
    (tmp_path / "tickgraph.toml").write_text('source = "files"\nsource_path = "mine.csv"\n')
    code, _, err = command("prices", "check", *folders[2:])
    assert (code, "run: tickgraph prices check mine.csv" in " ".join(err.split())) == (4, True)
    assert command("prices", "check", "mine.csv", *folders[2:])[0] == 0


def test_a_refresh_says_that_it_is_a_ticker(command, registry, prices_dir):
    words = ["refresh", "ALL", "--dry-run", "--models-dir", registry.root, "--prices-dir", prices_dir]
    _, _, err = command(*words)
    assert "ALL is a ticker here (Allstate). For every model leave SYMBOLS out." in err
