"""Tests of `trackdrive_assets.quality`."""
