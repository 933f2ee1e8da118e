import numpy as np
import pytest

from benchmarks.ranking.market import LOOKBACK, read_market
from benchmarks.ranking.scores import score
from made_market import (
    TEST_FROM,
    VALIDATION_FROM,
    as_features,
    corrupted_after,
    made_closes,
    rescaled,
    write_market,
)
from tickgraph.errors import InputError


def test_a_last_day_that_was_not_over_is_dropped(market):
    assert market.inputs.shape == (40, 199, 5)
    assert market.tickers[:2] == ("S000", "S001")


def test_a_day_belongs_to_the_part_in_which_its_return_falls(market):
    days = market.days
    assert days["train"][-1] + 1 == VALIDATION_FROM - 1
    assert days["validation"][0] + 1 == VALIDATION_FROM
    assert days["validation"][-1] + 1 == TEST_FROM - 1
    assert days["test"][0] + 1 == TEST_FROM
    assert days["test"][-1] + 1 == 198  # the last day there is


def test_returns_are_close_over_close(market):
    closes = made_closes()[:, 29:-1]
    expected = closes[:, 1:] / closes[:, :-1] - 1
    expected[3, 99:101] = np.nan
    np.testing.assert_allclose(market.returns[:, 1:], expected, atol=1e-6)
    np.testing.assert_array_equal(market.following[:, :-1], market.returns[:, 1:])
    assert np.isnan(market.following[:, -1]).all()


def test_a_missing_day_takes_its_stock_out_for_the_lookback(market):
    missing = np.flatnonzero(~market.usable[3, LOOKBACK - 1 :]) + LOOKBACK - 1
    np.testing.assert_array_equal(missing, np.arange(100, 116))
    assert market.usable[3, 99]
    assert not market.scored[3, 99]  # the return that followed is unknown
    assert not market.usable[:, : LOOKBACK - 1].any()
    assert not market.scored[:, -1].any()


def test_sequences_are_the_days_up_to_each_oldest_first(market):
    sequences = market.sequences("published")
    assert sequences.shape == (199, 40, LOOKBACK, 5)
    np.testing.assert_array_equal(sequences[150, 7], market.inputs[7, 135:151].astype(np.float32))
    assert (sequences[105, 3] == 0).all()
    causal = market.sequences("causal")
    assert (causal[150, :, -1, -1] == 1).all()
    np.testing.assert_allclose(
        causal[150, 7], market.inputs[7, 135:151] / market.inputs[7, 150, 4], rtol=1e-6
    )


def test_causal_sequences_know_neither_scale_nor_future(market):
    causal = market.sequences("causal")
    np.testing.assert_array_equal(rescaled(market, 5, 0.5).sequences("causal"), causal)
    np.testing.assert_array_equal(corrupted_after(market, 150).sequences("causal")[:151], causal[:151])
    assert (corrupted_after(market, 150).sequences("causal")[151] != causal[151]).any()


def test_the_files_own_scale_looks_ahead(tmp_path):
    """A later maximum changes what the file says of an earlier day, on its own scale and on no other."""
    closes = made_closes()
    later = closes.copy()
    later[:, -3:] *= 10
    before, after = (
        read_market(write_market(tmp_path / f"{name}.npz", own), VALIDATION_FROM, TEST_FROM)
        for name, own in (("before", closes), ("after", later))
    )
    assert not np.allclose(before.sequences("published")[100], after.sequences("published")[100])
    np.testing.assert_allclose(before.sequences("causal")[100], after.sequences("causal")[100], rtol=1e-5)


def test_the_first_stocks_are_a_market_of_their_own(market):
    first = market.first(25)
    assert first.tickers == market.tickers[:25]
    np.testing.assert_array_equal(first.returns, market.returns[:25])
    assert first.sha256 == market.sha256
    assert first.identity != market.identity
    assert market.first(1000) is market
    assert market.is_whole
    assert not first.is_whole


def _not_an_archive(path):
    path.write_bytes(b"symbol,date,close\n")


def _empty(path):
    path.write_bytes(b"")


def _cut(path):
    write_market(path)
    path.write_bytes(path.read_bytes()[:5000])


def _one_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros((40, 200, 5)))


def _other_names(path):
    np.savez(path, prices=np.zeros((40, 200, 5)))


def _words(path):
    np.savez(path, features=np.array(["a"]), tickers=np.array(["a"]))


def _four_channels(path):
    np.savez(path, features=np.ones((40, 200, 4)), tickers=np.arange(40))


def _too_few_tickers(path):
    np.savez(path, features=np.ones((40, 200, 5)), tickers=np.arange(39))


def _few_stocks(path):
    write_market(path, stocks=19)


def _few_days(path):
    write_market(path, days=160)


def _all_missing(path):
    np.savez(path, features=np.full((40, 200, 5), -1234.0), tickers=np.arange(40))


def _validation_missing(path):
    features = as_features(made_closes())
    features[:35, 120:165] = -1234
    np.savez(path, features=features, tickers=np.arange(40))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "not a ranking market"),
        (_not_an_archive, "not a ranking market"),
        (_empty, "not a ranking market"),
        (_cut, "not a ranking market"),
        (_one_array, "not a ranking market"),
        (_other_names, "features is not a file in the archive"),
        (_words, "not a ranking market"),
        (_four_channels, r"expected features \[stocks, days, 5\]"),
        (_too_few_tickers, "as many tickers"),
        (_few_stocks, "at least 20"),
        (_few_days, "Set --validation-from"),
        (_all_missing, "no train day has 10 stocks"),
        (_validation_missing, "no validation day has 10 stocks"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_remedy(tmp_path, write, said):
    path = tmp_path / "market.npz"
    write(path)
    with pytest.raises(InputError, match=said):
        read_market(path, VALIDATION_FROM, TEST_FROM)


@pytest.mark.parametrize("split", [(80, 165), (165, 165), (130, 198), (170, 130)])
def test_a_split_that_leaves_a_part_empty_is_refused(tmp_path, split):
    path = write_market(tmp_path / "market.npz")
    with pytest.raises(InputError, match="Set --validation-from and --test-from"):
        read_market(path, *split)


def test_the_published_file_has_its_237_test_days(nasdaq):
    assert nasdaq.inputs.shape == (1026, 1245, 5)
    assert len(nasdaq.days["test"]) == 237
    assert len(nasdaq.days["validation"]) == 252


def test_one_day_reversal_on_the_published_file(nasdaq):
    """IC 0.014 to 0.015 there, measured by others with the same definitions."""
    days = nasdaq.days["test"]
    reached = score(
        -np.nan_to_num(nasdaq.returns.T[days]),
        np.nan_to_num(nasdaq.following.T[days]),
        nasdaq.scored.T[days],
    )
    assert reached.ic == pytest.approx(0.0147, abs=0.001)
    assert reached.icir == pytest.approx(0.14, abs=0.01)
