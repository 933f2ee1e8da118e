"""What the interval of a figure says: whether it leaves out a value, and itself in words."""

from __future__ import annotations

from tickgraph.registry.evaluation_record import Figure


def ends(figure: Figure | None) -> tuple[float, float] | None:
    """Ends of the interval; None where there is no figure, or it was not resampled."""
    if figure is None or figure.low is None or figure.high is None:
        return None
    return figure.low, figure.high


def is_above(figure: Figure | None, value: float = 0.0) -> bool:
    """Whether the interval lies above a value: the figure is told apart from it, upward."""
    return (found := ends(figure)) is not None and found[0] > value


def is_below(figure: Figure | None, value: float = 0.0) -> bool:
    """Whether the interval lies below a value."""
    return (found := ends(figure)) is not None and found[1] < value


def leaves_out(figure: Figure | None, value: float = 0.0) -> bool:
    """Whether the interval lies above or below a value."""
    return is_above(figure, value) or is_below(figure, value)


def interval_text(figure: Figure | None, form: str, scale: float = 1.0) -> str:
    """The ends in a form such as ``" [{:.3f}, {:.3f}]"``; nothing where there is no interval."""
    found = ends(figure)
    return "" if found is None else form.format(*(scale * end for end in found))
