"""Peers and models that were renamed since the training are found under their new names."""

from __future__ import annotations

from edited_metadata import edit
from tickgraph.registry.metadata import ModelMetadata


def test_nodes_are_todays_names(registry):
    metadata = registry.metadata("AAPL")
    peers = ("FB", *metadata.training_config.correlated_symbols[1:])
    config = metadata.training_config.model_copy(update={"correlated_symbols": peers})
    renamed: ModelMetadata = metadata.model_copy(update={"training_config": config})
    assert renamed.nodes[:2] == ("AAPL", "META")
    assert renamed.training_config.correlated_symbols[0] == "FB"  # as trained


def test_a_model_under_a_former_name_counts_until_there_is_one_under_todays(registry):
    former, today = (registry.root / "metadata" / f"{name}_metadata.json" for name in ("FB", "META"))
    edit(registry.paths("AAPL").metadata, lambda content: content.update(symbol="FB"), target=former)
    assert registry.renamed() == {"META": ("FB", registry.metadata("AAPL").data_stats.source)}
    former.write_text("half")
    assert registry.renamed() == {"META": ("FB", None)}
    today.write_text("{}")
    assert registry.renamed() == {}
