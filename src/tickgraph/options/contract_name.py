"""Names of option contracts, and the days on which they expire, as exchanges and brokers write them.

``AAPL230120C00130000`` is the OCC's name, with or without spaces; ``AAPL 01/20/2023 130.00 C`` is Schwab's, and
``AAPL JAN 20 '23 130 Call`` Interactive Brokers'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from tickgraph.options.black_scholes import Kind

EXPIRY_FORMS = (
    "%Y-%m-%d",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%a %b %d %Y",  # CBOE: Fri Jan 20 2023
    "%d %b %y",  # thinkorswim: 20 JAN 23
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y%m%d",
    "%d%b%y",  # 20JAN23
    "%b%d'%y",  # Interactive Brokers: Jan20'23
    "%b %d '%y",
)
"""Forms of a day."""
KINDS: Mapping[str, Kind] = {
    "c": "call",
    "call": "call",
    "calls": "call",
    "p": "put",
    "put": "put",
    "puts": "put",
}
"""Words for a call and for a put."""

WEEKLIES: Mapping[str, str] = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX"}
"""Roots of contracts on an index that expire weekly, and the index's own."""

_OCC = re.compile(r"([A-Z][A-Z0-9./^-]{0,5}?)\s*(\d{6})([CP])(\d{8})")
_SPOKEN = re.compile(r"([A-Z][A-Z0-9./^-]*)\s+(.+?)\s+\$?(\d+(?:\.\d+)?)\s+(C|P|CALL|PUT)\b", re.IGNORECASE)
LONGEST = 64
"""Characters of a contract's name; a longer text is none."""


@dataclass(frozen=True)
class Contract:
    """What a contract's name says."""

    root: str
    expiry: np.datetime64
    kind: Kind
    strike: float

    @property
    def underlying(self) -> str:
        """Root of the standard contracts on the same share or index."""
        return WEEKLIES.get(self.root, self.root)

    @property
    def is_weekly(self) -> bool:
        """Whether it is a weekly contract on an index, with a root of its own."""
        return self.root in WEEKLIES

    @property
    def is_adjusted(self) -> bool:
        """Whether a split or a merger made it one for something else than 100 shares: AAPL1. The OCC adds a digit."""
        return self.root[-1].isdigit()


def contract_of(text: str) -> Contract | None:
    """Read a contract's name; None for any other text."""
    text = " ".join(text.split())
    if len(text) > LONGEST:
        return None
    if occ := _OCC.fullmatch(text):
        root, day, letter, thousandths = occ.groups()
        expiry = read_day(f"20{day}")
        if expiry is not None:
            return Contract(root, expiry, KINDS[letter.lower()], int(thousandths) / 1000)
    if spoken := _SPOKEN.fullmatch(text):
        root, day, strike, kind = spoken.groups()
        expiry = read_day(day)
        if expiry is not None:
            return Contract(root.upper(), expiry, KINDS[kind.lower()], float(strike))
    return None


def read_day(text: str) -> np.datetime64 | None:
    """Read a day in one of the forms; None for any other text."""
    return _read_day(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=4096)
def _read_day(text: str) -> np.datetime64 | None:
    plain = " ".join(text.split())
    for form in EXPIRY_FORMS:
        try:
            return np.datetime64(datetime.strptime(plain, form).date(), "D")
        except ValueError:
            continue
    return None
