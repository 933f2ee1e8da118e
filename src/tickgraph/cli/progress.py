"""Progress bars of long commands, on stderr; lines where there is no terminal."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tickgraph.cli.output import stderr


class Bars(Progress):
    """Bars with a label, a count, a remark, the time taken and the time left.

    ``update(bar, advance=1, description="AAPL", remark="loss 0.93")`` moves a bar on.

    Parameters
    ----------
    width
        Characters kept for the label.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__(
            TextColumn(f"{{task.description:<{width}}}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remark]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=stderr,
            disable=not stderr.is_terminal,
        )

    def begin(self, label: str, total: int | None = None, remark: str = "") -> TaskID:
        """Add a bar; without a total it moves to and fro."""
        return self.add_task(label, total=total, remark=remark)

    def line(self, text: str) -> None:
        """Print a line in a bar's place, if there is no terminal to show bars on."""
        if self.disable:
            stderr.print(text, highlight=False)
