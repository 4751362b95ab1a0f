"""The same sums of every table, computed by other programs that read the Parquet files.

`make trial-engines` runs it in another virtual environment, so it imports nothing of this project. Arguments:
the name of an engine, and the root of the accounts. Input: the kind of each column of each table, as JSON. It
prints the version of the engine, and for each table, account and day one value for each column.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from importlib.metadata import version
from pathlib import Path
from typing import Any

Kinds = Mapping[str, str]
"""The kind of each column: number, instant, flag, text or map."""
Values = dict[str, list[str | None]]
"""By account and day: the number of rows, and a value for each column."""

ENGINES = {
    "duckdb": "duckdb",
    "polars": "polars",
    "pandas": "pandas",
    "spark": "pyspark",
    "clickhouse": "chdb-core",
    "datafusion": "datafusion",
}
"""The package of each engine, which has its version."""

KEY = "state"
"""The tag that is looked up in maps."""

# Programs differ in how they quote a name, and in the functions for instants and maps.
DIALECTS = {
    "duckdb": ('"{0}"', "epoch_us(max({0}))", "sum(cardinality({0}))"),
    "spark": ("`{0}`", "unix_micros(max({0}))", "sum(size({0}))"),
    "datafusion": ('"{0}"', "CAST(max({0}) AS BIGINT)", "sum(cardinality({0}))"),
    "clickhouse": ('"{0}"', "toUnixTimestamp64Micro(max({0}))", "sum(length({0}))"),
}


def query(dialect: str, kinds: Kinds, source: str) -> str:
    """Return the query of the sums of a table."""
    quoted, microseconds, size = DIALECTS[dialect]
    expressions = {
        "number": "sum({0})",
        "instant": microseconds,
        "flag": "sum(CASE WHEN {0} THEN 1 ELSE 0 END)",
        "text": "count(DISTINCT {0})",
        "map": f"{size} + 1000 * count({{0}}['{KEY}'])",
    }
    values = [expressions[kind].format(quoted.format(name)) for name, kind in kinds.items()]
    selected = ", ".join(f"{value} AS v{number}" for number, value in enumerate(["count(*)", *values]))
    return f"SELECT account, date, {selected} FROM {source} GROUP BY account, date"


def sums(rows: Iterable[Sequence[Any]]) -> Values:
    """Return the rows of a query by account and day, with comparable values."""
    return {
        f"{account} {str(day)[:10]}": [_text(value) for value in values] for account, day, *values in rows
    }


def ask(engine: str, root: str, table: str, kinds: Kinds) -> Values:
    """Return the sums of a table of every account by an engine."""
    match engine:
        case "duckdb":
            return _by_duckdb(root, table, kinds)
        case "polars":
            return _by_polars(root, table, kinds)
        case "pandas":
            return _by_pandas(root, table, kinds)
        case "spark":
            return _by_spark(root, table, kinds)
        case "clickhouse":
            return _by_clickhouse(root, table, kinds)
        case _:
            return _by_datafusion(root, table, kinds)


def _accounts(root: str, table: str) -> dict[str, str]:
    """Return the folder of a table by account, for programs that read one account at a time."""
    return {path.name.partition("=")[2]: str(path / table) for path in sorted(Path(root).glob("account=*"))}


def _by_duckdb(root: str, table: str, kinds: Kinds) -> Values:
    import duckdb  # noqa: PLC0415  # each environment has only some of the engines

    files = f"read_parquet('{root}/account=*/{table}/date=*/*.parquet', hive_partitioning = true)"
    return sums(duckdb.connect().execute(query("duckdb", kinds, files)).fetchall())


def _by_polars(root: str, table: str, kinds: Kinds) -> Values:
    import polars as pl  # noqa: PLC0415

    def value(column: Any, kind: str) -> Any:
        match kind:
            case "number":
                # The sum of nothing is 0 here, and null in SQL.
                return pl.when(column.count() > 0).then(column.sum())
            case "instant":
                return column.max().dt.epoch("us")
            case "flag":
                return column.sum()
            case "text":
                return column.drop_nulls().n_unique()
            case _:
                return column.map.len().sum() + 1000 * column.map.get(KEY).count()

    values = [value(pl.col(name), kind).alias(f"v:{name}") for name, kind in kinds.items()]
    files = pl.scan_parquet(f"{root}/account=*/{table}/date=*/*.parquet", hive_partitioning=True)
    return sums(files.group_by("account", "date").agg(pl.len(), *values).collect().iter_rows())


def _by_pandas(root: str, table: str, kinds: Kinds) -> Values:
    import pandas as pd  # noqa: PLC0415

    def value(column: Any, kind: str) -> Any:
        match kind:
            case "number":
                return column.sum() if column.count() else None
            case "instant":
                return column.max().value // 1000 if column.count() else None
            case "flag":
                return int(column.sum())
            case "text":
                return column.nunique()
            case _:
                maps = [dict(tags) for tags in column.dropna()]
                return sum(len(tags) for tags in maps) + 1000 * sum(KEY in tags for tags in maps)

    rows: list[list[Any]] = []
    for account, folder in _accounts(root, table).items():
        frame = pd.read_parquet(folder, dtype_backend="pyarrow")
        for day, group in frame.groupby("date", observed=True):
            rows.append(
                [account, day, len(group), *(value(group[name], kind) for name, kind in kinds.items())]
            )
    return sums(rows)


def _by_spark(root: str, table: str, kinds: Kinds) -> Values:
    from pyspark.sql import SparkSession, functions  # noqa: PLC0415

    builder = SparkSession.builder.config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
    # Another time zone than that of the account must change nothing.
    session = builder.config("spark.sql.session.timeZone", "Asia/Tokyo").getOrCreate()
    parts = [
        session.read.parquet(folder).withColumn("account", functions.lit(account))
        for account, folder in _accounts(root, table).items()
    ]
    reduce(lambda rows, more: rows.unionByName(more), parts).createOrReplaceTempView(table)
    return sums(session.sql(query("spark", kinds, table)).collect())


def _by_clickhouse(root: str, table: str, kinds: Kinds) -> Values:
    import chdb  # noqa: PLC0415

    files = f"file('{root}/account=*/{table}/date=*/*.parquet')"
    lines = str(chdb.query(query("clickhouse", kinds, files), "TSV")).splitlines()
    return sums([None if value == "\\N" else value for value in line.split("\t")] for line in lines)


def _by_datafusion(root: str, table: str, kinds: Kinds) -> Values:
    import pyarrow as pa  # noqa: PLC0415
    from datafusion import SessionContext  # noqa: PLC0415

    context = SessionContext()
    parts = []
    for account, folder in _accounts(root, table).items():
        context.register_parquet(account, folder, table_partition_cols=[("date", pa.date32())])
        parts.append(f"SELECT '{account}' AS account, * FROM {account}")
    rows = context.sql(query("datafusion", kinds, f"({' UNION ALL '.join(parts)})")).to_pylist()
    return sums(list(row.values()) for row in rows)


def _text(value: Any) -> str | None:
    """Return a value as text. Programs differ in the last digits of a sum of floats."""
    # NaN is the only value that differs from itself.
    if value is None or value != value:  # noqa: PLR0124
        return None
    return str(Decimal(str(value)).quantize(Decimal("0.001")))


def main(engine: str, root: str) -> None:
    """Print the version of an engine and the sums of every table."""
    tables = json.load(sys.stdin)
    found = {table: ask(engine, root, table, kinds) for table, kinds in tables.items()}
    sys.stdout.write(json.dumps({"version": version(ENGINES[engine]), "sums": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
