"""``tickgraph status``: freshness and live quality at a glance."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from tickgraph.cli.options import (
    AsJson,
    Exchange,
    ModelsDir,
    PricesDir,
    Source,
    listed_symbols,
    symbols_option,
)
from tickgraph.cli.output import (
    age,
    facts,
    note,
    number,
    percent,
    print_json,
    print_sentence,
    print_table,
    results,
    stdout,
)
from tickgraph.errors import CheckFailed
from tickgraph.operations.overview import Overview, overview
from tickgraph.operations.records import HorizonFigures
from tickgraph.operations.symbol_status import SymbolStatus
from tickgraph.operations.universe_status import UniverseStatus
from tickgraph.settings import load_settings
from tickgraph.shared.contact import shared_fault
from tickgraph.wording import counted, listed

NAMED = 8  # symbols named behind a problem that many share


def status(
    symbols: Annotated[list[str] | None, symbols_option("all")] = None,
    problems: Annotated[
        bool, typer.Option("--problems", help="Only symbols that are stale, failed or out of band.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 8 if anything is stale, failed or out of band.")
    ] = False,
    source: Source = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Show how fresh prices and models are, and how good the forecasts that were served; worst first.

    Stale means that a symbol lacks something that the last due refresh should have brought. Out of band means that a
    model's intervals or errors differ by more than chance from what its calibration promised.
    """
    settings = load_settings(source=source, models_dir=models_dir, prices_dir=prices_dir, exchange=exchange)
    view = overview(
        settings.open_registry(),
        settings.price_store(),
        settings.operations_dir,
        settings.source,
        datetime.now(UTC),
        settings.schedule.timetable(),
        shared_away=shared_fault(settings.shared_space),
    )
    wanted = listed_symbols(symbols, view.symbols) if symbols else tuple(view.symbols)
    shown = [one for one in view.symbols.values() if one.symbol in wanted]
    unknown = sorted(set(wanted) - view.symbols.keys())
    is_well = not view.problems and not unknown and all(one.state == "ok" for one in shown)
    if problems:
        shown = [one for one in shown if one.state != "ok"]
    if as_json:
        print_json(_document(view, shown, is_well))
    else:
        _print(view, shown, unknown, is_well)
    if check and not is_well:
        raise typer.Exit(CheckFailed.exit_code)


def _document(view: Overview, shown: list[SymbolStatus], is_well: bool) -> dict[str, Any]:
    quality = view.quality
    return {
        "at": view.at,
        "ok": is_well,
        "problems": view.problems,
        "sources": {name: asdict(one) for name, one in view.sources.items()},
        "last_run": view.last_run.model_dump(mode="json", exclude={"symbols"}) if view.last_run else None,
        "next_due": view.schedule.next_due,
        "next_kind": view.schedule.next_kind,
        "lease": view.lease,
        "quality": quality.model_dump(mode="json", exclude={"symbols"}) if quality else None,
        "universe": {
            name: {
                **asdict(one),
                "qlike": {horizon: each.model_dump() for horizon, each in (one.qlike or {}).items()} or None,
            }
            for name, one in view.universe.items()
        },
        "symbols": {
            one.symbol: {**asdict(one), "live": one.live.model_dump(mode="json") if one.live else None}
            for one in shown
        },
    }


def _print(view: Overview, shown: list[SymbolStatus], unknown: list[str], is_well: bool) -> None:
    stdout.print(facts(f"Status at {view.at:%Y-%m-%d %H:%M} UTC", _header(view)))
    if shown:
        print_table(_table(view, shown))
    elif is_well:
        print_sentence("Nothing is stale, failed or out of band.")
    if unknown:
        note(f"nothing is known of {', '.join(unknown)}: no model, and no forecast was served")
    for problem in view.problems:
        print_sentence(problem)
    by_text: dict[str, list[str]] = {}
    for one in shown:
        for text in one.problems:
            by_text.setdefault(text, []).append(one.symbol)
    for text, names in by_text.items():
        print_sentence(f"{listed(names, NAMED)}: {text}")


