"""The JSON of an answer with columns of numbers: written from the arrays themselves.

orjson writes an array of NumPy's without making Python's numbers of it. A NaN becomes null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from tickgraph.serving.chain_answer import ChainArrays

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z


def column_json(answer: ChainArrays) -> bytes:
    """Write a chain; an array that stands at several expiries, such as their strikes, is written once."""
    written: dict[int, orjson.Fragment] = {}

    def once(value: object) -> object:
        if not isinstance(value, np.ndarray):
            return value
        if (known := written.get(id(value))) is None:
            known = written[id(value)] = orjson.Fragment(orjson.dumps(value, option=_OPTIONS))
        return known

    expiries = [{name: once(value) for name, value in each.items()} for each in answer.expiries]
    fields: dict[str, Any] = {**vars(answer), "expiries": expiries}
    return orjson.dumps(fields, option=_OPTIONS)
