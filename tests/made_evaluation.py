"""An evaluation as a real one looks: its figures computed from seeded random panels of forecasts and returns."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import numpy as np
from scipy.stats import norm, rankdata

from tickgraph.lab.evaluation.evaluation_result import (
    Accuracy,
    Comparison,
    DailyIC,
    Distribution,
    Estimate,
    Evaluation,
    ForecasterResult,
    Portfolio,
    RealityCheck,
    ReliabilityBin,
    Slice,
    StrikeScore,
    Window,
)
from tickgraph.lab.evaluation.forecast_panel import STRIKE_DISTANCES
from tickgraph.model.measures import LEVELS

SECTORS = {
    "Technology": ["AAPL", "MSFT", "GOOGL", "NVDA", "META"],
    "Financials": ["JPM", "BAC", "GS", "MS", "WFC"],
    "Health care": ["UNH", "JNJ", "PFE", "MRK"],
    "Consumer & retail": ["WMT", "HD", "NKE", "MCD"],
    "Energy": ["XOM", "CVX", "COP"],
}
FORECASTERS = (  # name, kind, skill (correlation with what is to come), whether it gives a distribution
    ("zero", "baseline", None, False),
    ("historical mean", "baseline", 0.004, False),
    ("momentum", "baseline", -0.006, False),
    ("one-day reversal", "baseline", 0.012, False),
    ("ridge", "baseline", 0.013, False),
    ("LightGBM", "baseline", 0.010, False),
    ("GRU", "baseline", 0.016, True),
    ("graph without edges", "ablation", 0.015, True),
    ("graph, shuffled edges", "ablation", 0.011, False),
    ("one model per symbol", "model", 0.012, True),
    ("global", "model", 0.034, True),
    ("global, fine-tuned", "model", 0.037, True),
)
COST = 0.0005


def made_evaluation(*, sessions=1_000, seed=4, forecasters=FORECASTERS, sectors=None) -> Evaluation:
    """Walk forward over ``sessions`` days; a second call gives the same figures."""
    rng = np.random.default_rng(seed)
    sectors = SECTORS if sectors is None else sectors
    symbols = [symbol for names in sectors.values() for symbol in names]
    days = np.busday_offset("2018-12-28", np.arange(sessions), roll="forward")
    volatility = 0.016 * np.exp(0.5 * np.sin(np.arange(sessions) / 120))[:, None]  # [T, 1]
    market = rng.standard_t(4, (sessions, 1)) * 0.5
    own = rng.standard_t(4, (sessions, len(symbols))) / 1.4
    realised = volatility * (market + own) * 0.75 + 0.0003  # [T, S]
    results = []
    for name, kind, skill, has_distribution in forecasters:
        noise = rng.standard_normal(realised.shape)
        forecast = np.zeros_like(realised) if skill is None else 0.002 * (skill * own + noise * 0.99)
        results.append(
            _result(name, kind, forecast, realised, volatility, days, sectors, symbols, has_distribution)
        )
    bounds = np.linspace(0, sessions - 1, 9).astype(int)
    return Evaluation(
        created=datetime(2026, 5, 4, 12, 30, tzinfo=UTC),
        version="0.2.0",
        source="bundled sample (Yahoo Finance, adjusted closes)",
        data_version="3f9c2a71",
        survivorship=(
            "The symbols are today's large companies: those that failed or shrank are not among them, so returns of "
            "long portfolios are higher than an investor of the time could have had."
        ),
        symbols=symbols,
        left_out={"SPY": "not in the source", "ABNB": "515 sessions, needs 561"},
        settings={"lookback": 60, "retrain_every": 125, "embargo": 5, "expanding": True, "rate": 0.001},
        cost_basis_points=5,
        windows=[
            Window(
                train_first=date(2014, 1, 2),
                train_last=days[a].item().replace(day=1),
                embargo=5,
                test_first=days[a].item(),
                test_last=days[b].item(),
                symbols=len(symbols),
            )
            for a, b in itertools.pairwise(bounds)
        ],
        forecasters=results,
        comparisons=[
            Comparison(
                first=results[-1].name,
                second=results[0].name,
                metric="squared_error",
                difference=Estimate(value=-0.0004, low=-0.0011, high=0.0003),
                conclusion=f"{results[-1].name} is not told apart from {results[0].name} by squared error.",
            ),
            Comparison(
                first=results[-1].name,
                second=results[-2].name,
                metric="ic",
                difference=Estimate(value=0.0131, low=0.0042, high=0.0221),
                conclusion=f"{results[-1].name} has a higher IC than {results[-2].name}.",
            ),
        ],
        reality_check=RealityCheck(
            benchmark="zero", best=results[-1].name, variants=len(results), p_value=0.173, p_value_white=0.288
        ),
        findings=[
            f"{results[-1].name} has the highest IC, {results[-1].accuracy.ic.value:.4f}.",
            "No forecaster has an R² that is told apart from 0.",
        ],
    )


def _estimate(values) -> Estimate | None:
    """Mean with its normal 95 % interval: near enough to the bootstrap's for looks."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if values.size < 2:
        return None
    half = 1.96 * values.std() / values.size**0.5
    mean = values.mean()
    return Estimate(value=mean, low=mean - half, high=mean + half)


