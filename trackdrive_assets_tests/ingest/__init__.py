"""Exact days, and how they are read."""
