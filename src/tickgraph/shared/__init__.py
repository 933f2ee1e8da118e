"""What several hosts tell each other through Redis. Nothing that forecasts or models depend on is kept there."""
