"""Standard output and error that no character and no reader that leaves can break."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, TextIO

from tickgraph.errors import StorageError

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Choices that raise an error for a character that the encoding lacks. A person may have made another choice.
_STRICT = ("strict", "surrogateescape")


def make_forgiving() -> None:
    """Let stdout and stderr print any text, and let the command go on when their reader has left.

    A character that the terminal's encoding lacks is written as its escape. When a reader such as ``head`` has left,
    the command goes on and its output is dropped. A full disk under the output raises
    :class:`~tickgraph.errors.StorageError`.
    """
    sys.stdout = forgiving(sys.stdout)
    sys.stderr = forgiving(sys.stderr)


def forgiving(stream: TextIO | Any) -> Any:
    """A stream that prints any text to the same place; one that is no file comes back as it is."""
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
    """A pipe or a file that drops what is written after its reader has left."""

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
