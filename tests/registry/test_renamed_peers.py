"""A peer that was renamed since the training is found under its new name."""

from tickgraph.registry.schema import ModelMetadata


def test_nodes_are_todays_names(registry):
    metadata = registry.metadata("AAPL")
    peers = ("FB", *metadata.training_config.correlated_symbols[1:])
    config = metadata.training_config.model_copy(update={"correlated_symbols": peers})
    renamed: ModelMetadata = metadata.model_copy(update={"training_config": config})
    assert renamed.nodes[:2] == ("AAPL", "META")
    assert renamed.training_config.correlated_symbols[0] == "FB"  # as trained
