"""The assets, run by Dagster over HTTP against the sandbox."""
