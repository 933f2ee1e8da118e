"""Where results and remarks are written: no character and no reader that has left ends a command."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, TextIO

from tickgraph.errors import StorageError

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What ends in an error for a character that the encoding lacks. Another choice is a person's own.
_STRICT = ("strict", "surrogateescape")


def make_forgiving() -> None:
    """Let stdout and stderr print any text, and go on when their reader has left.

    A character that the terminal's encoding lacks is written as its escape. A reader that has left, such as ``head``,
    gets no more, and the command ends as it would have. A file that cannot take more, on a full disk, is a
    :class:`~tickgraph.errors.StorageError`.
    """
    sys.stdout = forgiving(sys.stdout)
    sys.stderr = forgiving(sys.stderr)


def forgiving(stream: TextIO | Any) -> Any:
    """Give a stream that prints any text to the same place; one that is no file is given back as it is."""
    if type(stream) is not io.TextIOWrapper:  # a test's, or none at all
        return stream
    errors = "backslashreplace" if stream.errors in _STRICT else stream.errors
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO:  # a console of Windows
        stream.reconfigure(errors=errors)
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(stream, raw.fileno())),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Forgiving(io.FileIO):
    """A pipe or a file that takes what is written after its reader has left, and forgets it."""

    def __init__(self, stream: TextIO, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._stream = stream  # whoever drops it closes the descriptor
        self._gone = False

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        if self._gone:
            return size
        try:
            return super().write(data)
        except BrokenPipeError:
            self._gone = True
            return size
        except OSError as error:
            self._gone = True
            raise StorageError(f"Cannot write the output: {error.strerror}. Check where it goes.") from error
