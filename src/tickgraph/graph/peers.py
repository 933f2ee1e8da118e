"""The peers of a target: the symbols that moved most alike over a window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tickgraph.shapes import Bool, Float64, Int

BLOCK = 500
"""Targets at once: of S symbols some arrays of so many times S are in memory, and none of S times S."""
FEW = 20  # so few targets are compared with all others before it is known who traded at the same sessions
STILL = 1e-12  # a smaller share of a symbol's squared returns is rounding, and no variation
NOT_COMPARABLE = -1.0


def select_peers(
    log_returns: Float64[np.ndarray, "sessions symbols"],
    symbols: Sequence[str],
    targets: Sequence[str],
    count: int,
    min_overlap: Sequence[int],
    candidates: Bool[np.ndarray, "symbols"] | None = None,
    ends: Sequence[int] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Choose the symbols whose log returns correlate most, in absolute value, with each target's.

    Targets are compared with all candidates by matrix products, a block of targets after another. A symbol whose price
    did not move in the sessions that it shares with the target has no correlation with it, and is no peer.

    Parameters
    ----------
    log_returns
        Of the window.
    symbols
        Names of the columns.
    targets
        Symbols whose peers are wanted.
    count
        Peers wanted of each.
    min_overlap
        For each target the sessions that a candidate must share with it to be comparable.
    candidates
        Whether a symbol may be a peer; None is all. A target need not be one.
    ends
        For each target how many of the first sessions are looked at, which is its training part; None is all.

    Returns
    -------
    dict
        At most ``count`` peers of each target, the strongest first; equal correlations are ordered by name.
    """
    if not len(targets):
        return {}
    place = {symbol: column for column, symbol in enumerate(symbols)}
    own = np.array([place[target] for target in targets], dtype=np.intp)
    overlap = np.asarray(min_overlap)
    until = np.full(len(own), len(log_returns)) if ends is None else np.asarray(ends)
    moves = Moves.of(log_returns, int(until.min()))
    may = np.ones(len(symbols), dtype=np.bool_) if candidates is None else candidates
    by_name = np.argsort(np.argsort(np.asarray(symbols)))  # [S] rank of each name
    found: dict[str, tuple[str, ...]] = {}
    for end in np.unique(until).tolist():
        part = moves.through(end)
        together = np.flatnonzero(until == end)
        alike = part.alike[own] if len(together) > FEW else np.zeros(len(own), np.bool_)
        for some in _blocks(together, alike):
            columns = own[some]
            strength = part.strength(columns, overlap[some])
            strength[:, ~may] = NOT_COMPARABLE
            strength[np.arange(len(columns)), columns] = NOT_COMPARABLE
            for column, row in zip(columns, strength, strict=True):
                found[symbols[column]] = tuple(symbols[i] for i in _strongest(row, by_name, count))
    return {target: found[target] for target in targets}


