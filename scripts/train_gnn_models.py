"""``tickgraph train`` under the name that was handed down; arguments are passed on.

``python scripts/train_gnn_models.py --symbols TIER_1 --parallel 10``
"""

from __future__ import annotations

import sys

from tickgraph.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
