"""A writer and readers, each a process of its own: ``python committing.py write|read FOLDER``.

The writer commits a plan of states, one after the other. A state is how many sessions there are, and the scale of each
symbol's prices; every process knows the plan. A reader looks until it has seen the last state, and fails on a panel
that is none of them, or older than the one before.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from made_prices import DAYS, Scripted, made_bars
from tickgraph.market.store import PriceStore, writer

NAMES = ("AAPL", "JPM", "MSFT", "TSLA", "XOM")
FIRST, LAST = 20, 28
writer.FOLD_SESSIONS = 6


def plan():
    """Steps and the state after each: append a session, replace one symbol's history, fold."""
    chance, count, scales = random.Random(5), FIRST, dict.fromkeys(NAMES, 1.0)
    yield None, (count, tuple(scales.values()))
    while count < LAST:
        step = chance.choice(["append", "replace", "replace", "fold"])
        symbol = chance.choice(NAMES)
        if step == "append":
            count += 1
        elif step == "replace":
            scales[symbol] *= chance.choice([0.5, 2.0, 4.0])
        yield (step, symbol, count, dict(scales)), (count, tuple(scales.values()))


def write(root):
    store = PriceStore(root)
    for step, _ in plan():
        if step is None:
            continue
        what, symbol, count, scales = step
        if what == "append":
            bars = pd.concat([made_bars([name], count, scale=scales[name]) for name in NAMES])
            assert set(store.update(Scripted(bars), NAMES).added.values()) == {1}
        elif what == "replace":
            store.write("scripted", made_bars([symbol], count, scale=scales[symbol]))
        else:
            store.fold("scripted", always=True)


def read(root):
    states = [state for _, state in plan()]
    places = {state: [i for i, each in enumerate(states) if each == state] for state in states}
    base = {name: made_bars([name], 70)["adj_close"].to_numpy() for name in NAMES}
    store, seen, reached, turn = PriceStore(root), set(), 0, 0
    print("reading", flush=True)
    while reached < places[states[-1]][0]:
        turn += 1
        tail = turn % 2 == 0
        panel = store.panel("scripted", NAMES, sessions=15 if tail else None)
        assert np.isfinite(panel.adj_close).all(), "symbols end on different sessions"
        start = int(np.searchsorted(DAYS, panel.sessions[0]))
        count = start + len(panel.sessions)
        scales = panel.adj_close / np.column_stack([base[name][start:count] for name in NAMES])
        assert np.allclose(scales, scales[0]), "a symbol's rows are of two histories"
        state = count, tuple(np.round(scales[0], 9).tolist())
        later = [place for place in places.get(state, ()) if place >= reached]
        assert later, f"{state} was never stored after state {reached}"
        reached = later[0]
        seen.add(state)
    print(turn, len(seen), flush=True)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
