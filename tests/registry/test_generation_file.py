from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.errors import ArtefactError
from tickgraph.registry.generation_file import GenerationBytes, seal_generation, unseal_generation
from tickgraph.registry.registry import ModelRegistry
from tickgraph.registry.sealed_files import seal_files


@pytest.fixture(scope="module")
def files(trained_dir) -> GenerationBytes:
    return ModelRegistry(trained_dir).files("AAPL")


def refused(data, symbol="AAPL"):
    with pytest.raises(ArtefactError, match=r"^s3://here is (damaged or foreign|foreign): "):
        unseal_generation(data, symbol, name="s3://here")


def test_a_sealed_generation_gives_back_its_files_and_any_tool_unpacks_it(files):
    data = seal_generation("AAPL", files)
    assert unseal_generation(data, "AAPL", name="s3://here") == files
    assert seal_generation("AAPL", files) == data, "equal files give equal bytes"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("AAPL.weights.h5") == files.weights
        assert archive.read("AAPL_corr.npy") == files.correlations
        assert archive.read("AAPL_metadata.json") == files.metadata


@given(st.data())
def test_no_change_of_a_byte_and_no_cut_passes(files, data):
    sealed = seal_generation("AAPL", files)
    place = data.draw(st.integers(0, len(sealed) - 1))
    refused(sealed[:place])
    bit = data.draw(st.integers(0, 7))
    refused(sealed[:place] + bytes([sealed[place] ^ (1 << bit)]) + sealed[place + 1 :])


@given(st.binary(max_size=2000))
def test_foreign_bytes_are_refused(data):
    refused(data)


def test_files_under_a_right_seal_that_do_not_belong_together_are_refused(files, trained_dir):
    other = ModelRegistry(trained_dir).files("JPM")
    refused(seal_generation("AAPL", files._replace(weights=other.weights)))
    refused(seal_generation("AAPL", files._replace(correlations=other.correlations)))
    refused(seal_generation("AAPL", other))
    refused(seal_generation("JPM", other))
    refused(seal_files({"AAPL_metadata.json": files.metadata}))
    refused(
        seal_files({f"../{name}": b"" for name in ("AAPL.weights.h5", "AAPL_corr.npy", "AAPL_metadata.json")})
    )
