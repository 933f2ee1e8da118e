"""Forecast methods that are evaluated side by side: baselines, the product's models, and ablations of them."""
