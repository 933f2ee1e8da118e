"""How good the forecasts are: the product's model and other methods, walk-forward, with a report."""
