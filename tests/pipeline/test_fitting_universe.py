"""Which fit of the universe models are drawn to."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from tickgraph.errors import HistoryTooShortError
from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.model.choice import choose_all
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import variance_part, weight_shapes
from tickgraph.permit import PermitEnded
from tickgraph.pipeline import fitting_universe as module
from tickgraph.pipeline.fitting_universe import universe_at_hand, universe_of_run
from tickgraph.pipeline.train import train_symbols
from tickgraph.pipeline.workplace import Workplace
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.registry import ModelRegistry


@pytest.fixture
def published(drawn):
    return drawn.universe.fit("sample")


@pytest.fixture
def fits(monkeypatch, drawn_dir):
    """Fits without their cost: each is the real one, and says that it is of the panel it was asked for."""
    real, made = ModelRegistry(drawn_dir).universe.fit("sample"), []

    def fit(panel, config, prices):
        assert prices.features.sessions[-1] == panel.sessions[-1]
        made.append(
            replace(
                real,
                symbols=panel.symbols,
                first_session=panel.sessions[0],
                held_out_first=panel.sessions[0],
                last_session=panel.sessions[-1],
            )
        )
        return made[-1]

    monkeypatch.setattr(module, "fit_universe", fit)
    return made


@pytest.fixture
def chosen(few, ahead):
    """``chosen(registry, panel)`` is the universe of a run over AAPL."""

    def choose(registry, panel=few, config=ahead, **more):
        return universe_of_run(registry, panel, choose_all(panel, ["AAPL"], config), config, **more)

    return choose


def test_a_run_fits_the_universe_publishes_it_and_draws_its_models_to_it(drawn, few, ahead, published):
    metadata = drawn.metadata("AAPL").variance
    assert metadata.universe == published.version
    assert (metadata.universe_symbols, metadata.universe_source) == (8, "sample")
    assert metadata.last_session == few.sessions[-1].item() == published.last_session.item()
    assert not metadata.universe_is_default
    assert metadata.qlike["5"].network == pytest.approx(published.qlike[0, 1])
    own = variance_part(drawn.load("AAPL", weight_shapes).weights)
    assert own.keys() == published.weights.keys()
    assert drawn.universe.state("sample").session == few.sessions[-1]


def test_the_next_run_uses_what_is_published(drawn, few, ahead, published, fits):
    before = drawn.load("AAPL", weight_shapes)
    report = train_symbols(few, ["AAPL"], drawn, config=ahead)
    assert fits == [] == report.universe_notes
    again = drawn.load("AAPL", weight_shapes)
    assert again.metadata.variance == before.metadata.variance
    for path, value in again.weights.items():
        np.testing.assert_allclose(value, before.weights[path], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("days", "renewed"), [(0, False), (6, False), (7, True), (-1, True)])
def test_a_fit_is_used_for_less_than_seven_days_and_never_from_the_future(
    drawn, few, chosen, published, fits, days, renewed
):
    """At -1 the panel ends before the fit does, as with --as-of."""
    last = few.sessions[-1]
    drawn.universe.publish_fit(
        replace(
            published,
            first_session=last - 1000,
            held_out_first=last - 1000,
            last_session=last - np.timedelta64(days, "D"),
        )
    )
    run = chosen(drawn)
    assert bool(fits) == renewed
    assert run.fit.last_session == last - np.timedelta64(0 if renewed else days, "D")
    assert drawn.universe.fit("sample").version == run.fit.version


def test_a_run_as_of_an_earlier_day_fits_what_was_known_then(drawn, few, chosen, fits):
    early = few.through(np.datetime64("2022-06-30"))
    run = chosen(drawn, early)
    assert run.fit.last_session == early.sessions[-1] == run.prices.features.sessions[-1]


def test_a_panel_with_many_other_symbols_gives_a_fit_of_its_own(drawn, panel, few, chosen, fits):
    chosen(drawn, panel.select(few.symbols[:6]).tail(1200))
    assert fits == []  # a fit on more symbols is the better one
    chosen(drawn, panel.select((*few.symbols, "GS")).tail(1200))
    assert [len(fit.symbols) for fit in fits] == [9]


def test_other_horizons_need_another_fit(drawn, few, ahead, chosen, monkeypatch):
    asked = []
    monkeypatch.setattr(
        module, "fit_universe", lambda panel, config, _: asked.append(config.horizons) or default_universe()
    )
    chosen(drawn, config=TrainingConfig(**ahead.model_dump() | {"horizons": (1, 2, 3)}))
    assert asked == [(1, 2, 3)]


def test_the_fit_ends_where_most_symbols_do(tmp_path, few, chosen, fits):
    """One file may be a session newer than the others."""
    late = {
        name: np.where(
            (np.arange(len(few.sessions)) == len(few.sessions) - 1)[:, None]
            & (np.array(few.symbols) != "XOM"),
            np.nan,
            getattr(few, name),
        )
        for name in ("open", "high", "low", "close", "adj_close", "volume")
    }
    run = chosen(ModelRegistry(tmp_path), replace(few, **late))
    assert run.fit.last_session == few.sessions[-2]


def test_whoever_waits_is_told_before_the_fit(tmp_path, chosen, fits):
    told = []
    chosen(ModelRegistry(tmp_path), on_fitting=lambda text: told.append((text, len(fits))))
    assert told == [("fitting the universe of 8 symbols", 0)]


def test_a_lost_lease_keeps_the_fit_from_being_published(tmp_path, lost, few, ahead, fits):
    registry = ModelRegistry(tmp_path)
    with pytest.raises(PermitEnded, match="it is gone"):
        train_symbols(few, ["AAPL"], registry.under(lost), config=ahead)
    assert registry.universe.fit("sample") is None
    assert registry.symbols() == ()


def test_a_damaged_fit_is_replaced_and_said(drawn, few, ahead, chosen, fits):
    path = drawn.root / "universe" / "sample_fit.npz"
    path.write_bytes(path.read_bytes()[:-1])
    run = chosen(drawn)
    assert len(fits) == 1
    assert "sample_fit.npz is refused" in run.notes[0]
    assert drawn.universe.fit("sample").version == run.fit.version


SMALL = {"epochs": 1, "sessions": 300, "min_sessions": 200, "num_stocks": 4, "hidden_dim": 8}


def test_a_small_panel_is_drawn_to_the_fit_that_ships_and_says_so(tmp_path, few):
    registry = ModelRegistry(tmp_path)
    early = few.select(("AAPL", "JPM", "MSFT")).through(np.datetime64("2022-11-30"))
    report = train_symbols(early, ["AAPL"], registry, config=TrainingConfig(**SMALL))
    assert report.notes[-2:] == report.universe_notes == [
        "A fit of the universe needs 5 symbols with 750 sessions, and there are fewer: models use the one "
        "that ships, of 42 symbols up to 2022-12-30",
        "AAPL: trained with a fit of the universe up to 2022-12-30, which is later than the model's own prices. The "
        "model is for use, and no test of what could have been known then",
    ]  # fmt: skip
    variance = registry.metadata("AAPL").variance
    assert variance.universe_is_default
    assert variance.universe == default_universe().version
    assert registry.universe.fit("sample") is None


def test_a_small_panel_without_a_fit_of_its_sizes_fails_each_symbol_with_the_remedy(tmp_path, few, ahead):
    outcomes = []
    report = train_symbols(
        few.tail(500), ["AAPL", "JPM"], ModelRegistry(tmp_path), config=ahead, on_outcome=outcomes.append
    )
    assert set(report.failed) == {"AAPL", "JPM"} == {outcome.symbol for outcome in outcomes}
    assert "There is no fit of the universe for horizons 1, 5 with variance_dim 8" in report.failed["AAPL"]


def test_an_older_published_fit_stands_in_before_the_one_that_ships(drawn, few, chosen, published):
    last = few.sessions[-1] - np.timedelta64(30, "D")
    drawn.universe.publish_fit(replace(published, last_session=last))
    run = chosen(drawn, few.tail(500))
    assert run.fit.last_session == last
    assert "models use the last published one, of 8 symbols" in run.notes[0]


@pytest.mark.parametrize("error", [FloatingPointError("training diverged"), KeyError("a fault")])
def test_a_fit_that_fails_costs_no_model(tmp_path, few, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, "fit_universe", fail)
    report = train_symbols(few, ["AAPL"], ModelRegistry(tmp_path), config=TrainingConfig(**SMALL))
    assert set(report.done) == {"AAPL"}
    assert "models use the one that ships" in report.notes[-1]


def test_training_on_demand_never_fits_a_universe(drawn, prices_dir, ahead, published, fits):
    from tickgraph.model.training import program_for

    workplace = Workplace(drawn.root, prices_dir, training=ahead)
    assert workplace.train("MSFT", program_for(ahead)).variance.universe == published.version
    assert fits == []


def test_what_is_at_hand_is_the_published_fit_or_the_one_that_ships(
    drawn, tmp_path, ahead, published, caplog
):
    nothing = ModelRegistry(tmp_path / "nothing")
    assert universe_at_hand(drawn, "sample", ahead) is drawn.universe.fit("sample")
    assert universe_at_hand(drawn, "yahoo", TrainingConfig()) is default_universe()
    assert universe_at_hand(drawn, "sample", TrainingConfig()) is default_universe()
    assert universe_at_hand(nothing, "sample", ahead.model_copy(update={"horizons": ()})) is None
    with pytest.raises(HistoryTooShortError, match="no fit of the universe for horizons 1, 5"):
        universe_at_hand(nothing, "sample", ahead)
    (drawn.root / "universe" / "sample_fit.npz").write_bytes(b"half")
    with caplog.at_level(logging.WARNING):
        assert universe_at_hand(drawn, "sample", TrainingConfig()) is default_universe()
    assert "sample_fit.npz is refused" in caplog.text


def test_models_that_end_apart_on_one_day_listen_to_all_symbols_together(
    drawn, few, ahead, published, fits, monkeypatch
):
    """For each of them alone all symbols were read once more: of N symbols that is N squared."""
    ended = [few.symbols[0], few.symbols[1], few.symbols[2]]
    gone = np.zeros(few.close.shape, bool)
    gone[-30:, [few.column(symbol) for symbol in ended[:2]]] = True
    gone[-20:, few.column(ended[2])] = True
    prices = replace(
        few, **{name: np.where(gone, np.nan, getattr(few, name)) for name in PANEL_COLUMNS}, lineage=object()
    )
    config = ahead.model_copy(update={"min_sessions": 200})
    choices = choose_all(prices, prices.symbols, config)
    asked, real = [], module.universe_of
    monkeypatch.setattr(
        module, "universe_of", lambda panel, *words: asked.append(panel.sessions[-1]) or real(panel, *words)
    )
    run = universe_of_run(drawn, prices, choices, config)
    assert sorted(asked) == [prices.sessions[-31], prices.sessions[-1]]
    for symbol in ended[:2]:
        own = (symbol, *choices[symbol].peers)
        shared, alone = (
            run.prices_of(choices[symbol]),
            real(prices.through(prices.sessions[-31]), config, own),
        )
        places = [shared.features.columns[node] for node in own]
        np.testing.assert_allclose(
            shared.features.values[:, places], alone.features.values, rtol=1e-5, atol=1e-6
        )
        np.testing.assert_array_equal(shared.variance[:, places], alone.variance)
    assert run.prices_of(choices[ended[2]]) is None  # it is alone with its day
    assert run.prices_of(choices[few.symbols[5]]) is run.prices


def test_models_of_one_fit_share_its_scores_in_memory(drawn):
    """They are half of what a model's metadata takes, and a refresh holds that of all models."""
    first, second = (drawn.metadata("AAPL").variance.scores for _ in range(2))
    assert first is second
