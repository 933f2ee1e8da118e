"""How good the forecasts are: walk-forward, baselines, public benchmarks, report."""
