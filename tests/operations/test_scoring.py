from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from made_outlooks import record
from made_prices import StoreOf
from tickgraph.market.calendar import sessions
from tickgraph.market.panel import PricePanel
from tickgraph.market.store import PriceStore
from tickgraph.model.measures import measure
from tickgraph.operations.records import read_quality, write_quality
from tickgraph.operations.scoring import MIN_OVER_TIME, live_quality, score

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
DAYS = sessions("2022-10-03", "2022-12-30")


def market(moves):
    """Prices whose last log returns, by symbol, are these; a hundredth a day before."""
    columns = [100 * np.exp(np.cumsum([*[0.01] * (len(DAYS) - len(own)), *own])) for own in moves.values()]
    closes = np.column_stack(columns)
    return PricePanel(DAYS, tuple(moves), closes, closes, closes, "sample")


def scored(panel, records, **words):
    return score(
        pd.DataFrame(records), lambda source, symbols, first: panel.select(symbols), EVENING, **words
    )


def forecasts(symbol, *returns, **others):
    """Records of forecasts for the last sessions."""
    targets = DAYS[-len(returns) :]
    return [
        record(
            symbol,
            as_of=str(DAYS[-len(returns) - 1 + row]),
            target=str(target),
            logged=f"{target}T12:00",
            forecast=value,
            **others,
        )
        for row, (target, value) in enumerate(zip(targets, returns, strict=True))
    ]


def test_figures_are_those_worked_out_by_hand():
    panel = market({"AAPL": [0.03, -0.01, 0.0, -0.05]})
    made = forecasts("AAPL", 0.01, 0.01, 0.0, -0.02, half_widths=(0.015, 0.04), centre=0.001)
    quality = scored(panel, made)
    found = quality.symbols["AAPL"]

    assert (found.forecasts, found.first, found.last) == (4, date(2022, 12, 27), date(2022, 12, 30))
    assert found.hit_rate == pytest.approx(2 / 3), (
        "a session without a move is left out, though none was forecast"
    )
    assert found.coverage == {"0.8": 0.5, "0.95": 0.75}
    # errors 0.02, -0.02, 0, -0.03; returns 0.03, -0.01, 0, -0.05
    assert found.r2_vs_zero == pytest.approx(1 - (2 * 0.0004 + 0.0009) / (0.0009 + 0.0001 + 0.0025))
    # means of the 20 returns before: 0.01, 0.011, 0.01, 0.0095
    momentum = np.array([0.03 - 0.01, -0.01 - 0.011, 0.0 - 0.01, -0.05 - 0.0095])
    assert found.r2_vs_momentum == pytest.approx(1 - 0.0017 / (momentum @ momentum))
    residuals = np.abs(np.array([0.03, -0.01, 0.0, -0.05]) - 0.001) / 0.02
    assert found.error_ratio == pytest.approx(residuals.mean() / 0.8)
    assert found.ic is None, "four forecasts are too few"
    assert quality.panel.ic is None, "one symbol has no cross-section"
    assert quality.panel.model_copy(update={"ic": found.ic}) == found
    assert (quality.as_of, quality.computed_at, quality.window) == (date(2022, 12, 30), EVENING, 60)
    assert quality.flagged == {}


def test_correlations_are_over_time_of_a_symbol_and_across_symbols_of_a_session():
    generator = np.random.default_rng(0)
    names = ("AAPL", "JPM", "MSFT", "XOM")
    moves = {name: 0.01 * generator.standard_normal(MIN_OVER_TIME) for name in names}
    said = {name: 0.001 * generator.standard_normal(MIN_OVER_TIME) for name in names}
    found = scored(market(moves), [one for name in names for one in forecasts(name, *said[name])])
    for name in names:
        assert found.symbols[name].ic == pytest.approx(np.corrcoef(said[name], moves[name])[0, 1])
    across = [
        np.corrcoef([said[name][row] for name in names], [moves[name][row] for name in names])[0, 1]
        for row in range(MIN_OVER_TIME)
    ]
    assert found.panel.ic == pytest.approx(np.mean(across))
    assert found.panel.forecasts == 4 * MIN_OVER_TIME


def test_a_forecast_that_does_not_vary_has_no_correlation():
    moves = 0.01 * np.random.default_rng(0).standard_normal(13)
    found = scored(market({"AAPL": moves}), forecasts("AAPL", *[0.0007] * 13))
    assert found.symbols["AAPL"].ic is None


