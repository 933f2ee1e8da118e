"""Sources by name; live ones from settings, the environment, or in another process."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from tickgraph.errors import InputError
from tickgraph.market.sources import _say_once, open_source
from tickgraph.market.sources.providers import Access
from tickgraph.market.sources.tiingo import NO_TOKEN
from tickgraph.market.universe import TIER_1
from tickgraph.pipeline.workplace import Workplace

TOKEN = "a-token-that-stays-one"  # noqa: S105


@pytest.mark.parametrize("name", ["yahoo", "tiingo", "live"])
def test_a_live_source_opens_without_a_token_or_a_network(name):
    source = open_source(name)
    assert (source.name, source.editable, source.symbols()) == (name, False, TIER_1)


def test_live_without_a_provider_that_could_be_asked_is_an_error():
    with pytest.raises(InputError, match="Set TICKGRAPH_TIINGO_TOKEN"):
        open_source("live", access=Access(("tiingo",)))


def test_a_provider_without_a_token_is_left_out_and_that_is_said_once(caplog):
    _say_once.cache_clear()
    for _ in range(3):
        open_source("live")
    assert [record.getMessage() for record in caplog.records] == [
        f"Source 'live' does without tiingo: {NO_TOKEN}"
    ]


def test_two_arguments_read_the_environment(monkeypatch):
    monkeypatch.setenv("TICKGRAPH_TIINGO_TOKEN", TOKEN)
    monkeypatch.setenv("TICKGRAPH_PROVIDERS", '["tiingo", "yahoo"]')
    access = Access.from_environment()
    assert access == Access(("tiingo", "yahoo"), SecretStr(TOKEN))
    assert TOKEN not in repr(access)
    assert open_source("live").symbols() == TIER_1


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TICKGRAPH_PROVIDERS", "yahoo", "JSON"),
        ("TICKGRAPH_PROVIDERS", "[]", "a list of 1 or more"),
        ("TICKGRAPH_PROVIDERS", '["bloomberg"]', "yahoo"),
        ("TICKGRAPH_PROVIDERS", '["yahoo", "yahoo"]', "named twice"),
        ("TICKGRAPH_TIINGO_TOKEN", f"{TOKEN}\n", "no spaces or line ends"),
        ("TICKGRAPH_TIINGO_TOKEN", f"{TOKEN}ä", "ASCII"),
        ("TICKGRAPH_TIINGO_TOKEN", "", "ASCII"),
    ],
)
def test_a_bad_variable_is_named_without_its_value(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"Bad {variable}: .*{said}") as caught:
        open_source("live")
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


OPEN_THERE = """
import pickle, sys
from tickgraph.market.sources import open_source
workplace = pickle.load(sys.stdin.buffer)
print(*open_source(workplace.source, workplace.source_path, access=workplace.access).symbols())
"""


def test_a_workplace_opens_live_in_another_process():
    pickled = pickle.dumps(
        Workplace(
            Path("models"), Path("prices"), "live", access=Access(("tiingo",), tiingo_token=SecretStr(TOKEN))
        )
    )
    done = subprocess.run([sys.executable, "-c", OPEN_THERE], input=pickled, capture_output=True, check=True)
    assert tuple(done.stdout.decode().split()) == TIER_1
