from datetime import date

import pytest

from made_evaluation import made_evaluation
from tickgraph.lab.evaluation.evaluation_result import DailyIC, Estimate, RealityCheck, ReliabilityBin, Window
from tickgraph.lab.evaluation.html_report.calibration_section import reliability, sliced_coverage, strikes
from tickgraph.lab.evaluation.html_report.figures import cumulative_ic, forest, sliced, timeline
from tickgraph.lab.evaluation.html_report.sections import reality_in_words
from tickgraph.lab.evaluation.html_report.style import styles
from tickgraph.lab.evaluation.metric_columns import IC


@pytest.fixture(scope="module")
def forecasters():
    return made_evaluation(sessions=300).forecasters


def test_cumulative_ic_is_a_running_sum_over_which_sessions_without_one_pass(forecasters):
    daily = DailyIC(sessions=[date(2020, 1, d) for d in (2, 3, 6)], ic=[0.1, None, -0.3])
    (line,) = cumulative_ic([forecasters[-1].model_copy(update={"daily": daily})]).data
    assert list(line.x) == ["2020-01-02", "2020-01-03", "2020-01-06"]
    assert list(line.y) == pytest.approx([0.1, 0.1, -0.2])


def test_every_forecaster_with_an_ic_has_a_line(forecasters):
    names = [line.name for line in cumulative_ic(forecasters).data]
    assert names == [f.name for f in forecasters if f.name != "zero"]


def test_whiskers_reach_the_ends_of_the_interval(forecasters):
    style = styles(forecasters)["ridge"]
    (point,) = forest(
        [(style, Estimate(value=0.02, low=-0.01, high=0.03)), (style, None)], IC, ["a", "b"]
    ).data
    assert point.x[0] + point.error_x.array[0] == pytest.approx(0.03)
    assert point.x[0] - point.error_x.arrayminus[0] == pytest.approx(-0.01)


def test_dense_plots_start_with_the_models_and_the_best_baseline(forecasters):
    figure = sliced(forecasters, "sector", "ic", IC)
    shown = {trace.name for trace in figure.data if trace.visible is True}
    baselines = [f for f in forecasters if f.kind == "baseline" and f.accuracy.ic]
    best = max(baselines, key=lambda f: f.accuracy.ic.value).name
    assert shown == {f.name for f in forecasters if f.kind == "model"} | {best}
    assert len(figure.data) == len(forecasters) - 1  # the others are a press away


def test_a_forecaster_looks_the_same_in_every_plot(forecasters):
    looks = {}
    for figure in (cumulative_ic(forecasters), reliability(forecasters, "rise"), strikes(forecasters)):
        for trace in figure.data:
            looks.setdefault(trace.name, set()).add((trace.line.color, trace.line.dash))
    assert all(len(found) == 1 for found in looks.values())
    assert len({next(iter(found)) for found in looks.values()}) == len(looks)


def test_the_band_is_two_points_to_each_side_and_in_view(forecasters):
    figure = sliced_coverage(forecasters, "year", "0.95")
    (band,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (band.y0, band.y1) == pytest.approx((93, 97))
    assert figure.layout.yaxis.range[0] < 93
    assert figure.layout.yaxis.range[1] > 97


def test_bins_of_few_forecasts_are_not_drawn(forecasters):
    bins = [
        ReliabilityBin(predicted=0.5, observed=0.52, count=1_000),
        ReliabilityBin(predicted=0.6, observed=0.61, count=6),
        ReliabilityBin(predicted=0.9, observed=0.0, count=4),
    ]
    made = forecasters[-1]
    made = made.model_copy(
        update={"distribution": made.distribution.model_copy(update={"reliability": bins})}
    )
    line, diagonal = reliability([made], "rise").data
    assert list(line.x) == pytest.approx([50, 60])
    assert list(diagonal.x) == list(diagonal.y)


def test_strikes_show_the_paired_difference_below_zero_where_ours_is_better(forecasters):
    figure = strikes(forecasters)
    scored = [f for f in forecasters if f.strikes]
    assert [trace.name for trace in figure.data] == [f.name for f in scored]
    assert list(figure.data[0].y) == [s.difference.value for s in scored[0].strikes]


def test_a_window_of_one_day_is_one_day_long():
    day = date(2020, 1, 6)
    window = Window(
        train_first=date(2019, 1, 1),
        train_last=date(2019, 12, 31),
        embargo=3,
        test_first=day,
        test_last=day,
        symbols=4,
    )
    training, forecasts = timeline([window]).data
    assert list(forecasts.x) == [86_400_000]
    assert list(training.x) == [365 * 86_400_000]
    assert list(forecasts.base) == ["2020-01-06"]


@pytest.mark.parametrize(
    ("p", "verdict"), [(0.049, "better than zero even when"), (0.051, "may be ahead by luck")]
)
def test_the_reality_check_is_said_in_words(p, verdict):
    check = RealityCheck(benchmark="zero", best="global", variants=12, p_value=p, p_value_white=0.2)
    words = reality_in_words(check)
    assert verdict in words
    assert f"{p * 100:.1f}" in words
