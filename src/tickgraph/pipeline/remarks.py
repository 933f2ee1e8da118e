"""Remarks on a training run: symbols that do not end where the others do, and models with few peers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date

from tickgraph.market.calendar import sessions
from tickgraph.market.ends import Ends, ends_of, last_sessions
from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import Choice
from tickgraph.model.training_config import TrainingConfig
from tickgraph.wording import counted, listed


def remarks(
    panel: PricePanel,
    choices: Mapping[str, Choice],
    config: TrainingConfig,
    pool: Collection[str] | None = None,
) -> list[str]:
    """Say which symbols of a run stand apart, and why.

    Parameters
    ----------
    panel
        Prices of the targets and of the pool.
    choices
        Session and peers of each target.
    config
        How the models are trained.
    pool
        Symbols that peers are chosen from; None is every symbol of the panel.
    """
    if not choices:
        return []
    own = dict(sorted(choices.items()))
    last = last_sessions(panel, {*own, *(panel.symbols if pool is None else pool)})
    as_of = Counter(choice.session.astype(date) for choice in own.values()).most_common(1)[0][0]
    return [
        *_without_a_price(last, as_of),
        *_ended(own, ends_of(last).common),
        *_ahead(own, ends_of(last)),
        *_with_few_peers(own, config),
    ]


def _without_a_price(last: Mapping[str, date], as_of: date) -> list[str]:
    gone = [f"{symbol} ({day})" for symbol, day in sorted(last.items()) if day < as_of]
    if not gone:
        return []
    return [
        f"{counted(len(gone), 'symbol')} without a price of {as_of} cannot be peers as of then. Their last sessions: "
        f"{listed(gone)}. Bring them up to date with tickgraph prices update, unless they no longer trade"
    ]


def _ended(own: Mapping[str, Choice], common: date | None) -> list[str]:
    if common is None:
        return []
    ended: dict[date, list[str]] = {}
    for symbol, choice in own.items():
        if choice.session == choice.own_last and choice.session.astype(date) < common:
            ended.setdefault(choice.session.astype(date), []).append(symbol)
    return [
        f"{listed(symbols)}: prices end on {day}, {counted(len(sessions(day, common)) - 1, 'session')} before those of "
        "most others, so the model is as of then"
        for day, symbols in sorted(ended.items())
    ]


def _ahead(own: Mapping[str, Choice], ends: Ends) -> list[str]:
    notes = []
    for day in sorted(set(ends.ahead.values())):
        symbols = [symbol for symbol, last in ends.ahead.items() if last == day]
        notes.append(
            f"Prices of {listed(symbols)} reach {day}, and those of most others end on {ends.common}: models of others "
            "do not use what comes after that"
        )
    cut: dict[tuple[date, date], list[str]] = {}
    for symbol, choice in own.items():
        if choice.session < choice.own_last:
            cut.setdefault((choice.session.astype(date), choice.own_last.astype(date)), []).append(symbol)
    for (session, own_last), symbols in cut.items():
        notes.append(
            f"{listed(symbols)}: the model is as of {session}, and not of the last session {own_last}, at which most "
            "candidates for peers have no price"
        )
    return notes


def _with_few_peers(own: Mapping[str, Choice], config: TrainingConfig) -> list[str]:
    few: dict[tuple[int, int, int, date], list[str]] = {}
    for symbol, choice in own.items():
        if choice.peers is not None and len(choice.peers) < config.num_peers:
            key = len(choice.peers), choice.candidates, choice.absent, choice.session.astype(date)
            few.setdefault(key, []).append(symbol)
    notes = []
    for (count, candidates, absent, session), symbols in few.items():
        why = [f"there {'is' if candidates == 1 else 'are'} {counted(candidates, 'candidate')}"]
        if absent:
            why.append(f"{absent} without a price of {session}")
        if other := candidates - absent - count:
            why.append(f"{other} with too few sessions in common, or that did not move")
        notes.append(f"{listed(symbols)}: {count} of {config.num_peers} peers, since {', '.join(why)}")
    return notes
