"""Fittings that run compiled programs alone, or many of them side by side in one call.

A fitting is a generator. It yields the program that it wants run, and goes on with what the program gave. So the code
of one symbol's fit is written once. On a CPU each program runs as soon as it is asked for; an accelerator gets the
programs of many symbols as one, mapped over a leading axis (``jax.vmap``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

from tickgraph.model.program import Program

LARGEST_STACK = 512
"""Symbols of one call at most, however much memory there is."""
WORKING_SPACE = 4.0
"""Memory of one call, as a multiple of its operands: the stacked copy, a loop's copy, and gradients."""

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A program that a fitting wants run on operands of the program's shapes."""

    program: Program
    operands: tuple[Any, ...]


@dataclass(frozen=True)
class Ran:
    """What the program gave, and its seconds; a stacked call's are shared among its members."""

    result: Any
    seconds: float


Fitting = Generator[Run, Ran, T]


def alone(fitting: Fitting[T]) -> T:
    """Run a fitting's programs one after the other, and give what the fitting returns."""
    try:
        asked = next(fitting)
        while True:
            asked.program.compile()
            started = time.perf_counter()
            result = asked.program(*asked.operands)
            asked = fitting.send(Ran(result, time.perf_counter() - started))
    except StopIteration as end:
        value: T = end.value
        return value


def together(begin: Sequence[Callable[[], Fitting[T]]], size: int, threads: Executor) -> list[T | Exception]:
    """Run fittings side by side: their own code in threads, their programs in stacked calls.

    Parameters
    ----------
    begin
        Each gives a fitting.
    size
        Programs in one call; a smaller rest is filled up, so that each program is compiled once.
    threads
        For the fittings' own code.

    Returns
    -------
    list
        What each fitting returned, or the error that it raised. A failed one holds up no other.
    """
    outcomes: list[T | Exception | None] = [None] * len(begin)
    fittings: dict[int, Fitting[T]] = {}

    def first(index: int) -> Run | None:
        try:
            fittings[index] = begin[index]()
            return next(fittings[index])
        except StopIteration as end:
            outcomes[index] = end.value
        except Exception as error:  # noqa: BLE001  it fails this fitting alone
            outcomes[index] = error
        return None

    def after(index: int, ran: Ran | Exception) -> Run | None:
        try:
            step = fittings[index]
            return step.throw(ran) if isinstance(ran, Exception) else step.send(ran)
        except StopIteration as end:
            outcomes[index] = end.value
        except Exception as error:  # noqa: BLE001  it fails this fitting alone
            outcomes[index] = error
        return None

    asked: dict[int, Run | None] = dict(enumerate(threads.map(first, range(len(begin)))))
    while waiting := {index: run for index, run in asked.items() if run is not None}:
        program = next(iter(waiting.values())).program
        members = [index for index, run in waiting.items() if run.program is program][:size]
        ran = _call(program, [waiting[index].operands for index in members], size)
        asked = {**waiting, **dict(zip(members, threads.map(after, members, ran), strict=True))}
    return [outcome for outcome in outcomes if outcome is not None]


def _call(program: Program, operands: list[tuple[Any, ...]], size: int) -> list[Ran | Exception]:
    """What each call gives, or its error; where a stack fails, for want of memory perhaps, its halves are tried."""
    try:
        program.compile(size)
        started = time.perf_counter()
        results = program.stacked(operands, size)
    except Exception as error:  # noqa: BLE001  whoever asked hears of it
        half = size // 2
        if half == 0:
            return [error] * len(operands)
        return [
            ran
            for first in range(0, len(operands), half)
            for ran in _call(program, operands[first : first + half], half)
        ]
    seconds = (time.perf_counter() - started) / len(operands)
    return [Ran(result, seconds) for result in results]


def stack_size(programs: Sequence[Program], symbols: int) -> int:
    """Symbols of one call: 1 on a CPU, where a program per core is faster; on an accelerator what its memory holds.

    Calls of a run are about equally large, so that little of the last one is filled up.
    """
    memory = accelerator_memory()
    if memory is None:
        return 1
    largest = max(program.operand_bytes for program in programs)
    most = max(1, min(LARGEST_STACK, int(memory / (WORKING_SPACE * largest))))
    calls = -(-symbols // most)
    return max(1, -(-symbols // max(1, calls)))


def accelerator_memory() -> int | None:
    """Bytes of the accelerator that JAX runs on; None where that is the CPU."""
    from tickgraph.model.program import prepare_jax

    prepare_jax()
    import jax

    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return None
    known = device.memory_stats() or {}
    return int(known.get("bytes_limit", 8 * 2**30))
