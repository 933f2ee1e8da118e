"""The commands outlive whatever stands in the place of one model's files, and `train` and `remove` mend it."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from placed import put
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


@pytest.fixture
def here(registry, prices_dir, tmp_path):
    return ("--models-dir", registry.root, "--prices-dir", prices_dir)


@pytest.fixture(
    params=[
        ("a link to itself", "weights"),
        ("a named pipe", "correlations"),
        ("a folder", "metadata"),
        ("a link to itself", "metadata"),
    ],
    ids=" as ".join,
)
def spoilt(request, registry):
    kind, part = request.param
    put(kind, getattr(registry.paths("AAPL"), part))
    return part


def test_every_command_names_it_and_goes_on(command, here, spoilt):
    models = here[:2]
    code, out, err = command("list", "--json", *models)
    found = json.loads(out)
    assert {"JPM", "MSFT", "XOM"} <= set(found["models"])
    assert code == (5 if spoilt == "metadata" else 0)
    assert ("AAPL_metadata.json is damaged or foreign" in err) == (spoilt == "metadata")
    code, _, err = command("inspect", "AAPL", *models)
    assert (code, "AAPL" in err) == (5, True)
    code, out, _ = command("status", "--json", *here)
    status = json.loads(out)["symbols"]
    assert status["AAPL"]["state"] == "failed"
    assert "AAPL" in status["AAPL"]["problems"][0]
    code, out, _ = command("predict", "--all", "--json", *here)
    assert code == 3
    assert {"JPM", "MSFT", "XOM"} == set(json.loads(out)["forecasts"])
    assert command("predict", "AAPL", *here)[0] == 5


def test_removing_it_is_possible_and_says_how_many_are_left(command, registry, here, spoilt):
    code, out, _ = command("remove", "AAPL", "--yes", *here[:2])
    assert code == 0
    assert "1 removed, 3 left" in out
    assert not registry.holds("AAPL")


def test_one_that_cannot_be_removed_keeps_none_of_the_others(command, registry, here):
    shutil.rmtree(registry.root / ".locks", ignore_errors=True)
    (registry.root / ".locks" / "JPM.lock").mkdir(parents=True)
    code, out, err = command("remove", "JPM", "XOM", "--yes", *here[:2])
    assert code == 3
    assert "1 removed, 3 left" in out
    assert "JPM.lock is a folder, where a lock file belongs. Remove it." in err
    assert registry.symbols() == ("AAPL", "JPM", "MSFT")


def test_an_unforeseen_error_of_one_symbol_is_its_own(command, registry, here, monkeypatch):
    real = ModelRegistry.metadata

    def fail(self, symbol):
        if symbol == "JPM":
            raise ZeroDivisionError("of no one's making")
        return real(self, symbol)

    monkeypatch.setattr(ModelRegistry, "metadata", fail)
    code, out, err = command("list", "--json", *here[:2])
    assert code == 5
    assert set(json.loads(out)["models"]) == {"AAPL", "MSFT", "XOM"}
    assert "JPM: an unforeseen error, ZeroDivisionError: of no one's making" in err


def test_weights_that_give_no_number_are_no_forecast(command, registry, here):
    stored = registry.load("AAPL", weight_shapes)
    weights = {path: value * np.float32(1e30) for path, value in stored.weights.items()}
    registry.publish(stored.metadata, weights, stored.correlation)
    code, out, _ = command("predict", "AAPL", "--json", *here)
    assert code == 5
    assert "The model of AAPL is refused: its forecast is no number" in json.loads(out)["error"]["message"]
    code, out, _ = command("predict", "--all", "--json", *here)
    assert code == 3
    assert set(json.loads(out)["forecasts"]) == {"JPM", "MSFT", "XOM"}
    assert "NaN" not in out


def test_metadata_that_is_lost_is_said(command, registry, here):
    registry.paths("JPM").metadata.unlink()
    code, _, err = command("list", *here[:2])
    assert code == 0
    assert "JPM: weights or correlations without metadata" in err
    for path in (registry.root / "metadata").iterdir():
        path.unlink()
    for words in (("list",), ("predict", "AAPL"), ("predict", "--all"), ("status",)):
        code, _, err = command(*words, *(here[:2] if words == ("list",) else here))
        assert (code, "was not emptied by tickgraph remove" in err) == (7, True), words
    assert command("remove", "AAPL", "JPM", "MSFT", "XOM", "--yes", *here[:2])[0] == 0
    assert command("list", *here[:2])[0] == 0
