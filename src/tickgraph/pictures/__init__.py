"""Answers as files to look at: pages that need no network, and pictures."""
