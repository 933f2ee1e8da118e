"""From a trained model and prices to a forecast."""
