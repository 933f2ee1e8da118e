"""What an outlook says of the templates."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from made_outlooks import horizons, outlook
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.calendar import Clock
from tickgraph.options.legs import Leg
from tickgraph.options.strategy_question import ask_strategy
from tickgraph.options.templates import TEMPLATES
from tickgraph.serving.strategy_answer import strategy_of
from tickgraph.serving.template_answer import templates_of

CLOCK = Clock(lambda: datetime(2022, 12, 30, 22, tzinfo=UTC))
NEAR = "2023-01-20"


def said(made=None, price=130.0, **words):
    return templates_of(made or outlook(as_of="2022-12-30", horizons=horizons()), price, CLOCK, **words)


def test_every_template_comes_with_legs_that_can_be_asked_about():
    made = outlook(as_of="2022-12-30", horizons=horizons())
    answer = said(made, expiry=NEAR)
    assert [each.name for each in answer.templates] == list(TEMPLATES)
    assert (answer.expiry, answer.sessions, answer.price) == (date(2023, 1, 20), 13, 130.0)
    for each in answer.templates:
        legs = [Leg(leg.kind, leg.side, leg.quantity, leg.strike, leg.expiry) for leg in each.legs]
        figures = strategy_of(made, 130.0, CLOCK, ask_strategy(legs=legs))
        assert 0 <= figures.probability_of_profit <= 1
        assert len(legs) == len(TEMPLATES[each.name].parts)
    assert type(answer).model_validate_json(answer.model_dump_json()) == answer


def test_strikes_lie_near_the_closes_of_the_stated_probabilities():
    made = horizons()
    for each in said(expiry=NEAR).templates:
        strikes = sorted({leg.strike for leg in each.legs if leg.strike is not None})
        closes = 130.0 * np.exp(made.quantile(np.array(each.probabilities), 13))
        assert strikes == pytest.approx(closes.tolist(), abs=1.3)


def test_a_calendar_goes_on_to_a_later_session_and_is_left_out_where_there_is_none():
    (calendar,) = [each for each in said(expiry=NEAR).templates if each.name == "calendar"]
    assert [leg.expiry for leg in calendar.legs] == [date(2023, 1, 20), date(2023, 2, 8)]
    longest = [each.name for each in said(sessions=63).templates]
    assert longest == [name for name in TEMPLATES if name != "calendar"]


def test_momentum_has_templates_of_the_next_session_and_of_no_later_one():
    made = outlook(as_of="2022-12-30")
    assert said(made, sessions=1).expiry == date(2023, 1, 3)
    with pytest.raises(ModelNotFoundError, match="next session only"):
        said(made, sessions=5)
    with pytest.raises(InputError, match="Give either sessions"):
        said(made)
