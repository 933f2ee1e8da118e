"""Where results and remarks are written: no character and no reader that has left ends a command."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

from tickgraph.errors import StorageError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_STRICT = ("strict", "surrogateescape")  # what ends in an error for a character that the encoding lacks


def make_forgiving() -> None:
    """Let stdout and stderr print any text, and go on when their reader has left.

    A character that the terminal's encoding lacks is written as its escape. A reader that has left, such as ``head``,
    gets no more, and the command ends as it would have. A file that cannot take more, on a full disk, is a
    :class:`~tickgraph.errors.StorageError`.
    """
    sys.stdout = _forgiving(sys.stdout)
    sys.stderr = _forgiving(sys.stderr)


def _forgiving(stream: TextIO) -> TextIO:
    if type(stream) is not io.TextIOWrapper:  # a test's, or none at all
        return stream
    errors = "backslashreplace" if stream.errors in _STRICT else stream.errors
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO:  # a console of Windows
        stream.reconfigure(errors=errors)
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(raw.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Forgiving(io.FileIO):
    """A pipe or a file that takes what is written after its reader has left, and forgets it."""

    _gone = False

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
