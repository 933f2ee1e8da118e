"""Artefacts on disk: schema, atomic publishing, verified loading."""
