"""The JSON of a chain, written from arrays."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from made_outlooks import horizons, outlook
from tickgraph.http.column_json import column_json
from tickgraph.market.calendar import Clock
from tickgraph.options.chain import ChainQuestion
from tickgraph.options.quotes import Quotes, grid
from tickgraph.serving.chain_answer import Chain, chain_arrays, chain_of

CLOCK = Clock(lambda: datetime(2022, 12, 30, 22, tzinfo=UTC))
DAYS, STRIKES = ["2023-01-20", "2023-02-17"], np.linspace(60.0, 240.0, 50)
QUOTED = Quotes.of(DAYS[0], STRIKES[:3], [0.3, None, None], [None, None, 43.0])


@pytest.mark.parametrize("quotes", [grid(DAYS, STRIKES), (QUOTED,)], ids=["grid", "quotes"])
def test_it_is_the_json_of_the_chain_with_lists(quotes):
    made = outlook(as_of="2022-12-30", horizons=horizons())
    asked = ChainQuestion(quotes, values=True, skip_impossible=True)
    arrays = chain_arrays(made, 130.0, CLOCK, asked)
    written, chain = column_json(arrays), chain_of(arrays)
    assert json.loads(written) == json.loads(chain.model_dump_json())
    assert list(json.loads(written)) == list(json.loads(chain.model_dump_json()))  # in the same order
    assert Chain.model_validate_json(written) == chain
