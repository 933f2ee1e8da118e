"""Strikes of a template where nobody names any."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.options.template_strikes import NARROW, template_strikes
from tickgraph.options.templates import TEMPLATES


@pytest.mark.parametrize(
    ("price", "closes", "strikes"),
    [
        (130.0, [117.2, 122.9, 137.3, 141.8], (117.5, 122.5, 137.5, 142.5)),
        (4000.0, [3712.0, 3890.0, 4130.0, 4260.0], (3700.0, 3900.0, 4150.0, 4250.0)),
        (130.0, [128.3, 129.2, 130.9, 131.8], (128.5, 129.0, 131.0, 132.0)),
        (12.0, [10.9, 11.1, 12.9, 13.4], (10.9, 11.1, 12.9, 13.4)),
        (2.0, [1.902, 1.943, 2.058, 2.101], (1.9, 1.94, 2.06, 2.1)),
        (0.3, [0.294, 0.298, 0.302, 0.306], (0.28, 0.29, 0.3, 0.31)),  # parted away from the price
    ],
)
def test_strikes_are_round_prices_near_the_closes(price, closes, strikes):
    assert template_strikes(TEMPLATES["iron-condor"], np.array(closes), price) == strikes


@given(
    price=st.floats(0.5, 1e6),
    moves=st.lists(st.floats(-0.5, 0.5), min_size=4, max_size=4, unique=True).map(sorted),
    name=st.sampled_from(sorted(TEMPLATES)),
)
def test_strikes_always_ascend_and_are_multiples_of_a_listed_distance(price, moves, name):
    template = TEMPLATES[name]
    closes = price * np.exp(np.array(moves[: template.strikes]))
    strikes = template_strikes(template, closes, price)
    assert len(strikes) == template.strikes == len(template.struck_at)
    assert all(low < high for low, high in pairwise((0.0, *strikes)))
    assert all(strike / NARROW[0] == pytest.approx(round(strike / NARROW[0])) for strike in strikes)


@pytest.mark.parametrize("name", TEMPLATES)
def test_probabilities_of_strikes_ascend(name):
    probabilities = TEMPLATES[name].struck_at
    assert all(0 < low < high < 1 for low, high in pairwise((1e-9, *probabilities)))
