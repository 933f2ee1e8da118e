"""A replayed year: refresh, serve and score under a simulated clock, with faults, and every forecast checked."""
