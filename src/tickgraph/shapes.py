"""Types of arrays that say their shape, such as ``Float64[np.ndarray, "sessions nodes"]``.

mypy reads them. In tests beartype reads them too, and refuses a wrong shape. They cost a service nothing: Python does
not evaluate annotations, and jaxtyping is imported only where somebody has imported it before, as tests/conftest.py
does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    import numpy as np
    from jax import Array as JaxArray
    from jaxtyping import Bool, Float, Float32, Float64, Int, Shaped

    Array = TypeVar("Array", np.ndarray, JaxArray)
    """An array of NumPy or of JAX; a function that is given one answers in the same library."""
else:
    Array = JaxArray = Bool = Float = Float32 = Float64 = Int = Shaped = Any

__all__ = ["Array", "Bool", "Float", "Float32", "Float64", "Int", "JaxArray", "Shaped"]
