"""Forecasts and distributions as people read them: results on stdout, notes on stderr."""

from __future__ import annotations

from collections.abc import Mapping

from tickgraph.cli.fan import ASCII, LINES, fan
from tickgraph.cli.output import facts, money, note, percent, print_table, results, stdout
from tickgraph.serving.answer import Forecast
from tickgraph.serving.distribution_answer import Distribution
from tickgraph.serving.outlook_answer import OutlookAnswer
from tickgraph.serving.price_ranges import HorizonForecast
from tickgraph.wording import counted

_RANGE = "expected move", "volatility", "80% interval", "95% interval"
Answers = Mapping[str, Forecast] | Mapping[str, Distribution]


def print_one(answer: Forecast | Distribution) -> None:
    """Print one answer with where it came from, its notes on stderr."""
    if isinstance(answer, Forecast):
        _print_forecast(answer)
    else:
        _print_distribution(answer)
    for text in answer.notes:
        note(text)


def print_many(answers: Answers) -> None:
    """Print answers as a table, and each note once on stderr, with how many answers have it."""
    forecasts = {symbol: answer for symbol, answer in answers.items() if isinstance(answer, Forecast)}
    distributions = {symbol: answer for symbol, answer in answers.items() if isinstance(answer, Distribution)}
    if distributions:
        _print_distributions(distributions)
    else:
        _print_forecasts(forecasts)
    for text in dict.fromkeys(text for answer in answers.values() for text in answer.notes):
        count = sum(text in answer.notes for answer in answers.values())
        note(f"{text} ({count} of {len(answers)})")


def _print_forecast(forecast: Forecast) -> None:
    move = percent(forecast.predicted_return, 3, sign=True)
    rows = {
        "forecast": f"{money(forecast.prediction)}  ({move} log return)",
        "from price": f"{money(forecast.price)}  ({forecast.price_source})",
    }
    for interval in forecast.intervals:
        rows[f"{interval.level:.0%} interval"] = f"{money(interval.lower)} to {money(interval.upper)}"
    rows["P(up)"] = percent(forecast.probability_up)
    rows["confidence"] = (
        f"{percent(forecast.confidence)}  (sign is right; {forecast.calibration_sessions} held-out sessions)"
    )
    stdout.print(facts(f"{forecast.symbol}: close of {forecast.target_session}", rows | origin(forecast)))
    if forecast.horizons:
        _print_horizons(forecast)


def _print_horizons(forecast: Forecast) -> None:
    table = results(
        f"{forecast.symbol}: how far the price may move",
        right=("sessions", "until", *_RANGE),
    )
    for each in forecast.horizons:
        table.add_row(
            str(each.sessions),
            str(each.expiry),
            *_range(each, forecast.price),
        )
    print_table(table)


def _print_distribution(answer: Distribution) -> None:
    """Print figures, quantiles and a fan."""
    share = percent(answer.expected_move / answer.price)
    rows = {
        "from price": f"{money(answer.price)}  ({answer.price_source})",
        "expected move": f"{money(answer.expected_move)}  ({share} of the price)",
        "volatility": f"{percent(answer.volatility)}  (annualised)",
    }
    for interval in answer.intervals:
        rows[f"{interval.level:.0%} interval"] = f"{money(interval.lower)} to {money(interval.upper)}"
    rows["mean"] = money(answer.mean)
    if answer.dividends is not None:
        rows["dividends"] = _dividends(answer)
    rows["calibrated on"] = counted(answer.calibration_sessions, "held-out session")
    ahead = counted(answer.sessions, "session")
    title = f"{answer.symbol}: close of {answer.expiry}, {ahead} after {answer.as_of}"
    stdout.print(facts(title, rows | origin(answer)))
    table = results("Quantiles", right=("probability below", "close", "log return"))
    for quantile in answer.quantiles:
        table.add_row(
            f"{quantile.probability:.0%}", money(quantile.close), percent(quantile.log_return, 2, sign=True)
        )
    print_table(table)
    marks = LINES if stdout.encoding.startswith("utf") else ASCII
    stdout.print(fan(answer.path, answer.price, answer.as_of, marks), soft_wrap=True)


def _dividends(answer: Distribution) -> str:
    if not answer.dividend:
        return "none expected until then"
    days = ", ".join(map(str, answer.ex_dates))
    why = f"expected to go ex on {days}" if days else "the last year's yield, spread evenly"
    return f"{money(answer.dividend)} taken off  ({why})"


def _print_distributions(answers: Mapping[str, Distribution]) -> None:
    table = results(
        "How far prices may move",
        "symbol",
        right=("sessions", "until", "price", *_RANGE),
    )
    for symbol, answer in answers.items():
        table.add_row(
            symbol,
            str(answer.sessions),
            str(answer.expiry),
            money(answer.price),
            *_range(answer, answer.price),
        )
    print_table(table)


def _range(each: HorizonForecast | Distribution, price: float) -> tuple[str, ...]:
    """The columns of :data:`_RANGE`."""
    move = f"{money(each.expected_move)} ({percent(each.expected_move / price)})"
    intervals = (f"{money(interval.lower)} to {money(interval.upper)}" for interval in each.intervals)
    return move, percent(each.volatility), *intervals


def origin(answer: Forecast | OutlookAnswer) -> dict[str, str]:
    """Where a model and its prices come from, and how fresh they are."""
    rows: dict[str, str] = {"status": answer.status}
    if answer.trained_at is not None:
        rows["model trained"] = f"{answer.trained_at:%Y-%m-%d %H:%M} UTC"
    stale = f", STALE by {counted(answer.sessions_behind, 'session')}" if answer.stale else ", current"
    origin = answer.prices_source
    if answer.prices_provider != origin:
        origin += f" ({answer.prices_provider})"
    return {**rows, "prices": f"{origin}, as of {answer.as_of}{stale}"}


def _print_forecasts(forecasts: Mapping[str, Forecast]) -> None:
    # The title says what all of them have in common.
    statuses = {forecast.status for forecast in forecasts.values()}
    days = {forecast.as_of for forecast in forecasts.values()}
    title = "Forecasts of the next close"
    if len(statuses) == len(days) == 1:
        title += f": {statuses.pop()}, prices as of {days.pop()}"
    common = title != "Forecasts of the next close"
    table = results(
        title,
        "symbol",
        *(() if common else ("status", "as of")),
        right=("price", "forecast", "return", "80% interval", "P(up)", "conf."),
    )
    for symbol, forecast in forecasts.items():
        likely = forecast.intervals[0]
        table.add_row(
            symbol,
            *(() if common else (forecast.status, str(forecast.as_of))),
            money(forecast.price),
            money(forecast.prediction),
            percent(forecast.predicted_return, 2, sign=True),
            f"{money(likely.lower)} to {money(likely.upper)}",
            percent(forecast.probability_up),
            percent(forecast.confidence),
        )
    print_table(table)
