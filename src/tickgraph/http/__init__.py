"""The HTTP service: forecasts, probabilities, graphs, jobs, health and metrics."""
