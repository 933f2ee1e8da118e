"""Options on the distribution of a price: chains, touched levels, strategies."""
