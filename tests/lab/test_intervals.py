from __future__ import annotations

import pytest

from tickgraph.lab.intervals import ends, interval_text, is_above, is_below, leaves_out
from tickgraph.registry.evaluation_record import Figure


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [(0.1, 0.3, True, False), (-0.3, -0.1, False, True), (0.0, 0.2, False, False), (-0.1, 0.1, False, False)],
)
def test_a_figure_is_told_apart_where_its_interval_leaves_the_value_out(low, high, above, below):
    figure = Figure(value=(low + high) / 2, low=low, high=high)
    assert (is_above(figure), is_below(figure), leaves_out(figure)) == (above, below, above or below)
    assert leaves_out(figure, value=9.0)


@pytest.mark.parametrize("figure", [None, Figure(value=1.0)])
def test_what_was_not_resampled_is_told_apart_from_nothing(figure):
    assert ends(figure) is None
    assert not leaves_out(figure)
    assert interval_text(figure, " [{:.1f}, {:.1f}]") == ""


def test_the_ends_are_written_as_asked():
    assert (
        interval_text(Figure(value=0.2, low=0.1, high=0.3), " [{:+.1f}, {:+.1f}]", 100) == " [+10.0, +30.0]"
    )
