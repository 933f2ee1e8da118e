"""A public benchmark: rank every stock of a market by its next day's return, beside a published table.

Run it from the repository's root: ``python -m benchmarks.ranking --help``.
"""
