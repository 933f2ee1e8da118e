"""How good the forecasts are at every horizon: variance and distribution over the next h sessions, walk-forward."""
