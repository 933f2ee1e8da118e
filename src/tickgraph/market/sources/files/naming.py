"""From the names that files give to symbols."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from tickgraph.errors import SymbolError
from tickgraph.market.universe import canonical


@dataclass(frozen=True)
class Named:
    """Rows of files by symbol.

    Attributes
    ----------
    symbols
        ``[n]`` symbol of each row; missing where its name was rejected.
    notes
        What a person should know of the names.
    rejected
        Why a name, as it is written, is no symbol.
    """

    symbols: pd.Series
    notes: tuple[str, ...] = ()
    rejected: dict[str, str] = field(default_factory=dict)


def name_symbols(rows: pd.DataFrame) -> Named:
    """Give each row of the files its symbol.

    Parameters
    ----------
    rows
        ``[n]`` rows of all files that were read. Column ``name`` is categorical: the name as it is written. Column
        ``date`` is its day (datetime64). Column ``file`` is categorical: the file it is from. Column ``close`` is its
        price.
    """
    names = rows["name"].cat
    symbols: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for name in names.categories:
        try:
            symbols[name] = canonical(name)
        except SymbolError as error:
            first = rows["file"][(rows["name"] == name).idxmax()]
            rejected[name] = f"{first}: {error}"
    return Named(rows["name"].map(symbols).astype("str"), (), rejected)
