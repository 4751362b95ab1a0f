"""Tests of `trackdrive_assets.report`."""
