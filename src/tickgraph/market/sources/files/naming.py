"""From the names that files give to symbols."""

from __future__ import annotations

import pandas as pd

from tickgraph.market.renames import Named, name_rows

__all__ = ["Named", "name_symbols"]


def name_symbols(rows: pd.DataFrame) -> Named:
    """Give each row of the files its symbol, by its name and its day.

    Parameters
    ----------
    rows
        ``[n]`` rows of all files that were read. Column ``name`` is categorical: the name as it is written. Column
        ``date`` is its day (datetime64). Column ``file`` is categorical: the file it is from. Column ``close`` is its
        price, which tells whether two names are one company.
    """
    found = name_rows(rows["name"], rows["date"], rows["close"])
    rejected = found.rejected
    if rejected:
        first = rows.drop_duplicates("name").set_index("name")["file"]
        rejected = {name: f"{first[name]}: {reason}" for name, reason in rejected.items()}
    return Named(found.symbols, found.notes, rejected)
