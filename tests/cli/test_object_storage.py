"""Commands on models that are on object storage."""

from __future__ import annotations

import json
import shutil

import pytest

import made_storage
from made_storage import Broken


@pytest.fixture
def place(storage, monkeypatch, tmp_path):
    """URL of models on object storage, as settings in the environment reach it."""
    monkeypatch.setenv("TICKGRAPH_STORAGE__ENDPOINT", storage.endpoint)
    monkeypatch.setenv("TICKGRAPH_STORAGE__CACHE_DIR", str(tmp_path / "copies"))
    monkeypatch.setenv("TICKGRAPH_STORAGE__RETRIES", "0")
    return f"s3://{made_storage.BUCKET}/gnn"


def test_models_go_to_a_bucket_serve_there_and_come_back(
    place, storage, command, trained_dir, prices_dir, tmp_path
):
    code, out, _ = command("copy", trained_dir, place, "--json")
    assert (code, json.loads(out)["copied"]) == (0, ["AAPL", "JPM", "MSFT", "XOM"])
    code, out, _ = command("copy", trained_dir, place)
    assert code == 0
    assert "0 models copied" in out
    assert "4 were there already" in out
    shutil.rmtree(tmp_path / "copies")
    code, out, _ = command("list", "--models", place, "--json")
    assert (code, sorted(json.loads(out)["models"])) == (0, ["AAPL", "JPM", "MSFT", "XOM"])
    storage.fault = lambda method, path: Broken(503)
    for symbol in ("JPM", "XOM"):  # the list has left copies of all
        assert command("inspect", symbol, "--models", place)[0] == 0
    storage.fault = None
    code, out, _ = command("inspect", "AAPL", "--models", place, "--json")
    assert (code, json.loads(out)["verified"]) == (0, True)
    asked = "predict", "AAPL", "--price", "130", "--prices-dir", prices_dir, "--json"
    local = json.loads(command(*asked, "--models-dir", trained_dir)[1])
    storage.counted()
    remote = json.loads(command(*asked, "--models", place)[1])
    assert storage.counted() == {"GET": 2}  # the model's, and the universe's state
    assert remote["intervals"] == local["intervals"]
    assert remote["generation"] == local["generation"]
    code, _, _ = command("copy", place, tmp_path / "back")
    assert code == 0
    for kind in ("weights", "correlations", "metadata"):
        for path in (trained_dir / kind).iterdir():
            assert (tmp_path / "back" / kind / path.name).read_bytes() == path.read_bytes()
    code, out, _ = command("remove", "XOM", "--yes", "--models", place)
    assert code == 0
    assert f"3 left in {place}" in out


def test_a_model_is_trained_into_a_bucket_and_forecast_from_it(place, command, prices_dir, monkeypatch):
    monkeypatch.setenv(
        "TICKGRAPH_TRAINING__HORIZONS", "[]"
    )  # of the next return alone: no fit of the universe
    words = "--epochs", "1", "--sessions", "300", "--prices-dir", prices_dir, "--models", place
    code, out, err = command("train", "--symbols", "AAPL", *words)
    assert code == 0, err
    assert f"Models are in {place}" in out
    code, out, _ = command("predict", "AAPL", "--prices-dir", prices_dir, "--models", place, "--json")
    assert (code, json.loads(out)["status"]) == (0, "pre-trained")
    code, out, _ = command("status", "--prices-dir", prices_dir, "--models", place, "--json")
    assert sorted(json.loads(out)["symbols"]) == ["AAPL"]


def test_commands_go_on_from_copies_and_say_so_while_the_bucket_is_away(
    place, storage, command, trained_dir, prices_dir
):
    command("copy", trained_dir, place)
    storage.fault = lambda method, path: Broken(503, body=b"<Error><Code>SlowDown</Code></Error>")
    asked = "--prices-dir", prices_dir, "--models", place
    code, out, _ = command("predict", "AAPL", *asked, "--json")
    assert code == 0
    assert any("copies on this machine stand in" in note for note in json.loads(out)["notes"])
    code, out, _ = command("status", *asked, "--json")
    assert any("503 SlowDown" in problem for problem in json.loads(out)["problems"])
    code, _, err = command("train", "--symbols", "AAPL", "--epochs", "1", *asked)
    assert code == 7
    assert "Nothing can be published" in err
    storage.fault = None
    code, out, _ = command("predict", "AAPL", *asked, "--json")
    assert not any("copies" in note for note in json.loads(out)["notes"])


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("s3://KEY:a-secret@bucket/x", "Credentials do not belong into it"),
        ("s3://bucket/../x", "A URL of object storage is s3://BUCKET"),
        ("s3://", "A URL of object storage is s3://BUCKET"),
        ("https://bucket/x", "begins with s3://"),
        ("file://host/x", "names a folder of this machine"),
    ],
)
def test_a_place_that_is_none_is_an_error_that_repeats_no_password(command, url, text):
    code, _, err = command("list", "--models", url)
    assert code == 2
    assert text in " ".join(err.split())
    assert "a-secret" not in err


def test_a_file_url_is_a_folder(command, trained_dir):
    code, out, _ = command("list", "--models", f"file://{trained_dir}", "--json")
    assert (code, len(json.loads(out)["models"])) == (0, 4)


def test_a_copy_onto_itself_is_refused(place, command):
    code, _, err = command("copy", place, place)
    assert code == 2
    assert "the same place" in err


def test_prices_are_shared_through_a_bucket_too(place, command, tmp_path):
    prices = place.replace("/gnn", "/prices")
    code, _, err = command("prices", "update", "--symbols", "AAPL,MSFT", "--prices-dir", prices)
    assert code == 0, err
    shutil.rmtree(tmp_path / "copies")
    code, out, _ = command("prices", "show", "--prices-dir", prices)
    assert code == 0
    assert "2 symbols" in out
    assert prices in " ".join(out.split())
    code, out, _ = command("prices", "check", "--prices-dir", prices)
    assert code == 0
