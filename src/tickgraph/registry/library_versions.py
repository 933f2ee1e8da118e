"""Which libraries made an artefact."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version


@cache
def library_versions() -> dict[str, str]:
    """Versions of tickgraph and of the libraries that its numbers come from, by name."""
    return {name: version(name) for name in ("tickgraph", "jax", "keras", "numpy", "h5py")}
