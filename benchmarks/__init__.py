"""Benchmarks: this product and other programs against one server. README.md has the results."""
