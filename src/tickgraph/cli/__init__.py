"""The command line: ``tickgraph``."""

from tickgraph.cli.commands import main

__all__ = ["main"]