def _header(view: Overview) -> dict[str, str]:
    rows = {
        f"prices, {name}": "none stored. Run: tickgraph prices update"
        if one.last_session is None
        else f"{one.symbols} symbols up to {one.last_session}, {_behind(one.sessions_behind)}"
        for name, one in view.sources.items()
    }
    for name, of in view.universe.items():
        rows[f"universe, {name}"] = _universe(of)
        if of.qlike:
            figures = ", ".join(f"{h}: {each.network:.3f} ({each.today:.3f})" for h, each in of.qlike.items())
            rows["  QLIKE, " + name] = f"held out, by sessions ahead, and of the last 25 sessions: {figures}"
    run, due, quality = view.last_run, view.schedule.next_due, view.quality
    rows["last refresh"] = (
        "none yet. Run: tickgraph refresh"
        if run is None
        else f"{run.state}, {run.kind}, began {age(run.started_at, view.at)} ago"
    )
    if due is not None:
        rows["next due"] = f"{due:%Y-%m-%d %H:%M} UTC ({view.schedule.next_kind})"
    if view.lease is not None:
        rows["refreshing now"] = view.lease
    if quality is None or not quality.panel.forecasts:
        rows["live quality"] = "no forecast has met its session yet"
    else:
        panel = quality.panel
        rows["live quality"] = (
            f"{panel.forecasts} forecasts for {panel.first} to {panel.last}: IC {number(panel.ic)}, "
            f"hit rate {percent(panel.hit_rate)}, 80% interval held {percent(panel.coverage.get('0.8'))}, "
            f"R2 {percent(panel.r2_vs_zero, 2, sign=True)} against no move and "
            f"{percent(panel.r2_vs_momentum, 2, sign=True)} against momentum"
        )
    if quality is not None and quality.horizons:
        rows["  by sessions ahead"] = "80% and 95% intervals of the close held " + ", ".join(
            f"{ahead}: {_held(figures)}" for ahead, figures in quality.horizons.items()
        )
    return rows


def _held(figures: HorizonFigures) -> str:
    held = " and ".join(percent(share, 0) for share in figures.coverage.values())
    # Without a verdict a reader should know how little it says.
    return held if figures.usual else f"{held} ({figures.stretches:.1f} independent stretches)"


def _universe(of: UniverseStatus) -> str:
    fit = (
        "no fit of its own"
        if of.version is None
        else f"fit {of.version} on {counted(of.symbols or 0, 'symbol')} up to {of.last_session}"
    )
    return f"{fit}, " + (f"state of {of.state_session}" if of.state_session else "no state of the day")


def _table(view: Overview, shown: list[SymbolStatus]) -> Any:
    table = results(
        "Symbols, worst first",
        "symbol",
        "state",
        right=(
            "prices",
            "behind",
            "model age",
            "corr. as of",
            "live n",
            "IC",
            "hit rate",
            "80% holds",
            "errors",
        ),
    )
    colours = {"failed": "red", "out of band": "magenta", "stale": "yellow", "ok": "green"}
    for one in shown:
        live = one.live
        table.add_row(
            one.symbol,
            f"[{colours[one.state]}]{one.state}[/]",
            str(one.last_session or "-"),
            "-" if one.sessions_behind is None else str(one.sessions_behind),
            "-" if one.trained_at is None else age(one.trained_at, view.at),
            str(one.correlations_as_of or "-"),
            str(live.forecasts if live else 0),
            number(live.ic if live else None),
            percent(live.hit_rate if live else None, 0),
            percent(live.coverage.get("0.8") if live else None, 0),
            "-" if live is None or live.error_ratio is None else f"{live.error_ratio:.2f}",
        )
    return table


def _behind(sessions: int | None) -> str:
    return "current" if not sessions else f"{counted(sessions, 'session')} behind"
