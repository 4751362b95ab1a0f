"""Checks of the data of some days. They need no Dagster."""
