"""A program that XLA compiles once, on first use, and that many threads may run."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

Shapes = Callable[[], tuple[Any, ...]]
"""Gives the shapes and dtypes of a program's operands; it may import JAX."""


class Program:
    """A pure function of arrays of fixed shapes.

    Attributes
    ----------
    compilations
        How often XLA compiled it: at most once, however often it runs.
    """

    def __init__(self, function: Callable[..., Any], shapes: Shapes) -> None:
        self.compilations = 0
        self._function, self._shapes = function, shapes
        self._lock = threading.Lock()
        self._executable: Any = None

    def compile(self) -> None:
        """Compile the program, unless it is compiled."""
        with self._lock:
            if self._executable is not None:
                return
            prepare_jax()
            import jax

            self._executable = jax.jit(self._function).lower(*self._shapes()).compile()
            self.compilations += 1

    def __call__(self, *operands: Any) -> Any:
        """Run on arrays of its shapes."""
        self.compile()
        return self._executable(*operands)


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
