"""Arrays as plain ``.npy`` images, read without trust.

The header is compared as text before any array is allocated. ``np.load`` is not used, for three reasons. It would
allocate the terabytes that a header may claim. It would open a zip or a pickle in the array's place. It reads a
damaged header with a parser for Python 2, whose errors are many.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0, as NumPy writes every header this small
_HEADER = re.compile(
    rb"\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \} *\n", re.ASCII
)


class Unfit(Exception):
    """Why an image is refused, as the rest of a sentence about its file."""


def encode_array(values: NDArray[Any], dtype: DTypeLike) -> bytes:
    """Write an array of the given type in C order; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values, dtype), allow_pickle=False)
    return buffer.getvalue()


def decode_array(data: bytes, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Read an image into a fresh array of exactly this little-endian type and shape; :class:`Unfit` otherwise."""
    start = len(_MAGIC) + 2
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(data[start:end])
    if not data.startswith(_MAGIC) or header is None:
        raise Unfit("it is not a plain NumPy array")
    kind = np.dtype(dtype)
    expected = repr(shape)[1:-1]
    descr, fortran, written = (part.decode("latin-1") for part in header.groups())
    if (descr, fortran, written) != (kind.str, "False", expected):
        order = "Fortran" if fortran == "True" else "C"
        raise Unfit(f"it is {descr} ({written}) in {order} order, expected {kind.str} ({expected}) in C")
    body, length = data[end:], kind.itemsize * math.prod(shape)
    if len(body) != length:
        raise Unfit(f"it has {len(body):,} bytes of numbers, expected {length:,}")
    return np.frombuffer(body, kind).reshape(shape).copy()
