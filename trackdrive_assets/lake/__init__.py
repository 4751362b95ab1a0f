"""Files: one Parquet file a day, replaced whole, and the DuckDB file over them.

Nothing here knows of HTTP or Dagster, or of what the columns of a table mean: schemas come as arguments.
"""
