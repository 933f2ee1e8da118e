"""``.weights.h5`` files: Keras reads ours, we read Keras's, and nothing else gets through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tickgraph.errors import ArtefactError
from tickgraph.model.network import build_network, forward
from tickgraph.model.training_config import HORIZONS, TrainingConfig
from tickgraph.model.weights import FEATURE_SCALE, weight_shapes
from tickgraph.registry.artefact_file import MAX_BYTES
from tickgraph.registry.weights_file import decode_weights, encode_weights

CONFIG = TrainingConfig(architecture="baseline")
SHAPES = weight_shapes(CONFIG)
KERNEL = "layers/dense/vars/0"
GOLDEN = {
    "baseline": Path(__file__).with_name("golden.layout.txt"),
    "residual": Path(__file__).with_name("golden.residual.layout.txt"),
    "residual, with horizons": Path(__file__).with_name("golden.horizons.layout.txt"),
}


@pytest.fixture(scope="module")
def weights():
    generator = np.random.default_rng(0)
    drawn = {path: generator.normal(size=shape).astype(np.float32) / 4 for path, shape in SHAPES.items()}
    drawn[FEATURE_SCALE] = np.ones(3, np.float32)
    return drawn


@pytest.fixture(scope="module")
def graph():
    generator = np.random.default_rng(1)
    strength = np.abs(np.corrcoef(generator.normal(size=(11, 20))))
    return generator.normal(size=(11, 3)).astype(np.float32), np.where(strength > 0.2, strength, 0).astype(
        np.float32
    )


def test_keras_loads_our_file_and_forecasts_the_same(weights, graph, tmp_path):
    path = tmp_path / "AAPL.weights.h5"
    path.write_bytes(encode_weights(weights))
    model = build_network(CONFIG)
    model.load_weights(path)
    features, adjacency = graph
    keras_says = model.predict([features[None], adjacency[None]], verbose=0)[0]
    np.testing.assert_allclose(forward(weights, features, adjacency), keras_says, rtol=1e-5, atol=1e-6)


def test_we_read_what_keras_saved(weights, tmp_path):
    model = build_network(CONFIG)
    model.set_weights(list(weights.values()))
    model.save_weights(tmp_path / "k.weights.h5")
    read = decode_weights((tmp_path / "k.weights.h5").read_bytes(), SHAPES, name="k")
    for path, value in weights.items():
        np.testing.assert_array_equal(read[path], value)


@pytest.mark.parametrize(("architecture", "golden"), GOLDEN.items(), ids=GOLDEN)
def test_keras_still_lays_files_out_as_the_golden_listing_says(architecture, golden, tmp_path):
    """A change here breaks every file on disk: add a migration, do not just edit the listing."""
    architecture, _, with_horizons = architecture.partition(", ")
    config = TrainingConfig(architecture=architecture, horizons=HORIZONS if with_horizons else ())
    build_network(config).save_weights(tmp_path / "k.weights.h5")
    lines = []
    with h5py.File(tmp_path / "k.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                lines.append(f"{name} {item.shape}") if isinstance(item, h5py.Dataset) else None
            )
        )
    assert "\n".join(lines) + "\n" == golden.read_text()


def test_equal_weights_make_equal_bytes(weights):
    assert encode_weights(weights) == encode_weights(dict(weights))


def refused(data, match):
    with pytest.raises(ArtefactError, match=rf"x\.weights\.h5 is refused: .*{match}"):
        decode_weights(data, SHAPES, name="x.weights.h5")


def edited(weights, tmp_path, edit):
    path = tmp_path / "x.weights.h5"
    path.write_bytes(encode_weights(weights))
    with h5py.File(path, "r+") as file:
        edit(file)
    return path.read_bytes()


def replaced(weights, tmp_path, make):
    def edit(file):
        del file[KERNEL]
        make(file)

    return edited(weights, tmp_path, edit)


def test_truncated_files_are_refused(weights):
    data = encode_weights(weights)
    for length in [0, 1, 7, 8, 100, *range(512, len(data), 4001), len(data) - 1]:
        refused(data[:length], "")


def test_other_files_are_refused():
    refused(b"", "not a complete HDF5 file")
    refused(b"PK\x03\x04 a zip", "not a complete HDF5 file")
    refused(b"\x89HDF\r\n\x1a\n" + b"\0" * 500, "")
    refused(bytes(MAX_BYTES + 1), "more than")


def test_flipped_bits_never_crash_the_reader(weights):
    """Checksums catch these first; should they not, the answer is arrays or a refusal, nothing else."""
    data = bytearray(encode_weights(weights))
    generator = np.random.default_rng(0)
    for place in generator.integers(0, min(len(data), 20_000), 150):
        data[place] ^= 0xFF
        try:
            read = decode_weights(bytes(data), SHAPES, name="x")
        except ArtefactError:
            pass
        else:
            assert all(np.isfinite(value).all() for value in read.values())
        data[place] ^= 0xFF


def test_a_missing_array_is_refused(weights):
    refused(encode_weights({p: v for p, v in weights.items() if p != KERNEL}), "lacks layers/dense/vars/0")


def test_an_extra_array_is_refused(weights):
    refused(encode_weights({**weights, "layers/evil/vars/0": np.zeros(3)}), "layers/evil/vars/0")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.zeros((63, 1), np.float32), r"\(63, 1\), expected float32 \(64, 1\)"),
        (np.zeros((64, 1), np.float64), "float64"),
        (np.zeros((64, 1), ">f4"), ">f4"),
        (np.zeros((64, 1), "S4"), "S4"),
        (np.full((64, 1), np.nan, np.float32), "not finite"),
        (np.full((64, 1), np.inf, np.float32), "not finite"),
    ],
)
def test_another_shape_type_or_number_is_refused(weights, tmp_path, value, match):
    refused(replaced(weights, tmp_path, lambda file: file.create_dataset(KERNEL, data=value)), match)


def test_soft_and_external_links_are_refused(weights, tmp_path):
    soft = replaced(weights, tmp_path, lambda f: f.__setitem__(KERNEL, h5py.SoftLink("/layers/dense/vars/1")))
    refused(soft, "soft or external link")
    external = replaced(
        weights, tmp_path, lambda f: f.__setitem__(KERNEL, h5py.ExternalLink("/etc/hostname", "/x"))
    )
    refused(external, "soft or external link")


def test_hard_links_that_make_a_loop_are_refused(weights, tmp_path):
    refused(edited(weights, tmp_path, lambda f: f.__setitem__("layers/loop", f["/layers"])), "plain group")


def test_external_storage_is_refused_unread(weights, tmp_path):
    """The hole of CVE-2026-1669: an array whose numbers are the bytes of a file of the reader's."""
    secret = tmp_path / "secret"
    secret.write_bytes(np.arange(64, dtype=np.float32).tobytes())
    data = replaced(
        weights,
        tmp_path,
        lambda f: f.create_dataset(KERNEL, (64, 1), "f4", external=[(str(secret), 0, 256)]),
    )
    refused(data, "not stored as a plain array")


