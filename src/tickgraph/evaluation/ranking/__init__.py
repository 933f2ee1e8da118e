"""A public benchmark: ranking every stock of a market by its next day's return, against a published table."""