def _correlations(a, b):
    a = a - a.mean(1, keepdims=True)
    b = b - b.mean(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))


def _accuracy(forecast, realised, k):
    ic = _correlations(forecast, realised)
    rank = _correlations(rankdata(forecast, axis=1), rankdata(realised, axis=1))
    varied = bool(np.isfinite(ic).any())
    mean = _estimate(ic)
    hits = np.where(forecast == 0, np.nan, np.sign(forecast) == np.sign(realised))
    best = np.argsort(-forecast, axis=1)[:, :k]
    gain = realised**2 - (realised - forecast) ** 2  # [T, S]
    r2 = _estimate(gain.mean(1) / (realised**2).mean())
    icir = None
    if mean is not None:
        spread = np.nanstd(ic)
        icir = Estimate(value=mean.value / spread, low=mean.low / spread, high=mean.high / spread)
    return ic, Accuracy(
        sessions=len(forecast),
        forecasts=forecast.size,
        ic=mean,
        rank_ic=_estimate(rank),
        icir=icir,
        hit_rate=_estimate(np.nanmean(hits, axis=1)) if varied else None,
        mse=Estimate(value=float(((realised - forecast) ** 2).mean())),
        r2_vs_zero=r2 if varied else None,
        precision_at_k=_estimate((np.take_along_axis(realised, best, 1) >= 0).mean(1)) if varied else None,
        k=k,
    )


def _portfolio(weights, realised):
    gross = (weights * realised).sum(1)
    turnover = np.abs(np.diff(weights, axis=0, prepend=np.zeros_like(weights[:1]))).sum(1)
    net = gross - COST * turnover

    def sharpe(returns):
        mean = _estimate(returns)
        scale = 252**0.5 / returns.std()
        return Estimate(value=mean.value * scale, low=mean.low * scale, high=mean.high * scale)

    return Portfolio(
        sharpe_gross=sharpe(gross),
        sharpe_net=sharpe(net),
        annual_return_net=float(net.mean() * 252),
        turnover=float(turnover.mean()),
        deflated_sharpe=float(norm.cdf(net.mean() / net.std() * len(net) ** 0.5 - 1.5)),
    )


def _bins(probability, event):
    tenth = np.minimum((probability * 10).astype(int), 9)
    return [
        ReliabilityBin(
            predicted=probability[tenth == i].mean(),
            observed=event[tenth == i].mean(),
            count=(tenth == i).sum(),
        )
        for i in range(10)
        if (tenth == i).any()
    ]


def _error(bins):
    total = sum(b.count for b in bins)
    return sum(abs(b.predicted - b.observed) * b.count for b in bins) / total


def _coverage(forecast, realised, sigma):
    return {
        str(level): _estimate((np.abs(realised - forecast) < sigma * norm.ppf(0.5 + level / 2)).mean(1))
        for level in LEVELS
    }


