import pytest
from rich.console import Console

from made_evaluation import made_evaluation
from tickgraph.lab.terminal_tables import summary_table


@pytest.fixture(scope="module")
def evaluation():
    return made_evaluation(sessions=300)


@pytest.fixture
def show():
    def _show(table, width):
        console = Console(width=width)
        with console.capture() as captured:
            console.print(table)
        return captured.get()

    return _show


def test_it_fits_and_cuts_nothing(evaluation, show):
    text = show(summary_table(evaluation), 100)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "…" not in text
    for forecaster in evaluation.forecasters:
        assert forecaster.name.split()[-1] in text
        if forecaster.accuracy.ic:
            assert f"{abs(forecaster.accuracy.ic.value):.4f}" in text


def test_an_asterisk_stands_where_the_interval_does_not_hold_zero(evaluation, show):
    lines = show(summary_table(evaluation), 100).splitlines()
    seen = set()
    for forecaster in evaluation.forecasters:
        ic = forecaster.accuracy.ic
        if ic is None:
            continue
        apart = not ic.low <= 0 <= ic.high
        figure = f"{ic.value:.4f}".replace("-", "−")
        assert any(f" {figure}{'*' if apart else ' '}" in line for line in lines)
        seen.add(apart)
    assert seen == {True, False}


def test_the_window_and_survivorship_stand_with_the_figures(evaluation, show):
    text = " ".join(show(summary_table(evaluation), 100).split())
    assert f"{evaluation.windows[0].test_first} to {evaluation.windows[-1].test_last}" in text
    assert evaluation.survivorship in text


def test_square_brackets_in_a_name_are_text(evaluation, show):
    odd = evaluation.forecasters[-1].model_copy(update={"name": "ridge[/red]"})
    assert "ridge[/red]" in show(summary_table(evaluation.model_copy(update={"forecasters": [odd]})), 100)
