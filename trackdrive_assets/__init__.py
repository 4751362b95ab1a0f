"""Trackdrive calls, reports and statistics as daily Dagster assets, Parquet files and DuckDB views.

Importing this package opens no file and no socket. What people import lives one level down:
`resources.TrackdriveResource`, `definitions.build_definitions`, `api.client.Client`.
"""
