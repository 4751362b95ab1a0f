"""A marimo notebook on the views: `marimo edit notebook.py` in the folder that has `demo/`."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import duckdb
    import marimo as mo

    # Read-only: then a run can replace the file at any time.
    lake = duckdb.connect("demo/trackdrive.duckdb", read_only=True)
    return lake, mo


@app.cell
def _(lake, mo):
    (first, last) = lake.execute("SELECT min(date), max(date) FROM daily_summary").fetchone()
    period = mo.ui.date_range(start=first, stop=last, label="Days")
    period
    return (period,)


@app.cell
def _(lake, mo, period):
    buyers = lake.execute(
        """
        SELECT buyer, CAST(sum(calls) AS BIGINT) AS calls, CAST(sum(converted) AS BIGINT) AS converted,
               CAST(sum(revenue) AS DOUBLE) AS revenue
        FROM buyer_performance
        WHERE buyer IS NOT NULL AND date BETWEEN ? AND ?
        GROUP BY buyer ORDER BY revenue DESC NULLS LAST
        """,
        [*period.value],
    )
    columns = [column[0] for column in buyers.description]
    rows = [dict(zip(columns, row, strict=True)) for row in buyers.fetchall()]
    mo.ui.table(rows, selection=None, label="Revenue by buyer")
    return


if __name__ == "__main__":
    app.run()
