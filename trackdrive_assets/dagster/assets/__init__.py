"""The Dagster assets, one file for each table. What they do is in `ingest/` and `lake/`."""
