"""What docs/prices.md says of reading the files with other programs is so."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from made_prices import Scripted, made_bars

DOCUMENT = (Path(__file__).parents[3] / "docs" / "prices.md").read_text()


@pytest.fixture
def held(store, monkeypatch):
    """A store under ``prices/yahoo``: two sessions appended, and one history that was replaced since."""
    source = Scripted(made_bars(["AAPL", "JPM"], 40))
    source.name = "yahoo"
    for count in (40, 41, 42):
        source.bars = made_bars(["AAPL", "JPM"], count)
        store.update(source, ["AAPL", "JPM"])
    store.write("yahoo", made_bars(["JPM"], 42, scale=2))
    monkeypatch.chdir(store.root.parent)
    return store


def example(language):
    return re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)[1]


def same(found, store):
    want = store.read("yahoo", ["AAPL", "JPM"])
    found = found[want.columns].astype(
        {"volume": "int64", "date": want["date"].dtype, "symbol": want["symbol"].dtype}
    )
    pd.testing.assert_frame_equal(found.reset_index(drop=True), want)


def test_duckdb_reads_both_files_as_documented(held):
    duckdb = pytest.importorskip("duckdb")
    same(duckdb.sql(example("sql").rstrip().rstrip(";")).df(), held)


def test_polars_reads_both_files_as_documented(held):
    pl = pytest.importorskip("polars")
    names = {"pl": pl}
    exec(example("python"), names)  # noqa: S102  it is what is tested
    same(names["prices"].collect().to_pandas(use_pyarrow_extension_array=False), held)
