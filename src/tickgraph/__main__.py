"""``python -m tickgraph``: the command line without its script on the path."""

from tickgraph.cli import main

if __name__ == "__main__":
    main()
