"""What is said of an unforeseen error of one symbol."""

from __future__ import annotations

import logging

import pytest
from pydantic import BaseModel, Field, ValidationError

from tickgraph.errors import reason_of


class _Scores(BaseModel):
    trust: float = Field(allow_inf_nan=False)
    sessions: int = Field(ge=1)


def test_a_value_that_does_not_fit_is_named_in_one_line_without_pydantics_text(caplog):
    with pytest.raises(ValidationError) as error:
        _Scores(trust="secret", sessions=0)
    with caplog.at_level(logging.ERROR):
        reason = reason_of("AAPL", error.value)
    assert reason.startswith(
        "AAPL: an unforeseen error, ValidationError: "
        "_Scores does not take the value of trust (float_parsing), sessions (greater_than_equal). "
    )
    for text in ("\n", "secret", "Input should", "pydantic.dev"):
        assert text not in reason
    assert caplog.records[0].exc_info[1] is error.value  # the log has it all


def test_a_reason_of_several_lines_becomes_one():
    assert "RuntimeError: first second. It is" in reason_of("AAPL", RuntimeError("first\n   second"))
