"""Keeping the system fresh by itself, and showing that it is: refresh, schedule, live quality."""
