"""tickgraph: one small graph neural network per stock symbol, trained ahead and served from disk."""
