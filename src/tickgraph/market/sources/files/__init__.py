"""A person's own price files: CSV and Parquet in the dialects that people download."""

from tickgraph.market.sources.files.source import FileSource

__all__ = ["FileSource"]
