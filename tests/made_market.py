"""Small made markets in the form of the ranking benchmark's file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.ranking.market import MISSING, read_market

VALIDATION_FROM, TEST_FROM = 130, 165


def made_closes(stocks=40, days=200, reversal=0.0, seed=0):
    """``[S, days + 29]`` closes: a common factor, noise, and as much of the last return undone as asked for."""
    generator = np.random.default_rng(seed)
    moves = 0.02 * generator.standard_normal((stocks, days + 29))
    common = 0.01 * generator.standard_normal(days + 29) * generator.uniform(0.5, 1.5, (stocks, 1))
    for day in range(1, days + 29):
        moves[:, day] -= reversal * moves[:, day - 1]
    return 50 * np.exp(np.cumsum(moves + common, axis=1))


def as_features(closes):
    """``[S, T, 5]`` float32 of the file's form, without the 29 days that the longest average needs."""
    averages = [sliding_window_view(closes, n, axis=1).mean(axis=-1)[:, 30 - n :] for n in (5, 10, 20, 30)]
    channels = np.stack([*averages, closes[:, 29:]], axis=-1)
    return (channels / channels[..., -1].max(axis=1)[:, None, None]).astype(np.float32)


def write_market(path, closes=None, last_day_half_missing=True, **made):
    """Write an ``.npz``; stock 3 misses day 100, and the last day lacks every second stock."""
    features = as_features(made_closes(**made) if closes is None else closes)
    features[3, 100] = MISSING
    if last_day_half_missing:
        features[::2, -1] = MISSING
    tickers = np.array([f"S{i:03d}" for i in range(len(features))])
    np.savez(path, features=features, tickers=tickers)
    return path


def read_made(path):
    return read_market(path, VALIDATION_FROM, TEST_FROM)


def corrupted_after(market, day):
    """The same market with other prices after a day, each stock's own."""
    inputs = market.inputs.copy()
    later = inputs[:, day + 1 :]
    later *= np.random.default_rng(9).uniform(0.5, 2.0, later.shape)
    return replace(market, inputs=inputs)


def rescaled(market, stock, factor):
    """The same market with one stock's whole history on another scale."""
    inputs = market.inputs.copy()
    inputs[stock] *= factor
    return replace(market, inputs=inputs)
