"""Tests of the projects in `examples/`."""
