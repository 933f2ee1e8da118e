"""The laboratory: how good the forecasts are, and whether the system holds up; nothing of it is used in service."""
