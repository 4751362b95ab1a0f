"""The SQL files: their heads, their parts, and how they are written."""

import re
from importlib import resources
from pathlib import Path

import pytest

from trackdrive_assets.lake.sql_catalog import View, parse_query, queries_in

FILES = sorted((Path(str(resources.files("trackdrive_assets.lake"))) / "sql").glob("**/*.sql"))


def test_a_head_has_a_description_and_options() -> None:
    query = parse_query(
        "-- One row per day.\n-- It shows calls.\n"
        "-- party: buyer\n-- bad_call: A call is bad.\n-- Fetch it.\n"
        "SELECT 1 -- note: not the head\n"
    )
    assert query.description == "One row per day. It shows calls."
    assert query.options == {"party": "buyer", "bad_call": "A call is bad. Fetch it."}
    assert query.sql == "SELECT 1 -- note: not the head"


def test_an_option_and_a_part_replace_their_placeholders() -> None:
    query = queries_in("views")["offer_performance"]
    assert query.options == {}
    assert "GROUP BY date, offer_id, offer_key" in query.sql
    assert "${" not in query.sql


def test_the_options_of_a_part_are_options_of_its_query() -> None:
    query = queries_in("checks")["matches_api_stats"]
    assert {"severity", "values_differ"} <= query.options.keys()


@pytest.mark.parametrize(
    ("sql", "descriptions"),
    [
        ("a / b AS c, --: One.\nd --: Two.", {"c": "One.", "d": "Two."}),
        ("END AS c,\n    --: One\n    --: line.\n    d", {"c": "One line."}),
        ("c, -- no description\nd", {}),
    ],
)
def test_the_description_of_a_column_follows_its_name(sql: str, descriptions: dict[str, str]) -> None:
    assert View("", "", sql).column_descriptions == descriptions


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_no_line_is_longer_than_110_characters(file: Path) -> None:
    assert [line for line in file.read_text("utf-8").splitlines() if len(line) > 110] == []


@pytest.mark.parametrize("name", queries_in("checks"))
def test_the_head_of_a_check_explains_its_violations(name: str) -> None:
    query = queries_in("checks")[name]
    # The reasons of the reconciliation are violations of the checks that read it.
    reasons = queries_in("views")["reconciliation"].sql if "FROM reconciliation" in query.sql else ""
    codes = query.options.keys() - {"severity"}
    assert codes
    assert codes <= set(re.findall(r"'(\w+)'", query.sql + reasons))
