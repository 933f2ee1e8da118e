from __future__ import annotations

from datetime import UTC, datetime

import pytest

from made_outlooks import horizons, outlook
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.calendar import Clock
from tickgraph.serving.answer import answer_fields
from tickgraph.serving.distribution_answer import Distribution
from tickgraph.serving.outlook_answer import OutlookAnswer, looking_ahead, outlook_fields

CLOCK = Clock(lambda: datetime(2022, 12, 30, 22, tzinfo=UTC))


@pytest.mark.parametrize("price", [None, 130.0, 1000.0])
def test_an_answer_about_a_later_close_says_what_the_forecast_says_of_itself(price):
    made = outlook(horizons=horizons())
    shared, forecast = outlook_fields(made, price, CLOCK), answer_fields(made, price, CLOCK)
    assert shared == {name: forecast[name] for name in OutlookAnswer.model_fields}
    assert set(shared) < set(Distribution.model_fields)


def test_an_expiry_is_counted_in_sessions():
    ahead, day = looking_ahead(outlook(horizons=horizons()), expiry="2023-01-20")
    assert (ahead, str(day)) == (14, "2023-01-20")


def test_momentum_looks_one_session_ahead():
    assert looking_ahead(outlook(), sessions=1)[0] == 1
    with pytest.raises(ModelNotFoundError, match="14 sessions were asked for"):
        looking_ahead(outlook(), expiry="2023-01-20")
    with pytest.raises(InputError, match="no session of XNYS"):
        looking_ahead(outlook(), expiry="2023-01-21")
