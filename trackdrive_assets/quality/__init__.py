"""What is wrong with the data of some days. Works without Dagster."""