def _distribution(forecast, realised, sigma):
    up = norm.cdf(forecast / sigma + 0.02)
    rose = realised > 0
    distances = np.array(STRIKE_DISTANCES)
    above = norm.sf((distances - forecast[..., None]) / sigma[..., None])  # [T, S, K]
    crude = norm.sf(distances / (sigma[..., None] * 1.12))
    came = realised[..., None] > distances
    rise, strike = _bins(up.ravel(), rose.ravel()), _bins(above.ravel(), came.ravel())
    ours, theirs = ((above - came) ** 2).mean(1), ((crude - came) ** 2).mean(1)  # [T, K]
    strikes = [
        StrikeScore(
            distance=distance,
            brier=_estimate(ours[:, i]),
            brier_lognormal=_estimate(theirs[:, i]),
            difference=_estimate(ours[:, i] - theirs[:, i]),
        )
        for i, distance in enumerate(STRIKE_DISTANCES)
    ]
    return strikes, Distribution(
        coverage=_coverage(forecast, realised, sigma),
        width={str(level): float(2 * norm.ppf(0.5 + level / 2) * sigma.mean()) for level in LEVELS},
        pinball=_estimate(np.abs(realised - forecast).mean(1) / 2),
        brier=_estimate(((up - rose) ** 2).mean(1)),
        brier_base=Estimate(value=0.25, low=0.25, high=0.25),
        reliability=rise,
        calibration_error=_error(rise),
        strike_reliability=strike,
        strike_calibration_error=_error(strike),
    )


def _result(name, kind, forecast, realised, volatility, days, sectors, symbols, has_distribution):
    ic, accuracy = _accuracy(forecast, realised, 5)
    places = np.argsort(np.argsort(-forecast, axis=1), axis=1)
    top, bottom = places < 5, places >= len(symbols) - 5
    sigma = np.broadcast_to(volatility * 0.85, realised.shape)
    strikes, distribution = _distribution(forecast, realised, sigma) if has_distribution else ([], None)

    def part(by, label, rows, columns):
        f, r, s = (a[rows][:, columns] for a in (forecast, realised, sigma))
        figures = _accuracy(f, r, 1)[1] if f.shape[1] > 1 else None
        hits = np.where(f == 0, np.nan, np.sign(f) == np.sign(r))[:, 0]
        return Slice(
            by=by,
            name=label,
            sessions=f.shape[0],
            symbols=f.shape[1],
            ic=figures.ic if figures else None,
            rank_ic=figures.rank_ic if figures else None,
            hit_rate=figures.hit_rate if figures else _estimate(hits),
            r2_vs_zero=_estimate((r**2 - (r - f) ** 2).mean(1) / (r**2).mean()) if f.any() else None,
            coverage=_coverage(f, r, s) if has_distribution else {},
        )

    every, years = np.arange(len(symbols)), days.astype("datetime64[Y]").astype(str)
    calm = volatility[:, 0] < np.median(volatility)
    slices = [
        part("year", year, years == year, every) for year in np.unique(years) if (years == year).sum() > 2
    ]
    slices += [part("regime", n, m, every) for n, m in (("calm", calm), ("volatile", ~calm))]
    slices += [
        part("sector", sector, slice(None), np.flatnonzero(np.isin(symbols, names)))
        for sector, names in sectors.items()
    ]
    slices += [part("symbol", symbol, slice(None), np.array([i])) for i, symbol in enumerate(symbols)]
    return ForecasterResult(
        name=name,
        kind=kind,
        description=f"What {name} says, at the close of each session.",
        accuracy=accuracy,
        long=_portfolio(top / 5, realised),
        long_short=_portfolio(top / 5 - bottom / 5.0, realised),
        distribution=distribution,
        strikes=strikes,
        slices=slices,
        daily=DailyIC(
            sessions=days.tolist(), ic=[float(value) if np.isfinite(value) else None for value in ic]
        ),
        seconds=12.5,
    )
