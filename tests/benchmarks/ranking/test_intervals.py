import numpy as np
import pytest

from benchmarks.ranking.intervals import difference_estimates, ic_estimates


@pytest.fixture
def daily():
    return np.random.default_rng(0).normal(0.03, 0.1, (3, 600))


def test_both_figures_are_means_over_seeds(daily):
    ic, icir = ic_estimates(daily)
    assert ic.value == pytest.approx(daily.mean())
    assert icir.value == pytest.approx(np.mean(daily.mean(axis=1) / daily.std(axis=1)))
    assert ic.low < ic.value < ic.high
    half = 1.96 * daily.mean(axis=0).std() / np.sqrt(600)
    assert (ic.high - ic.low) / 2 == pytest.approx(half, rel=0.25)


def test_days_without_an_ic_are_left_out(daily):
    daily[1, :30] = np.nan
    ic, icir = ic_estimates(daily)
    each = [own[np.isfinite(own)] for own in daily]
    assert ic.value == pytest.approx(np.mean([own.mean() for own in each]))
    assert icir.value == pytest.approx(np.mean([own.mean() / own.std() for own in each]))


def test_a_difference_is_paired(daily):
    """What both rows share cancels, however much it swings."""
    shared = 10 * np.random.default_rng(1).standard_normal(600)
    ic, _ = difference_estimates(daily + shared + 0.05, daily[:1] + shared)
    assert ic.value == pytest.approx(daily.mean() + 0.05 - daily[0].mean())
    assert ic.high - ic.low < 0.1


def test_the_difference_of_a_row_to_itself_is_zero(daily):
    ic, icir = difference_estimates(daily, daily)
    assert ic.value == icir.value == 0


def test_no_figure_stands_for_a_missing_one(daily):
    with pytest.raises(FloatingPointError, match="no IC"):
        ic_estimates(np.full_like(daily, np.nan))
