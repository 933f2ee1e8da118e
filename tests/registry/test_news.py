"""Whatever a registry publishes or removes is told, and nothing else is."""

from __future__ import annotations

import pytest

from tickgraph.errors import ArtefactError
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry
from tickgraph.shared.news import MODELS


class Told:
    """Stands for the news of a process."""

    def __init__(self):
        self._kinds = []

    def tell(self, kind):
        self._kinds.append(kind)

    def since(self):
        kinds, self._kinds = self._kinds, []
        return kinds


@pytest.fixture
def told():
    return Told()


@pytest.fixture(params=["folder", "object storage"])
def place(request, tmp_path):
    return (
        tmp_path / "told" if request.param == "folder" else request.getfixturevalue("storage").place(tmp_path)
    )


def test_publications_and_removals_are_told(registry, place, told):
    other = ModelRegistry(place, news=told)
    copy_models(registry, other, ("AAPL", "JPM"))
    assert told.since() == [MODELS, MODELS]
    metadata, correlation = other.metadata("AAPL"), other.correlation("AAPL")
    other.symbols()
    assert told.since() == []
    other.publish_correlation("AAPL", correlation, metadata.correlations.as_of)
    assert told.since() == [MODELS]
    with pytest.raises(ArtefactError, match="retrained"):
        other.publish_correlation(
            "JPM", other.correlation("JPM"), metadata.correlations.as_of, basis=metadata
        )
    assert told.since() == []
    other.remove("AAPL")
    assert told.since() == [MODELS]


def test_the_universe_is_told_of(place, told, small_fit):
    ModelRegistry(place, news=told).universe.publish_fit(small_fit)
    assert told.since() == [MODELS]


def test_news_makes_a_registry_ask_again_what_it_asked_a_moment_ago(registry, storage, tmp_path):
    one = ModelRegistry(storage.place(tmp_path / "one"))
    other = ModelRegistry(storage.place(tmp_path / "other", poll_seconds=3600))
    copy_models(registry, one, ("AAPL",))
    assert other.symbols() == ("AAPL",)
    before = other.generation("AAPL")
    copy_models(registry, one, ("JPM",))
    one.publish_correlation("AAPL", one.correlation("AAPL"), one.metadata("AAPL").correlations.as_of)
    assert (other.symbols(), other.generation("AAPL")) == (("AAPL",), before)
    other.ask_anew()
    assert other.symbols() == ("AAPL", "JPM")
    assert other.generation("AAPL") == one.generation("AAPL") != before
    storage.counted()
    other.symbols(), other.generation("AAPL"), other.generation("JPM")
    assert storage.counted() == {"GET": 1}  # of JPM, for the first time; all else was asked a moment ago
