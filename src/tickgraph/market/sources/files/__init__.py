"""A person's own price files: CSV and Parquet in the dialects that people download."""

from tickgraph.market.sources.files.file_source import FileSource

__all__ = ["FileSource"]
