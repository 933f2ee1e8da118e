"""A program that XLA compiles once, on first use, and that many threads may run."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shapes = Callable[[], tuple[Any, ...]]
"""Gives the shapes and dtypes of a program's operands; it may import JAX."""


class Program:
    """A pure function of arrays of fixed shapes, run alone or mapped over a leading axis.

    Attributes
    ----------
    compilations
        How often XLA compiled it: at most once for each size of stack, however often it runs.
    """

    def __init__(self, function: Callable[..., Any], shapes: Shapes) -> None:
        self.compilations = 0
        self._function, self._shapes = function, shapes
        self._lock = threading.Lock()
        self._executables: dict[int | None, Any] = {}

    def compile(self, size: int | None = None) -> None:
        """Compile the program, or the stack of so many, unless that is done."""
        with self._lock:
            if size in self._executables:
                return
            prepare_jax()
            import jax

            function, shapes = self._function, self._shapes()
            if size is not None:
                function = jax.vmap(function)
                shapes = jax.tree.map(lambda one: jax.ShapeDtypeStruct((size, *one.shape), one.dtype), shapes)
            self._executables[size] = jax.jit(function).lower(*shapes).compile()
            self.compilations += 1

    def __call__(self, *operands: Any) -> Any:
        """Run on arrays of its shapes."""
        self.compile()
        return self._executables[None](*operands)

    def stacked(self, operands: Sequence[tuple[Any, ...]], size: int) -> list[Any]:
        """Run on the operands of up to ``size`` calls at once; what is missing is filled up with the first.

        Returns
        -------
        list
            What each call gives, as NumPy arrays.
        """
        import jax

        self.compile(size)
        full = [*operands, *[operands[0]] * (size - len(operands))]
        results = self._executables[size](*jax.tree.map(lambda *each: np.stack(each), *full))
        arrays = jax.tree.map(np.asarray, results)
        return [jax.tree.map(lambda array, row=row: array[row], arrays) for row in range(len(operands))]

    @property
    def operand_bytes(self) -> int:
        """Bytes of the operands of one call."""
        import jax

        return sum(math.prod(one.shape) * one.dtype.itemsize for one in jax.tree.leaves(self._shapes()))


def prepare_jax() -> None:
    """Set JAX up; it must be called before anything else imports JAX.

    Threads run its programs side by side, so XLA gets no second pool of threads. JAX keeps compiled programs on disk:
    the next process reads in 0.2 s what took this one over a second. They are in the user's cache folder, unless JAX
    was told another (``JAX_COMPILATION_CACHE_DIR``) or none (``JAX_ENABLE_COMPILATION_CACHE=false``). A folder that
    cannot be made costs only the time.
    """
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    import jax
    from platformdirs import user_cache_path

    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        folder = user_cache_path("tickgraph", appauthor=False) / "xla"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
