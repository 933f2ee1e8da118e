"""Ways to say how likely a level is touched: the product's, paths, and the formulas that a desk has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr

from tickgraph.shapes import Float64

PRODUCT = "touch-network"
PATHS = "touch-paths"
TWICE = "touch-twice"
REFLECTION = "touch-reflection"
HAUG = "touch-haug"

DESCRIPTIONS: Mapping[str, str] = {
    PRODUCT: "The product's: reflection on the network's distribution, with the symbol's own share of nights.",
    PATHS: "Paths over whole dates, mapped to the network's distribution; at some sessions only.",
    TWICE: "Twice the probability to end beyond the level, by the network's distribution.",
    REFLECTION: "Reflection of a Brownian motion without drift at the network's volatility.",
    HAUG: "The closed form for a lognormal price without interest at the network's volatility.",
}
METHODS = tuple(DESCRIPTIONS)
"""Names, in the order of reports."""
FORMULAS = (TWICE, REFLECTION, HAUG)
"""What the product is held against."""


def reflection(
    level: Float64[np.ndarray, "..."], variance: Float64[np.ndarray, "..."]
) -> Float64[np.ndarray, "..."]:
    """Probability that a Brownian motion without drift touches a log level: 2 N(-|x| / sqrt(V))."""
    return np.asarray(2 * ndtr(-np.abs(level) / np.sqrt(variance)))


def lognormal_touch(
    level: Float64[np.ndarray, "..."], variance: Float64[np.ndarray, "..."]
) -> Float64[np.ndarray, "..."]:
    r"""Probability that a lognormal price without interest and dividends touches a log level.

    With V = sigma^2 T the log price drifts by -V / 2. For a level x above::

        N((-x - V / 2) / sqrt(V)) + exp(-x) N((-x + V / 2) / sqrt(V))

    and the mirror image below.

    Sources: Reiner & Rubinstein 1991, "Unscrambling the Binary Code", Risk 4(9); Haug 2007, "The Complete Guide to
    Option Pricing Formulas", chapter 4.
    """
    side = np.where(level > 0, 1.0, -1.0)
    distance, drift, deviation = np.abs(level), -side * variance / 2, np.sqrt(variance)
    ends = ndtr((drift - distance) / deviation)
    comes_back = np.exp(2 * drift * distance / variance) * ndtr((-drift - distance) / deviation)
    return np.asarray(ends + comes_back)
