"""The lake: one Parquet file for each table and day, and the DuckDB file over them.

Nothing here imports the HTTP client, Dagster or the columns of the tables. Schemas are arguments.
"""
