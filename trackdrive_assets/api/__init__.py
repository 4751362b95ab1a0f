"""The Trackdrive HTTP API. Knows nothing of Dagster, Parquet or DuckDB."""
