"""What each table holds: its columns, and how the API's values become typed ones.

Nothing here asks the API, reads or writes a file, or knows of Dagster.
"""
