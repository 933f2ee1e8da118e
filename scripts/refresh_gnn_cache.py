"""``tickgraph refresh`` under the name that was handed down; arguments are passed on.

``python scripts/refresh_gnn_cache.py``
"""

from __future__ import annotations

import sys

from tickgraph.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "refresh")
    main()
