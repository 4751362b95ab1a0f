"""A monthly asset on the daily calls of the account."""

from pathlib import Path

import dagster as dg
import pandas as pd

FOLDER = Path(__file__).parents[3] / "buyer_months"

# The months begin in the time zone of the account, like its days.
months = dg.MonthlyPartitionsDefinition(start_date="2024-01-01", timezone="America/New_York")


@dg.asset(
    partitions_def=months,
    ins={"calls": dg.AssetIn(["acme", "calls"], partition_mapping=dg.TimeWindowPartitionMapping())},
    # Each month of a range is a run of its own, with the calls of its days as one data frame.
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    kinds={"csv"},
)
def buyer_months(context: dg.AssetExecutionContext, calls: pd.DataFrame) -> dg.MaterializeResult[None]:
    """One CSV file per finished month: the calls, conversions and revenue of each buyer."""
    buyers = (
        calls.assign(converted=calls["buyer_converted"].fillna(value=False).astype("int64[pyarrow]"))
        .groupby("buyer_id")
        .agg(calls=("uuid", "size"), converted=("converted", "sum"), revenue=("revenue", "sum"))
    )
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{context.partition_key}.csv"
    buyers.to_csv(file)
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(str(file)), "buyers": len(buyers)})
