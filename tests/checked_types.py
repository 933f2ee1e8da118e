"""What refuses a wrong type or shape where arrays cross a border: importing it is enough."""

from __future__ import annotations

from pathlib import Path

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src" / "tickgraph"
CHECKED = [
    f"tickgraph.{layer}.{path.stem}"
    for layer in ("graph", "model", "options")
    for path in (SOURCE / layer).glob("*.py")
]
CHECKED += ["tickgraph.market.dividends", "tickgraph.market.range_variance"]
CHECKED.remove("tickgraph.options.quotes")  # it reads whatever a caller gives
CHECKED.remove("tickgraph.model.layers")  # Keras reads the signatures of its layers itself

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as it is for mypy
install_import_hook(CHECKED, "checked_types.checked")
