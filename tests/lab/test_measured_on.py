from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tickgraph.lab.measured_on import survivorship


@pytest.mark.parametrize("source", ["sample", "files", "yahoo"])
def test_survivorship_says_where_the_list_of_symbols_is_from_and_counts_who_ended(panel, source):
    few = panel.select(("AAPL", "ABNB", "CVX", "JPM", "MSFT", "XOM"))
    said = survivorship(dataclasses.replace(few, source=source))
    assert "none of them without a price at the end" in said
    fixed = f"The 6 symbols are those of a fixed set of prices that ends on {panel.sessions[-1]}"
    assert (fixed in said) == (source != "yahoo")
    assert ("The list of 6 symbols is today's" in said) == (source == "yahoo")
    closes = few.adj_close.copy()
    closes[-1, 0] = np.nan
    ended = survivorship(dataclasses.replace(few, source=source, adj_close=closes))
    assert "1 of them without a price at the end" in ended
