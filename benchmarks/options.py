"""What every benchmark may be asked on the command line."""

from __future__ import annotations

import argparse

from tickgraph.model.training_config import TrainingConfig

QUICK_TRAINING = {"epochs": 1, "sessions": 250, "min_sessions": 200}


def parser(text: str | None) -> argparse.ArgumentParser:
    """A parser that describes a benchmark by its docstring and knows ``--quick``."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--quick",
        action="store_true",
        help="tiny sizes, each thing once: it takes seconds, shows that everything runs, and gives no figures to quote",
    )
    return made


def with_prices(text: str | None) -> argparse.ArgumentParser:
    """As :func:`parser`, for a benchmark that takes prices of a file."""
    made = parser(text)
    made.add_argument("prices", nargs="?", help="a Parquet file of bars (the bundled sample)")
    return made


def training_config(quick: bool, **settings: object) -> TrainingConfig:
    """Training with the defaults, or a short one of the same network."""
    return TrainingConfig.model_validate({**(QUICK_TRAINING if quick else {}), **settings})
