"""A process that publishes recognisable generations until it is killed.

Generation n has every weight, every off-diagonal correlation and the final loss equal to a function of n, so
that a reader can tell a mixture. After each publish the number is written to stdout. With a second argument,
the process ends without cleaning up at the n-th call that touches the disk: a crash at a chosen step.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from tickgraph.registry.correlation_file import encode_correlation
from tickgraph.registry.registry import ModelRegistry
from tickgraph.registry.weights_file import encode_weights

SYMBOL = "AAPL"


def generation(template, number):
    """Metadata, weights and correlation of generation ``number``, from a real model's."""
    metrics = template.metadata.performance_metrics.model_copy(update={"final_loss": float(number)})
    metadata = template.metadata.model_copy(update={"performance_metrics": metrics})
    weights = {path: np.full_like(value, number) for path, value in template.weights.items()}
    correlation = np.full_like(template.correlation, 1 / (number + 1))
    np.fill_diagonal(correlation, 1.0)
    return metadata, weights, correlation


def encoded(weights, correlation):
    """A generation's arrays as the bytes of their files."""
    return encode_weights(weights), encode_correlation(correlation)


def number_of(model) -> int:
    """The generation that every part of a model agrees on."""
    number = int(model.metadata.performance_metrics.final_loss)
    assert all((value == number).all() for value in model.weights.values()), "weights of another generation"
    off = model.correlation[~np.eye(len(model.correlation), dtype=bool)]
    assert np.allclose(off, 1 / (number + 1)), "correlations of another generation"
    return number


def left_over(root) -> list[str]:
    """Names of staged and temporary files."""
    return [path.name for path in root.rglob(".*") if path.suffix in (".tmp", ".staged")]


def die_at(step):
    count = 0

    def watch(event, arguments):
        nonlocal count
        if event in ("os.rename", "os.remove", "open", "os.mkdir") and "AAPL" in str(arguments[0]):
            count += 1
            if count == step:
                os._exit(9)

    sys.addaudithook(watch)


def main():
    from tickgraph.model.weights import weight_shapes

    registry = ModelRegistry(Path(sys.argv[1]))
    template = registry.load(SYMBOL, weight_shapes)
    number = int(template.metadata.performance_metrics.final_loss)
    if len(sys.argv) > 2:
        die_at(int(sys.argv[2]))
        registry.publish(*generation(template, number + 1))
        print("done", flush=True)
        return
    while True:
        number += 1
        registry.publish(*generation(template, number))
        print(number, flush=True)


if __name__ == "__main__":
    main()
