"""`tickgraph remove` withdraws models, and asks before it does."""

from __future__ import annotations

import typer

from tickgraph.registry.registry import ModelRegistry


def files(root):
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_the_models_named_are_gone_with_all_their_files_and_the_others_stay(command, registry):
    code, out, _ = command("remove", "jpm,XOM", "--yes", "--models-dir", registry.root)
    assert code == 0
    assert "2 removed, 2 left" in out
    assert ModelRegistry(registry.root).symbols() == ("AAPL", "MSFT")
    assert not [name for name in files(registry.root) if name.startswith(("JPM", "XOM"))]


def test_a_damaged_model_can_be_removed_too(command, registry):
    registry.paths("JPM").metadata.write_text("{}")
    assert command("remove", "JPM", "--yes", "--models-dir", registry.root)[0] == 0
    assert "JPM" not in registry.symbols()


def test_one_without_a_model_is_an_error_and_nothing_is_removed(command, registry):
    before = files(registry.root)
    code, _, err = command("remove", "AAPL", "APPL", "--yes", "--models-dir", registry.root)
    assert code == 5
    assert "No model of APPL" in err
    assert "AAPL" in err
    assert files(registry.root) == before


def test_without_a_yes_nothing_is_removed(command, registry, monkeypatch):
    def decline(*_, **__):
        raise typer.Abort

    monkeypatch.setattr("typer.confirm", decline)
    code, _, _ = command("remove", "AAPL", "--models-dir", registry.root)
    assert code == 1
    assert "AAPL" in registry.symbols()


def test_it_says_that_a_refresh_will_train_it_again(command, registry, tmp_path):
    (tmp_path / "tickgraph.toml").write_text('universe = ["AAPL", "JPM"]')
    _, _, err = command("remove", "JPM", "--yes", "--models-dir", registry.root)
    assert "the setting `universe` names JPM, so the next refresh trains it again" in err


def test_all_is_a_ticker_and_withdraws_no_other_model(command, registry):
    before = files(registry.root)
    code, _, err = command("remove", "ALL", "--yes", "--models-dir", registry.root)
    assert (code, files(registry.root)) == (5, before)
    assert "No model of ALL" in err


def test_every_model_is_withdrawn_by_a_flag_alone(command, registry):
    assert command("remove", "--yes", "--models-dir", registry.root)[0] == 2
    assert command("remove", "AAPL", "--all", "--yes", "--models-dir", registry.root)[0] == 2
    assert len(registry.symbols()) == 4
    code, out, _ = command("remove", "--all", "--yes", "--models-dir", registry.root)
    assert code == 0
    assert "4 removed, 0 left" in out
    assert command("remove", "--all", "--yes", "--models-dir", registry.root)[0] == 2
