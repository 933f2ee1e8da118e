"""Metadata files: what was changed is refused, in words of our own, and a refusal holds nothing of the file."""

from __future__ import annotations

import gc
import json
import tracemalloc
from datetime import date

import numpy as np
import pytest

from edited_metadata import edit
from made_walk_forward import made_walk_forward
from tickgraph.errors import ArtefactError
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import VARIANCE, weight_shapes
from tickgraph.registry.metadata_file import (
    MAX_METADATA_BYTES,
    content_checksum,
    decode_metadata,
    encode_metadata,
)
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster


@pytest.fixture
def small(registry):
    """Metadata with few scores, so that every part of it is a fair share of the file."""
    metadata = registry.metadata("AAPL")
    calibration = metadata.calibration.model_copy(update={"scores": (-1.5, -0.25, 0.125, 2.0)})
    return metadata.model_copy(update={"calibration": calibration})


def test_a_flipped_bit_is_refused_or_says_the_same(small):
    data = encode_metadata(small)
    whole, refused = decode_metadata(data, "AAPL", name="x"), 0
    for bit in range(0, 8 * len(data), 5):  # 5 and 8 share no factor: every bit of a byte comes up
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            read = decode_metadata(bytes(flipped), "AAPL", name="x")
        except ArtefactError:
            refused += 1
        else:
            assert read == whole, f"bit {bit}"
    assert refused > bit / 5 * 0.95


def test_whoever_writes_metadata_again_seals_it_again(registry, config, panel):
    """Each way a file is rewritten: correlations, figures of an evaluation, a new training."""
    path, seen = registry.paths("AAPL").metadata, set()

    def sealed():
        content = json.loads(path.read_text())
        assert content["checksums"]["metadata"] == content_checksum(content)
        seen.add(content["checksums"]["metadata"])

    sealed()
    registry.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3))
    sealed()
    assert registry.record_evaluation("AAPL", made_walk_forward(config, panel.symbols)) is None
    sealed()
    model = registry.load("AAPL", weight_shapes)
    registry.publish(model.metadata, model.weights, model.correlation, keep_evaluation=True)
    assert len(seen) == 3


def test_another_layout_of_the_same_content_is_read(registry):
    path = registry.paths("AAPL").metadata
    before = registry.metadata("AAPL")
    path.write_bytes(
        json.dumps(json.loads(path.read_text()), indent=1, sort_keys=True).replace("\n", "\r\n").encode()
    )
    assert registry.metadata("AAPL") == before


def test_a_file_of_an_earlier_release_has_no_checksum_and_is_read(registry):
    path = registry.paths("AAPL").metadata
    content = json.loads(path.read_text())
    del content["checksums"]["metadata"]
    path.write_text(json.dumps(content))
    assert registry.load("AAPL", weight_shapes).metadata.checksums.metadata is None


def test_without_a_checksum_no_field_may_be_unknown(registry):
    """Else one flipped bit in the checksum's own name would do away with it."""
    path = registry.paths("AAPL").metadata
    path.write_text(path.read_text().replace('"metadata": "', '"letadata": "'))
    with pytest.raises(ArtefactError, match="checksums.letadata is no field of this version"):
        registry.metadata("AAPL")


def test_an_unknown_field_is_kept_and_its_numbers_are_finite(registry):
    path = registry.paths("AAPL").metadata
    edit(path, lambda content: content.update(added=[1e300, "text", None]))
    assert registry.metadata("AAPL").model_extra == {"added": [1e300, "text", None]}
    edit(path, lambda content: content.update(added=[float("nan")]))
    with pytest.raises(ArtefactError, match="does not match its own checksum"):
        registry.metadata("AAPL")


def test_a_value_changed_by_hand_is_said_to_be_one(registry):
    path = registry.paths("AAPL").metadata
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 3'))
    with pytest.raises(
        ArtefactError, match="does not match its own checksum: a value in it was changed.*train"
    ):
        registry.load("AAPL", weight_shapes)


