from __future__ import annotations

import pytest

from made_universe import CONFIG
from tickgraph.errors import InputError
from tickgraph.model.fitting import fit
from tickgraph.model.training import TrainingProgram


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"horizons": (1, 5)}, r"horizons \(1, 5, 21\) .* horizons \(1, 5\)"),
        ({"variance_dim": 16}, "variance_dim 16"),
    ],
)
def test_a_universe_of_other_horizons_or_sizes_is_refused_before_any_training(
    small_universe, small_fit, monkeypatch, changes, said
):
    program = TrainingProgram(CONFIG.model_copy(update=changes))
    monkeypatch.setattr(program, "compile", lambda: pytest.fail("it was trained"))
    with pytest.raises(InputError, match=f"universe: .*{said}"):
        fit(small_universe, "AAPL", program, universe=small_fit)
