import pytest

from tickgraph.lab.evaluation.evaluation_result import Estimate
from tickgraph.lab.evaluation.html_report.style import PALETTE
from tickgraph.lab.evaluation.metric_columns import HIT_RATE, IC, R2, Metric, coverage, interval, mark, number


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.03121, IC, "0.0312"),
        (-0.03121, IC, "−0.0312"),
        (-0.00001, IC, "0.0000"),
        (0.5123, HIT_RATE, "51.2 %"),
        (-0.0004, R2, "−0.04 %"),
        (21_000, Metric("Forecasts", "", decimals=0), "21,000"),
        (-21_000, Metric("Forecasts", "", decimals=0), "−21,000"),
        (None, IC, "–"),
    ],
)
def test_numbers_read_as_in_print(value, metric, text):
    assert number(value, metric) == text


def test_an_interval_has_one_unit_and_none_where_nothing_was_resampled():
    assert interval(Estimate(value=0.51, low=0.49, high=0.53), HIT_RATE) == "[49.0, 53.0]"
    assert interval(Estimate(value=0.51), HIT_RATE) == ""
    assert interval(Estimate(value=0.25, low=0.25, high=0.25), IC) == ""


@pytest.mark.parametrize(
    ("estimate", "metric", "text"),
    [
        (Estimate(value=0.01, low=-0.01, high=0.03), IC, "not told apart from 0"),
        (Estimate(value=0.01, low=0.0, high=0.03), IC, "not told apart from 0"),
        (Estimate(value=0.02, low=0.001, high=0.03), IC, None),
        (Estimate(value=0.51, low=0.49, high=0.53), HIT_RATE, "not told apart from 50 %"),
        (Estimate(value=0.01), IC, None),
        (Estimate(value=0.779, low=0.7, high=0.9), coverage("0.8"), "off by more than 2 points"),
        (Estimate(value=0.78, low=0.7, high=0.9), coverage("0.8"), None),
        (Estimate(value=0.82, low=0.81, high=0.83), coverage("0.8"), None),
    ],
)
def test_a_figure_is_marked_when_its_interval_holds_the_null_or_coverage_is_off(estimate, metric, text):
    said = mark(estimate, metric)
    assert (said.text if said else None) == text


@pytest.mark.parametrize("ground", ["#fdfdfc", "#1a1e23"])
def test_every_colour_stands_out_from_both_grounds(ground):
    assert [color for color in PALETTE if _contrast(color, ground) < 3] == []


def _contrast(a, b):
    """Ratio of relative luminances, WCAG 2.2."""

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
