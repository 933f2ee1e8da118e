"""The fit of the universe that ships in the package: on the bundled sample, for whoever has no fit of their own.

``python -m tickgraph.registry.default_universe`` makes the file again. It takes seconds.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from tickgraph.errors import HistoryTooShortError
from tickgraph.market.calendar import system_time
from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import UniverseFit, fit_universe
from tickgraph.registry.universe_file import decode_fit, encode_fit
from tickgraph.storage import READABLE, write_atomically

FILE = "default_universe.npz"


@cache
def default_universe() -> UniverseFit:
    """Give the fit on the bundled sample, of the default horizons and sizes."""
    data = resources.files("tickgraph.registry").joinpath(FILE).read_bytes()
    return decode_fit(data, SampleSource.name, name=FILE, exchange=None)


def default_for(config: TrainingConfig) -> UniverseFit:
    """Give the default fit for models of a configuration.

    Raises
    ------
    HistoryTooShortError
        It has other horizons or sizes. Then only an own fit will do, and whoever asks has too few prices for one.
    """
    fit = default_universe()
    if fit.suits(config):
        return fit
    ours = TrainingConfig()
    raise HistoryTooShortError(
        f"There is no fit of the universe for horizons {_listed(config.horizons)} with variance_dim "
        f"{config.variance_dim}, num_gcn_layers {config.num_gcn_layers} and num_gat_heads {config.num_gat_heads}: the "
        f"one that ships is for {_listed(ours.horizons)} with {ours.variance_dim}, {ours.num_gcn_layers} and "
        f"{ours.num_gat_heads}. Train on 5 symbols and 750 sessions or more, which gives a fit of their own, or leave "
        "these settings at their defaults."
    )


def _listed(horizons: tuple[int, ...]) -> str:
    return ", ".join(map(str, horizons))


def make(path: Path) -> UniverseFit:
    """Fit the universe of the sample and write the file."""
    source = SampleSource()
    panel = PricePanel.from_bars(source.fetch(source.symbols()).bars, source.name)
    fit = fit_universe(panel, TrainingConfig())
    if fit is None:
        raise AssertionError("the sample is large enough")
    write_atomically(path, encode_fit(fit, system_time()), mode=READABLE)
    return fit


if __name__ == "__main__":
    print(make(Path(__file__).with_name(FILE)).version)  # noqa: T201
