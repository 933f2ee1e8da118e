"""Where models are fitted: on this machine, or on the machines of a Ray cluster."""

from __future__ import annotations

from typing import Literal

from tickgraph.errors import InputError
from tickgraph.pipeline.engines.local_engine import LocalEngine
from tickgraph.pipeline.engines.plan import Engine

EngineName = Literal["local", "ray"]


def open_engine(name: EngineName, *, workers: int = 0, stack: int = 0, address: str | None = None) -> Engine:
    """Give an engine by its name.

    Parameters
    ----------
    name
        ``local`` or ``ray``.
    workers
        Symbols fitted side by side on this machine; 0 is one per core.
    stack
        Symbols of one call of a compiled program on this machine; 0 is one on a CPU, and on an accelerator what its
        memory holds.
    address
        Of a Ray cluster; None starts Ray on this machine.

    Raises
    ------
    InputError
        An address is given for the local engine, or Ray is not installed.
    """
    if name == "local":
        if address:
            raise InputError("ray_address: the local engine has no address. Choose the engine ray with it.")
        return LocalEngine(workers, stack)
    from tickgraph.pipeline.engines.ray_engine import RayEngine

    return RayEngine(address, workers)
