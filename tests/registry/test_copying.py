from __future__ import annotations

import shutil

from edited_metadata import edit
from other_releases import later_header
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry


def test_models_arrive_byte_for_byte_and_a_second_copy_finds_nothing_to_do(trained_dir, tmp_path):
    source, target = ModelRegistry(trained_dir), ModelRegistry(tmp_path / "there")
    report = copy_models(source, target, ["AAPL", "XOM"])
    assert (report.copied, report.same, report.failed) == (["AAPL", "XOM"], [], {})
    assert target.files("AAPL") == source.files("AAPL")
    again = copy_models(source, target, ["AAPL", "XOM"])
    assert (again.copied, again.same) == ([], ["AAPL", "XOM"])


def test_a_model_of_another_exchange_is_not_replaced_and_the_others_are_copied(trained_dir, tmp_path):
    shutil.copytree(trained_dir, tmp_path / "london")

    def to_london(content):
        content["data_stats"]["exchange"] = "XLON"

    edit(tmp_path / "london" / "metadata" / "AAPL_metadata.json", to_london)
    target = ModelRegistry(tmp_path / "london")
    before = target.generation("AAPL")
    report = copy_models(ModelRegistry(trained_dir), target, ["AAPL", "XOM"])
    assert report.same == ["XOM"]
    assert "of the exchange XLON, and the one to be copied is of XNYS" in report.failed["AAPL"]
    assert target.generation("AAPL") == before


def test_the_universe_arrives_byte_for_byte_with_fields_of_a_later_release(drawn, tmp_path):
    path = drawn.root / "universe" / "sample_fit.npz"
    path.write_bytes(later_header(path.read_bytes(), of_a_later_release=1))
    target = ModelRegistry(tmp_path / "there")
    report = copy_models(drawn, target)
    assert (report.universe, report.failed) == (["sample"], {})
    assert target.universe.files("sample") == drawn.universe.files("sample")
    assert target.universe.fit("sample").version == drawn.universe.fit("sample").version
