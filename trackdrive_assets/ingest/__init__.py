"""From the API to a file of the lake, one day at a time. Works without Dagster."""
