"""Where prices come from: sources, the local store, the exchange calendar, the universe of symbols."""
