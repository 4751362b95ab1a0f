"""Tests of `trackdrive_assets.dagster.assets`."""
