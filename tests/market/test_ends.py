from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tickgraph.market.calendar import sessions
from tickgraph.market.ends import Ends, ends_of, last_sessions, shared_sessions, uneven_ends
from tickgraph.market.panel import PricePanel

DAYS = sessions("2022-06-01", "2022-07-29")
TUESDAY, WEDNESDAY = date(2022, 7, 26), date(2022, 7, 27)


def ending(lengths, gaps=()):
    """Symbols of so many sessions each; ``gaps`` are (symbol, row) without a price."""
    prices = np.full((max(lengths.values()), len(lengths)), np.nan)
    for column, length in enumerate(lengths.values()):
        prices[:length, column] = 100 + np.arange(length)
    for symbol, row in gaps:
        prices[row, list(lengths).index(symbol)] = np.nan
    return PricePanel(DAYS[: len(prices)], tuple(lengths), prices, prices, prices, "made")


def test_the_session_that_most_end_on_is_common_and_of_two_the_later():
    assert ends_of({"A": TUESDAY, "B": TUESDAY, "C": WEDNESDAY}) == Ends(TUESDAY, {}, {"C": WEDNESDAY})
    assert ends_of({"A": TUESDAY, "B": WEDNESDAY}) == Ends(WEDNESDAY, {"A": TUESDAY}, {})
    assert ends_of({}) == Ends(None)


def test_who_ends_elsewhere_is_named_with_the_sessions_between():
    behind, ahead = uneven_ends(
        {"A": WEDNESDAY, "B": WEDNESDAY, "C": date(2022, 7, 22), "D": date(2022, 7, 28)}
    )
    assert (behind.symbol, behind.kind, behind.session) == ("C", "behind others", "2022-07-22")
    assert behind.detail.startswith("ends 3 sessions before others, which reach 2022-07-27")
    assert (ahead.symbol, ahead.kind, ahead.severity) == ("D", "ahead of others", "warning")
    assert ahead.detail.startswith("ends 1 session after others, which reach 2022-07-27")
    assert uneven_ends({"A": TUESDAY, "B": TUESDAY}) == uneven_ends({}) == []


def test_last_sessions_leave_out_who_has_no_price():
    panel = ending({"A": 20, "B": 18, "C": 0})
    assert last_sessions(panel) == {"A": DAYS[19].item(), "B": DAYS[17].item()}
    assert last_sessions(panel, {"B"}) == {"B": DAYS[17].item()}


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ({"A": 21, "B": 20, "C": 20, "D": 20}, {"A": 20, "B": 20, "C": 20, "D": 20}),  # one is ahead
        ({"A": 19, "B": 20, "C": 20, "D": 20}, {"A": 19, "B": 20, "C": 20, "D": 20}),  # one is behind
        (
            {"A": 20, "B": 20, "C": 20, "D": 23, "E": 23, "F": 23},
            dict.fromkeys("ABCDEF", 20),
        ),  # half are ahead
        ({"A": 10, "B": 20, "C": 20, "D": 20}, {"A": 10, "B": 20}),  # one has ended
        ({"A": 30, "B": 20, "C": 20, "D": 20}, {"A": 30, "B": 20}),  # one is further ahead than is tolerated
        ({"A": 21, "B": 20}, {"A": 20, "B": 20}),  # two symbols, one ahead
        ({"A": 20}, {"A": 20}),  # nobody else
        ({"A": 0, "B": 20}, {"B": 20}),  # no price
    ],
)
def test_a_symbol_is_looked_at_as_of_its_own_last_session_or_one_that_most_others_have(lengths, expected):
    found = shared_sessions(ending(lengths), tuple(lengths))
    assert {symbol: found[symbol] for symbol in expected} == {s: DAYS[n - 1] for s, n in expected.items()}
    assert ("A" in found) == bool(lengths["A"])


def test_the_tolerance_is_five_sessions():
    others = dict.fromkeys("BCD", 20)
    assert shared_sessions(ending({"A": 25, **others}), "A") == {"A": DAYS[19]}
    assert shared_sessions(ending({"A": 26, **others}), "A") == {"A": DAYS[25]}


def test_only_the_pool_is_asked_and_the_symbol_has_a_price_at_the_session():
    lengths = {"A": 21, "B": 21, "C": 20, "D": 20}
    assert shared_sessions(ending(lengths), "A", {"B"}) == {"A": DAYS[20]}
    assert shared_sessions(ending(lengths), "A", {"C", "D"}) == {"A": DAYS[19]}
    assert shared_sessions(ending(lengths, [("A", 19)]), "A", {"C", "D"}) == {"A": DAYS[18]}
