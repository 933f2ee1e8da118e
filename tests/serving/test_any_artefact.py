"""Whatever bytes and values a model's files hold: the same numbers, other numbers that hold together, or a refusal."""

from __future__ import annotations

import contextlib
import json
import math
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import examples
from tickgraph.errors import ArtefactError, OtherExchangeError, PriceDataError
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.artefact_file import digest
from tickgraph.registry.correlation_file import decode_correlation
from tickgraph.registry.metadata_file import content_checksum
from tickgraph.registry.registry import ModelRegistry
from tickgraph.registry.weights_file import decode_weights
from tickgraph.serving.forecaster import Forecaster

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of 10**400

PARTS = ("weights", "correlations", "metadata")
CHANGES = st.tuples(
    st.sampled_from(("flip", "cut", "drop", "repeat", "splice", "fill")),
    st.floats(0, 1, exclude_max=True),  # where, as a share of the file
    st.integers(1, 300),  # how many bytes
    st.integers(1, 255),
)
NUMBERS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from((0, -1, 1e308, -1e308, 5e-324, 1e30, 2**63, 10**400, -0.0)),
)
VALUES = st.one_of(
    NUMBERS,
    st.none(),
    st.booleans(),
    st.text(max_size=20),
    st.lists(NUMBERS, max_size=8),
    st.sampled_from(
        ("2022-01-01", "9999-12-31", "0001-01-01", "2022-01-01T00:00:00Z", "AAPL", "../x", "PRN", {})
    ),
)


@pytest.fixture(scope="module")
def shelf(trained_dir, prices_dir, tmp_path_factory):
    """A registry of this module's own, what its files held, and a forecaster that looks at every file."""
    folder = tmp_path_factory.mktemp("any") / "gnn"
    shutil.copytree(trained_dir, folder, ignore=shutil.ignore_patterns(".operations"))
    registry = ModelRegistry(folder)
    whole = {
        part: (getattr(registry.paths("AAPL"), part), getattr(registry.paths("AAPL"), part).read_bytes())
        for part in PARTS
    }
    return registry, whole, registry.load("AAPL", weight_shapes), PriceStore(prices_dir)


def changed(data, other, changes):
    for kind, share, count, byte in changes:
        at = int(share * max(len(data), 1))
        before, middle, after = data[:at], data[at : at + count], data[at + count :]
        data = {
            "flip": before + bytes([(middle[:1] or b"\0")[0] ^ byte]) + data[at + 1 :],
            "cut": before,
            "drop": before + after,
            "repeat": before + middle + middle + after,
            "splice": before + other[at : at + count] + after,
            "fill": before + bytes([byte]) * len(middle) + after,
        }[kind]
    return data


def same(model, other):
    return (
        model.metadata == other.metadata
        and np.array_equal(model.correlation, other.correlation)
        and all(np.array_equal(model.weights[path], value) for path, value in other.weights.items())
    )


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(part=st.sampled_from(PARTS), changes=st.lists(CHANGES, min_size=1, max_size=4))
def test_changed_bytes_are_refused_or_say_the_same(shelf, part, changes):
    registry, whole, before, _ = shelf
    path, data = whole[part]
    path.write_bytes(changed(data, getattr(registry.paths("MSFT"), part).read_bytes(), changes))
    try:
        assert same(registry.load("AAPL", weight_shapes), before)
    except ArtefactError:
        pass
    finally:
        path.write_bytes(data)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(part=st.sampled_from(PARTS[:2]), changes=st.lists(CHANGES, min_size=1, max_size=4))
def test_changed_bytes_under_a_right_checksum_are_refused_or_whole_numbers(shelf, part, changes):
    _, whole, before, _ = shelf
    training, data = before.metadata.training_config, changed(whole[part][1], whole[part][1][::-1], changes)
    try:
        if part == "weights":
            read = list(decode_weights(data, weight_shapes(training), name="x").values())
        else:
            read = [decode_correlation(data, training, name="x")]
    except ArtefactError:
        return
    assert all(np.isfinite(value).all() for value in read)


def leaves(content, path=()):
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for name, value in items:
        yield (*path, name)
        if name != "scores":
            yield from leaves(value, (*path, name))


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(choice=st.integers(0, 10**6), value=VALUES, weights=st.sampled_from((1.0, 1.0, 1e30, 1e10, 3e38, 0.0)))
def test_any_value_in_sealed_metadata_is_refused_or_gives_a_forecast_that_holds_together(
    shelf, choice, value, weights
):
    registry, whole, before, store = shelf
    content = json.loads(whole["metadata"][1])
    paths = sorted(leaves(content), key=str)
    *parents, last = paths[choice % len(paths)]
    place = content
    for name in parents:
        place = place[name]
    place[last] = value
    if weights != 1.0:
        from tickgraph.registry.weights_file import encode_weights

        with np.errstate(all="ignore"):
            arrays = {
                path: np.nan_to_num(array * np.float32(weights)) for path, array in before.weights.items()
            }
        data = encode_weights(arrays)
        whole["weights"][0].write_bytes(data)
        if isinstance(content.get("checksums"), dict):
            content["checksums"]["weights"] = digest(data)
    with contextlib.suppress(
        KeyError, TypeError, AttributeError, ValueError
    ):  # no document that has a checksum
        content["checksums"]["metadata"] = content_checksum(content)
    try:
        whole["metadata"][0].write_bytes(json.dumps(content).encode())
        found = Forecaster(registry, store).forecast("AAPL")
    except (ArtefactError, OtherExchangeError, PriceDataError):
        return
    finally:
        for path, data in whole.values():
            path.write_bytes(data)
    numbers = [found.prediction, found.predicted_return, found.probability_up, found.confidence]
    for interval in found.intervals:
        numbers += [interval.lower, interval.upper]
        assert interval.lower <= interval.upper
    assert all(map(math.isfinite, numbers))
    assert 0 <= found.probability_up <= 1
    assert abs(found.predicted_return) < 0.2
