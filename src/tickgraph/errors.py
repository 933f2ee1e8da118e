"""Errors a user can act on: each names the symbol or file, what was expected, and the remedy.

Each class carries the exit code of the command line, so that a script can tell the causes apart:

====  ==============================================================
code  meaning
====  ==============================================================
0     everything asked for was done
1     an unexpected fault (a bug: please report it)
2     bad usage: unknown option, malformed symbol, bad price
3     some symbols failed, the others were done
4     price data missing, bad or too short
5     a model is missing, damaged, foreign, mismatched or implausible
6     a price source or a cluster cannot be reached
7     storage failed: full disk, read-only folder, lock held
8     a check came out badly: a simulated forecast was wrong
130   interrupted (Ctrl-C); what was finished is kept
====  ==============================================================
"""

from __future__ import annotations

import logging
from typing import ClassVar

from pydantic_core import ValidationError

INTERRUPTED = 130
"""Exit code after Ctrl-C, which is no error."""

_log = logging.getLogger(__name__)


class TickgraphError(Exception):
    """Base of every error that tickgraph raises on purpose."""

    exit_code: ClassVar[int] = 1


class InputError(TickgraphError, ValueError):
    """The caller's input is unusable: a malformed symbol, a negative price, an empty date range."""

    exit_code: ClassVar[int] = 2


class SymbolError(InputError):
    """A symbol that is malformed, or unknown to the catalogue it was looked up in."""


class PartialFailure(TickgraphError):
    """Some symbols failed while the others were done."""

    exit_code: ClassVar[int] = 3


class PriceDataError(TickgraphError):
    """Prices are missing or unusable for the purpose."""

    exit_code: ClassVar[int] = 4


class HistoryTooShortError(PriceDataError):
    """A symbol has fewer sessions than the computation needs."""


class ArtefactError(TickgraphError):
    """A stored model is damaged, foreign or does not match what its metadata promises."""

    exit_code: ClassVar[int] = 5


class ModelNotFoundError(ArtefactError):
    """No model has been published for the symbol."""


class LaterArtefactError(ArtefactError):
    """A later release wrote a stored model or a fit of the universe; this one must leave it alone."""


class SourceUnavailableError(TickgraphError):
    """A price source cannot be reached or does not answer in its own format."""

    exit_code: ClassVar[int] = 6


class ClusterError(TickgraphError):
    """A Ray cluster cannot be reached, was lost, or has a machine with other versions."""

    exit_code: ClassVar[int] = 6


class StorageError(TickgraphError):
    """Reading or writing a folder failed: disk full, read-only, permission, or a lock held by another."""

    exit_code: ClassVar[int] = 7


class OtherExchangeError(StorageError):
    """Stored prices or a model are of another exchange than the one in force; a setting mends it."""

    exit_code: ClassVar[int] = 2


class LaterPricesError(StorageError):
    """A later release wrote stored prices; this one must leave them alone."""


class CheckFailed(TickgraphError):
    """A check was carried out and came out badly."""

    exit_code: ClassVar[int] = 8


def reason_of(symbol: str, error: Exception) -> str:
    """Say why one symbol failed, so that the others can go on; the text names the symbol."""
    text = text_of(symbol, error)
    return text if symbol in text else f"{symbol}: {text}"


def text_of(subject: str, error: Exception) -> str:
    """Say what went wrong with a subject, such as a symbol or a source.

    An error that tickgraph raises on purpose says it itself. Any other error is a fault of tickgraph: the text names
    the subject and the error, and the log has the traceback.
    """
    if isinstance(error, TickgraphError):
        return str(error)
    _log.error("unforeseen error of %s", subject, exc_info=error)
    return (
        f"{subject}: an unforeseen error, {type(error).__name__}: {_in_one_line(error)}. "
        "It is a fault of tickgraph: please report it with the traceback in the log."
    )


def error_of(symbol: str, error: Exception) -> TickgraphError:
    """Give an error as one of tickgraph's, so that it can be kept for its symbol while the others go on."""
    return error if isinstance(error, TickgraphError) else TickgraphError(reason_of(symbol, error))


def _in_one_line(error: Exception) -> str:
    """What an unforeseen error says; of a value that pydantic refuses, its place alone, as it may be a secret."""
    if isinstance(error, ValidationError):
        problems = error.errors(include_url=False, include_input=False)
        fields = [f"{'.'.join(map(str, each['loc'])) or 'the whole'} ({each['type']})" for each in problems]
        more = f" and {len(fields) - 3} more" if len(fields) > 3 else ""
        return f"{error.title} does not take the value of {', '.join(fields[:3])}{more}"
    return " ".join(str(error).split())
