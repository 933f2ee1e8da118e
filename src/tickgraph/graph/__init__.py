"""Prices to graphs: features, rolling correlations, adjacency, peers, snapshots."""