@pytest.mark.parametrize("figure", ["predicted_return", "centre", "volatility", "mean_score", "lower_0.8"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_record_that_lacks_a_figure_is_left_out_and_spoils_no_others(figure, value):
    """Those of another release may; one would make the panel's figures unknown, or an error of nothing infinite."""
    panel = market({"AAPL": [0.01] * 8, "JPM": [0.01, -0.02] * 4})
    sound = forecasts("JPM", *[0.01] * 8)
    lacking = forecasts("AAPL", *[0.01] * 8, **{figure: value})
    found = scored(panel, [*sound, *lacking], trained=lambda _: datetime(2022, 12, 1, tzinfo=UTC))
    assert found == scored(panel, sound)


def test_figures_agree_with_those_recorded_at_training(panel):
    """The same definitions on real prices, by the code that judges a model when it is trained."""
    generator, count = np.random.default_rng(0), 60
    returns = panel.select(("AAPL", "MSFT", "JPM")).log_returns()
    said = 0.002 * generator.standard_normal((count, 3))
    days = panel.sessions[-count - 1 :]
    made = [
        record(
            name, as_of=str(days[row]), target=str(days[row + 1]), logged=f"{days[row + 1]}T12:00", forecast=f
        )
        for row in range(count)
        for name, f in zip(("AAPL", "MSFT", "JPM"), said[row], strict=True)
    ]
    quality = scored(panel, made)
    for column, name in enumerate(("AAPL", "MSFT", "JPM")):
        realised = returns[-count:, column]
        momentum = np.array(
            [returns[-count - 20 + t : len(returns) - count + t, column].mean() for t in range(count)]
        )
        expected = measure(
            said[:, [column]], realised[:, None], np.full((count, 1), 0.02), momentum, mean_return=0.0
        )
        found = quality.symbols[name]
        assert found.ic == pytest.approx(expected.ic)
        assert found.hit_rate == pytest.approx(expected.hit_rate)
        assert found.r2_vs_zero == pytest.approx(expected.r2_vs_zero)
        assert found.r2_vs_momentum == pytest.approx(1 - expected.mse / expected.mse_momentum)
        inside = np.abs(realised) <= 0.02
        assert found.coverage["0.8"] == pytest.approx(inside.mean())


def test_nothing_logged_is_no_error(prices_dir, registry, tmp_path):
    quality = live_quality(tmp_path / "state", PriceStore(prices_dir), registry, EVENING)
    assert (quality.panel.forecasts, quality.symbols, quality.flagged) == (0, {}, {})
    assert quality.as_of == date(2022, 12, 30)
    write_quality(tmp_path / "state", quality)
    assert read_quality(tmp_path / "state") == quality


def test_what_was_served_is_scored_when_its_session_is_over(prices_dir, registry, tmp_path):
    """From the forecaster through the journal to the figures, with a store that grows by a session."""
    from tickgraph.serving.forecaster import Forecaster
    from tickgraph.serving.journal import ForecastJournal

    store, state = PriceStore(prices_dir), tmp_path / "state"
    clock = [datetime(2022, 12, 29, 22, tzinfo=UTC)]

    def panels(source, symbols):  # what was stored on that evening
        return store.panel(source, symbols, last=date(2022, 12, 29))

    journal = ForecastJournal(state / "journal", lambda: clock[0])
    served = Forecaster(registry, StoreOf(panels), now=lambda: clock[0], journal=journal).forecast_all()
    assert live_quality(state, store, registry, clock[0]).panel.forecasts == 0

    clock[0] = EVENING
    quality = live_quality(state, store, registry, clock[0])
    assert set(quality.symbols) == set(served.forecasts) == {"AAPL", "MSFT", "JPM", "XOM"}
    for symbol, forecast in served.forecasts.items():
        closes = store.panel("sample", (symbol,)).adj_close[-2:, 0]
        came = np.log(closes[1] / closes[0])
        found = quality.symbols[symbol]
        assert found.coverage == {
            str(i.level): float(i.lower_return <= came <= i.upper_return) for i in forecast.intervals
        }
        assert found.r2_vs_zero == pytest.approx(
            1 - (came - forecast.predicted_return) ** 2 / came**2, rel=1e-4
        )