def test_named_types_are_refused(weights, tmp_path):
    def named(file):
        file["/layers/dense/type"] = np.dtype("<f4")
        file.create_dataset(KERNEL, (64, 1), dtype=file["/layers/dense/type"])
        del file["/layers/dense/type"]  # only the array refers to it now

    refused(replaced(weights, tmp_path, named), "not stored as a plain array")


def test_virtual_and_compressed_arrays_are_refused(weights, tmp_path):
    def virtual(file):
        layout = h5py.VirtualLayout((64, 1), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "d", (64, 1))
        file.create_virtual_dataset(KERNEL, layout)

    refused(replaced(weights, tmp_path, virtual), "not stored as a plain array")
    squeezed = replaced(
        weights,
        tmp_path,
        lambda f: f.create_dataset(KERNEL, data=np.zeros((64, 1), "f4"), compression="gzip"),
    )
    refused(squeezed, "not stored as a plain array")


def test_hostile_files_are_refused_and_the_process_that_keeps_the_errors_ends_well():
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("hostile_weights.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = dict(line.split(": ", 1) for line in run.stdout.splitlines())
    assert len(said) == 19
    assert said.pop("a user block") == said.pop("attributes of megabytes") == "read"
    assert all(text.startswith("Weights file x is refused: ") for text in said.values()), said
    assert said["groups in groups"].endswith("nested deeper than 16.")
    assert said["escapes"].isascii()
    assert said["escapes"].isprintable()
