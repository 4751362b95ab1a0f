"""Everything that imports Dagster: resources, assets, jobs, schedules, sensors and checks."""
