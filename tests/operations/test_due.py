from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from fitted_peers import peers_as_fitted
from tickgraph.graph import peers as peers_module
from tickgraph.model.fitting import fitting_data
from tickgraph.model.training_config import TrainingConfig
from tickgraph.operations.due import Evidence, due
from tickgraph.operations.records import LiveFigures, LiveQuality


@pytest.fixture
def metadata(registry):
    return registry.metadata("AAPL")


@pytest.fixture
def evidence(metadata, config):
    def made(**changes):
        peers = {"AAPL": metadata.training_config.correlated_symbols}
        known = {
            "models": {"AAPL": metadata},
            "peers": peers,
            "training": config,
            "now": metadata.training_date,
        }
        return Evidence(**{**known, **changes})

    return made


def test_a_model_of_a_week_is_not_due_and_a_second_later_it_is(evidence, metadata):
    week = metadata.training_date + timedelta(days=7)
    assert due(evidence(now=week)) == {}
    assert due(evidence(now=week + timedelta(seconds=1))) == {"AAPL": ("trained 7 days ago",)}


@pytest.mark.parametrize(("changed", "is_due"), [(1, False), (2, False), (3, True), (10, True)])
def test_three_of_ten_peers_have_to_change(evidence, metadata, changed, is_due):
    peers = metadata.training_config.correlated_symbols
    assert len(peers) == 10
    today = (*peers[changed:], *(f"NEW{n}" for n in range(changed)))
    reasons = due(evidence(peers={"AAPL": today}))
    assert bool(reasons) == is_due
    if is_due:
        assert f"peers drifted: {changed} of 10 would be others today" in reasons["AAPL"][0]
        assert peers[0] in reasons["AAPL"][0]
    assert due(evidence(peers={"AAPL": tuple(reversed(peers))})) == {}


def test_prices_revised_after_training_are_a_reason_and_those_before_or_of_others_are_none(
    evidence, metadata
):
    trained, peer = metadata.training_date, metadata.training_config.correlated_symbols[0]
    later = trained + timedelta(seconds=1)
    assert (
        due(
            evidence(
                revised={("sample", "AAPL"): trained, ("yahoo", "AAPL"): later, ("sample", "ZZZ"): later}
            )
        )
        == {}
    )
    for symbol in ("AAPL", peer):
        reasons = due(evidence(revised={("sample", symbol): later}))
        assert reasons == {"AAPL": (f"prices revised since it was trained: {symbol}",)}


def test_a_flag_counts_only_for_sessions_that_training_had_not_seen(evidence, metadata):
    def quality(as_of):
        return LiveQuality(
            as_of=as_of, computed_at=datetime(2023, 1, 3, tzinfo=UTC), window=60,
            panel=LiveFigures(forecasts=0), flagged={"AAPL": "too wide"},
        )  # fmt: skip

    assert metadata.data_stats.last_session == date(2022, 12, 30)
    assert due(evidence(quality=quality(date(2022, 12, 30)))) == {}
    assert due(evidence(quality=quality(date(2023, 1, 3)))) == {"AAPL": ("live quality: too wide",)}


def test_every_reason_is_given(evidence, metadata):
    found = due(
        evidence(
            now=metadata.training_date + timedelta(days=30),
            training=TrainingConfig(epochs=3, sessions=300, min_sessions=100, horizons=()),
            full_since=metadata.training_date + timedelta(days=29),
            missing=("NEWCO", "TSLA"),
            renamed={"NEWCO": "OLDCO"},
            damaged={"XOM": "weights are missing"},
        )
    )
    assert found == {
        "AAPL": ("full run", "trained 30 days ago", "settings changed: epochs 2, now 3"),
        "NEWCO": ("renamed: its model is that of OLDCO",),
        "TSLA": ("no model",),
        "XOM": ("damaged: weights are missing",),
    }


def test_peers_found_for_all_at_once_are_those_that_training_chooses(panel):
    """ABNB and UBER have short histories; a symbol that stopped trading is nobody's peer and still has some."""
    config = TrainingConfig()
    adj_close = panel.adj_close.copy()
    adj_close[-5:, panel.column("XOM")] = np.nan
    adj_close[300:340, panel.column("GS")] = np.nan
    gaps = type(panel)(panel.sessions, panel.symbols, panel.close, adj_close, panel.volume, panel.source)
    for prices in (panel, gaps):
        found = peers_as_fitted(prices, prices.symbols, config)
        assert len(found) == len(prices.symbols)
        for symbol in ("AAPL", "ABNB", "UBER", "XOM", "GS", "CVX"):
            assert found[symbol] == fitting_data(prices, symbol, config).peers, symbol
    assert "XOM" not in peers_as_fitted(gaps, ("CVX",), config)["CVX"]


@pytest.mark.parametrize("block", [1, 3, 500])
def test_peers_are_chosen_from_the_pool_alone_however_many_targets_stand_outside_it(
    panel, monkeypatch, block
):
    monkeypatch.setattr(peers_module, "BLOCK", block)
    config, pool = TrainingConfig(), ("AAPL", "MSFT", "JPM", "BAC", "CVX", "XOM", "GS", "NOT_THERE")
    targets = ("AAPL", "NVDA", "COP", "XOM", "ABNB")
    found = peers_as_fitted(panel, targets, config, pool)
    assert set(found) == set(targets)
    for symbol in targets:
        alone = panel.select(sorted({symbol, *pool} & set(panel.symbols)))
        assert found[symbol] == fitting_data(alone, symbol, config).peers, symbol
        assert set(found[symbol]) <= set(pool)


def test_peers_rarely_drift_within_a_week_when_nothing_happened(panel):
    """What the threshold was chosen by; the module's figures are of every week, these of every tenth."""
    config = TrainingConfig()
    weeks = [
        [peers_as_fitted(panel.through(panel.sessions[end]), panel.symbols, config) for end in (at, at + 5)]
        for at in range(1100, len(panel.sessions) - 5, 50)
    ]
    gone = [len(set(old[s]) - set(new[s])) for old, new in weeks for s in old if s in new]
    assert len(gone) > 900
    assert np.mean(np.array(gone) >= 3) < 0.005
