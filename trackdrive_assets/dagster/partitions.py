"""How time is partitioned: by calendar day of the account's zone, today included."""

import dagster as dg

from trackdrive_assets.settings import Settings


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """From the start date to today. Keys look like 2024-06-19."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(),
        timezone=settings.time_zone,
        # Today too: its calls are wanted before it is over, and it is read again later.
        end_offset=1,
    )
