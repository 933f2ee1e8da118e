"""Legs and strategies for tests, and hypothesis's own."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import strategies as st

from tickgraph.options.legs import Leg, Position

EXPIRY = date(2023, 1, 20)


def leg(kind, side, strike=None, premium=1.0, quantity=100.0):
    return Leg(kind, side, quantity, strike, None if kind == "stock" else EXPIRY, premium)


CONDOR = (
    leg("put", "buy", 115.0, 0.5),
    leg("put", "sell", 120.0, 1.2),
    leg("call", "sell", 140.0, 1.6),
    leg("call", "buy", 145.0, 0.6),
)

options = st.builds(
    leg,
    st.sampled_from(["call", "put"]),
    st.sampled_from(["buy", "sell"]),
    st.integers(80, 200).map(float),
    st.integers(0, 2_000).map(lambda cents: cents / 100),
    st.integers(1, 5).map(lambda contracts: 100.0 * contracts),
)
stock = st.builds(leg, st.just("stock"), st.sampled_from(["buy", "sell"]), st.none(), st.floats(50, 250))
strategies = st.lists(st.one_of(options, options, options, stock), min_size=1, max_size=6)


@st.composite
def ongoing(draw):
    """Legs of which some go on, with years, volatility and rate; :func:`position` makes a position of them."""
    legs = draw(strategies)
    goes_on = draw(st.lists(st.booleans(), min_size=len(legs), max_size=len(legs)))
    years = [
        draw(st.floats(0.02, 0.5)) * (on and leg.is_option) for leg, on in zip(legs, goes_on, strict=True)
    ]
    return legs, years, draw(st.floats(0.1, 1.0)), draw(st.floats(0, 0.05))


def position(drawn):
    """Not within a strategy: what checks the types of arrays asks for random numbers."""
    legs, years, volatility, rate = drawn
    return Position.of_legs(
        legs, years=np.array(years, dtype=float), volatility=np.full(len(legs), volatility), rate=rate
    )
