"""Bad prices: found, named by symbol and date, and kept out of the store."""

from tickgraph.market.quality.checks import check, usable
from tickgraph.market.quality.histories import Finding, Implausible, Severity, worst_first

__all__ = ["Finding", "Implausible", "Severity", "check", "usable", "worst_first"]
