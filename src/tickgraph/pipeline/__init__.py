"""Long work: training many symbols, refreshing correlations."""