def changed(content, where, value):
    *parents, last = where.split(".")
    for name in parents:
        content = content[name]
    content[last] = value


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("calibration.scores", [1.0, 0.5, 2.0], "scores must ascend: 0.5 at place 1 follows 1.0"),
        ("calibration.scores", [1.0], "calibration.scores is [1.0], and a list of 2 or more was expected"),
        ("calibration.trust", 1.5, "calibration.trust is 1.5, and 1.0 or less was expected"),
        ("calibration.trust", "NaN", "calibration.trust is 'NaN', and a finite number was expected"),
        ("calibration.volatility", [0, 1, 1, 0, 0, 0, 0], "weights of volatility must sum to 1"),
        ("calibration.first_session", "2030-01-01", "first_session 2030-01-01 must not be after"),
        ("data_stats.calibration_sessions", 0, "calibration_sessions is 0, and 1 or more was expected"),
        ("data_stats.first_session", "yesterday", "first_session is 'yesterday', and a date was expected"),
        ("data_stats.exchange", "", "exchange is '', and text that matches"),
        ("training_config.correlated_symbols", ["../etc"], "'../etc'"),
        ("training_config.correlated_symbols", ["MSFT"] * 2, "at most 10 different symbols"),
        (
            "performance_metrics.out_of_sample.hit_rate",
            1.01,
            "hit_rate is 1.01, and 1.0 or less was expected",
        ),
        ("performance_metrics.out_of_sample.ic", -2, "ic is -2, and -1.000000001 or more was expected"),
        ("performance_metrics.out_of_sample.coverage", {"most": 0.8}, "text that matches"),
        ("checksums.weights", "A" * 64, "and text that matches ^[0-9a-f]{64}$ was expected"),
        ("schema_version", 0, "schema_version is 0, and 1 was expected"),
        ("training_date", "2024-01-01T00:00:00", "and a time with its time zone was expected"),
        ("symbol", ["x" * 10_000], "symbol is ['xxxxxxxxxxxx...xxxxxxxxxxxxx'], and text was expected"),
    ],
)
def test_what_is_wrong_is_said_with_field_value_and_what_was_expected(registry, where, value, said):
    edit(registry.paths("AAPL").metadata, lambda content: changed(content, where, value))
    with pytest.raises(ArtefactError) as refused:
        registry.metadata("AAPL")
    text = str(refused.value)
    assert "AAPL_metadata.json is damaged or foreign: " in text
    assert said in text
    assert not any(
        words in text for words in ("Input should", "Value error", "Extra inputs", "validation error")
    )
    assert len(text) < 500


@pytest.mark.parametrize(
    ("where", "change", "said"),
    [
        ("variance.scores", lambda rows: rows[:1], "scores of 1 horizons, and training_config has 2"),
        ("variance.scores", lambda rows: [*rows, rows[0]], "scores of 3 horizons, and training_config has 2"),
        ("variance", lambda _: None, "scores of 0 horizons, and training_config has 2"),
        ("training_config.horizons", lambda _: [], "scores of 2 horizons, and training_config has 0"),
        ("training_config.horizons", lambda _: [2, 5], "horizons must ascend from 1, got (2, 5)"),
        ("training_config.horizons", lambda _: [1, 64], "horizons must be from 1 to 63 sessions"),
        ("variance.scores", lambda rows: [rows[0], rows[1][::-1]], "scores of a horizon must ascend"),
        ("variance.scores", lambda rows: [rows[0], rows[1][1:]], "as many at each horizon"),
    ],
)
def test_scores_of_other_horizons_are_refused(drawn, where, change, said):
    def edited(content):
        place = content
        for name in where.split("."):
            place = place[name]
        changed(content, where, change(place))

    edit(drawn.paths("AAPL").metadata, edited)
    with pytest.raises(ArtefactError) as refused:
        drawn.metadata("AAPL")
    assert said in str(refused.value)


@pytest.mark.parametrize("architecture", ["named", "not named"])
def test_a_model_that_names_no_horizons_forecasts_one_session(registry, architecture):
    """Earlier releases wrote neither horizons nor, before them, the architecture."""

    def as_of_then(content):
        del content["training_config"]["horizons"], content["training_config"]["variance_dim"]
        del content["variance"]
        if architecture == "not named":
            del content["training_config"]["architecture"], content["training_config"]["weight_decay"]

    edit(registry.paths("AAPL").metadata, as_of_then)
    config = registry.metadata("AAPL").training_config
    assert config.horizons == ()
    assert config.architecture == ("residual" if architecture == "named" else "baseline")
    assert not any(path.startswith(VARIANCE) for path in weight_shapes(config))


@pytest.mark.parametrize(
    "text", ["", "{", '{"symbol"', "[" * 100_000, "nul", '{"a": 1e', "\x00", "{}", "7" * 5000]
)
def test_what_is_no_json_is_said_to_be_none(registry, text):
    registry.paths("AAPL").metadata.write_text(text)
    with pytest.raises(
        ArtefactError, match=r"damaged or foreign: (it is not complete JSON|symbol is missing|the document)"
    ):
        registry.metadata("AAPL")


def test_a_refusal_that_is_kept_holds_nothing_of_the_file(registry):
    """Eight files that parse but for one value, at the bound, refused and remembered as a service does."""
    path = registry.paths("AAPL").metadata
    content = json.loads(path.read_text())
    content["calibration"]["scores"] = [float(n) for n in range(150_000)]
    content["calibration"]["trust"] = 2
    large = json.dumps(content).encode()
    assert MAX_METADATA_BYTES / 2 < len(large) < MAX_METADATA_BYTES
    symbols = [f"S{letter}" for letter in "ABCDEFGH"]
    for symbol in symbols:
        path.with_name(f"{symbol}_metadata.json").write_bytes(large)
    with path.with_name("HUGE_metadata.json").open("wb") as file:
        file.truncate(60_000_000)
    models = Forecaster(ModelRegistry(registry.root), PriceStore(registry.root)).models
    tracemalloc.start()
    try:
        failures = {}
        for symbol in (*symbols, "HUGE"):
            with pytest.raises(ArtefactError) as refused:
                models.get(symbol)
            failures[symbol] = models.refusals()[symbol]
            del refused
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        models.close()
    assert "60,000,000 bytes" in str(failures["HUGE"])
    assert kept < 1_000_000
    assert peak < 25 * len(large)
