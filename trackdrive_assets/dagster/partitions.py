"""The partitions: calendar days of the account's time zone, today included."""

import dagster as dg

from trackdrive_assets.settings import Settings


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the days from the start date to today. Their keys are dates such as 2024-06-19."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(),
        timezone=settings.time_zone,
        # Today's partition is included. It is fetched again later.
        end_offset=1,
    )