@dataclass(frozen=True)
class Moves:
    """Log returns of all symbols, as correlations are made of them; 0 where one is not known.

    Attributes
    ----------
    returns
        As they were.
    centred
        Less a mean of each symbol. So sums lose no digits, and no correlation changes.
    known
        1 where a return is known, else 0.
    """

    returns: Float64[np.ndarray, "sessions symbols"]
    centred: Float64[np.ndarray, "sessions symbols"]
    known: Float64[np.ndarray, "sessions symbols"]

    @classmethod
    def of(cls, log_returns: Float64[np.ndarray, "sessions symbols"], first: int) -> Moves:
        """Centre returns on the mean of the ``first`` sessions: nobody's peers may depend on later ones."""
        known = np.isfinite(log_returns)
        returns = np.where(known, log_returns, 0.0)
        mean = returns[:first].sum(axis=0) / np.maximum(known[:first].sum(axis=0), 1)
        return cls(returns, np.where(known, returns - mean, 0.0), known.astype(np.float64))

    def through(self, end: int) -> Moves:
        """The first sessions."""
        return Moves(self.returns[:end], self.centred[:end], self.known[:end])

    @cached_property
    def alike(self) -> Bool[np.ndarray, "symbols"]:
        """Symbols that traded at the same sessions, the most that did."""
        traded = [row.tobytes() for row in np.packbits(self.known > 0, axis=0).T]
        most = Counter(traded).most_common(1)[0][0]
        return np.array([one == most for one in traded], dtype=np.bool_)

    @cached_property
    def noise(self) -> Float64[np.ndarray, "symbols"]:
        """Sums of squares that are no variation."""
        return np.asarray(STILL * np.einsum("ts,ts->s", self.returns, self.returns))

    def strength(
        self, columns: Int[np.ndarray, "targets"], min_overlap: Int[np.ndarray, "targets"]
    ) -> Float64[np.ndarray, "targets symbols"]:
        """Absolute correlations of targets with all symbols, or :data:`NOT_COMPARABLE`.

        They take six matrix products, and one among symbols that traded at the same sessions: what both have is then
        what each has.
        """
        found = np.empty((len(columns), len(self.noise)))
        others = np.arange(len(self.noise))
        if len(columns) > FEW and self.alike[columns].all():
            found[:, self.alike] = self._of_alike(columns, min_overlap)
            others = np.flatnonzero(~self.alike)
        if len(others):
            found[:, others] = self._of_any(columns, others, min_overlap)
        return found

    def _of_alike(
        self, columns: Int[np.ndarray, "targets"], min_overlap: Int[np.ndarray, "targets"]
    ) -> Float64[np.ndarray, "targets others"]:
        """Of targets and others that traded at the same sessions."""
        moves, sums, squares = self._sums_of_alike
        place = np.cumsum(self.alike)[columns] - 1
        sessions = int(self.known[:, columns[0]].sum())
        strength = moves[:, place].T @ moves  # [k, O]
        strength -= np.outer(sums[place] / sessions, sums)
        np.abs(strength, out=strength)
        length = np.sqrt(squares)
        with np.errstate(divide="ignore", invalid="ignore"):
            strength /= length[place, None]
            strength /= length
        varies = squares > self.noise[self.alike]
        strength[:, ~varies] = NOT_COMPARABLE
        strength[~varies[place] | (sessions < min_overlap)] = NOT_COMPARABLE
        return strength

    @cached_property
    def _sums_of_alike(self) -> tuple[Float64[np.ndarray, "..."], ...]:
        """Centred returns of these symbols, their sums, and sums of squares around their means."""
        moves = self.centred if self.alike.all() else self.centred[:, self.alike]
        sessions, sums = self.known[:, self.alike][:, 0].sum(), moves.sum(axis=0)
        squares = np.einsum("ts,ts->s", moves, moves) - sums**2 / sessions
        return moves, sums, np.maximum(squares, 0.0)

    def _of_any(
        self,
        columns: Int[np.ndarray, "targets"],
        others: Int[np.ndarray, "others"],
        min_overlap: Int[np.ndarray, "targets"],
    ) -> Float64[np.ndarray, "targets others"]:
        """Of the sessions that a target and another share."""
        every = len(others) == len(self.noise)
        moves, mask = (
            (self.centred, self.known) if every else (self.centred[:, others], self.known[:, others])
        )
        some, some_mask = self.centred[:, columns].T, np.ascontiguousarray(self.known[:, columns].T)
        shared = some_mask @ mask  # [k, O] sessions of both
        with np.errstate(divide="ignore", invalid="ignore"):
            own_sum, other_sum = some @ mask, some_mask @ moves
            own_square = some**2 @ mask - own_sum**2 / shared
            other_square = some_mask @ moves**2 - other_sum**2 / shared
            product = some @ moves - own_sum * other_sum / shared
            strength = np.abs(product) / np.sqrt(own_square * other_square)
        varies = (own_square > self.noise[columns, None]) & (other_square > self.noise[others])
        comparable = (shared >= min_overlap[:, None]) & varies & np.isfinite(strength)
        return np.where(comparable, strength, NOT_COMPARABLE)


def _blocks(
    targets: Int[np.ndarray, "some"], alike: Bool[np.ndarray, "targets"]
) -> Iterator[Int[np.ndarray, "block"]]:
    """Targets that traded at the same sessions, then the others, in blocks."""
    for some in (targets[alike[targets]], targets[~alike[targets]]):
        for start in range(0, len(some), BLOCK):
            yield some[start : start + BLOCK]


def _strongest(
    strength: Float64[np.ndarray, "symbols"], by_name: Int[np.ndarray, "symbols"], count: int
) -> Int[np.ndarray, "peers"]:
    """The strongest of those that can be compared."""
    # Rounded, so that the order of equal peers is the order of their names and not of the last bit.
    rounded = np.round(strength, 12)
    least = 0.0
    if 0 < count < len(rounded):
        least = max(least, np.partition(rounded, -count)[-count])  # only these need an order
    some = np.flatnonzero(rounded >= least)
    return some[np.lexsort((by_name[some], -rounded[some]))][:count]
