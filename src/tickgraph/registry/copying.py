"""Models moved from one place to another as they are: a folder's to object storage, or back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tickgraph.errors import OtherExchangeError, StorageError, reason_of
from tickgraph.market.spelling import Symbol
from tickgraph.registry.registry import ModelRegistry


@dataclass
class CopyReport:
    """What was copied.

    Attributes
    ----------
    copied
        Symbols whose models were written.
    same
        Symbols whose models were there already.
    universe
        Sources of prices whose fit or state of the universe was written.
    failed
        Error of each symbol or source that failed.
    """

    copied: list[Symbol] = field(default_factory=list)
    same: list[Symbol] = field(default_factory=list)
    universe: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def copy_models(
    source: ModelRegistry,
    target: ModelRegistry,
    symbols: Sequence[Symbol] | None = None,
) -> CopyReport:
    """Copy models and the universe's fits and states, byte for byte; a copy that was cut short goes on.

    Parameters
    ----------
    source, target
        Where from, where to. What the target has of a symbol is replaced.
    symbols
        Whose models; None is all of the source's, with the universe's fits and states.

    Raises
    ------
    StorageError
        The target cannot be written.
    """
    report = CopyReport()
    target.recover()
    for symbol in source.symbols() if symbols is None else symbols:
        try:
            (report.copied if target.adopt(symbol, source.files(symbol)) else report.same).append(symbol)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            report.failed[symbol] = reason_of(symbol, error)
    for name in source.universe.sources() if symbols is None else ():
        try:
            target.universe.adopt(name, source.universe.files(name))
            report.universe.append(name)
        except OtherExchangeError as error:  # of this source alone
            report.failed[name] = str(error)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this source
            report.failed[name] = reason_of(name, error)
    return report
