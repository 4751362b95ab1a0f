"""The Dagster assets, one file a family. What they do is in `ingest/` and `lake/`; here is when and which."""
