"""Every check of the calls: its name, its description, its severity, and a sentence for each violation.

Dagster's definitions are built from it, and must load fast. So it imports nothing that reads the lake. How
the checks run is in `checks`, `file_checks` and `sql_checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from trackdrive_assets.lake.sql_catalog import Query, queries_in

Severity = Literal["error", "warning"]

FILE_MESSAGES = {
    "file_missing": "The calls of the day have no file. Materialize the partition.",
    "file_unreadable": "A file can't be read. Run the partition again.",
}
"""The violations that every check of the calls can have."""

DUE_HOUR = 6
"""The hour on the account's clock at which yesterday should be in the lake."""


@dataclass(frozen=True)
class Check:
    """A check of the calls.

    Attributes:
        description: The sentence that is true if the check passes.
        severity: `error` if a violation makes the calls wrong, so that no views may be built on them.
            `warning` if a person should look at a violation.
        messages: The sentence for each violation, by its code.
    """

    name: str
    description: str
    severity: Severity
    messages: Mapping[str, str]

    def message(self, violation: str) -> str:
        """Return the sentence for a violation."""
        return self.messages[violation] if violation in self.messages else FILE_MESSAGES[violation]


SCHEMA_MATCHES = Check(
    name="schema_matches",
    description="Every day's file has the columns of the table, with their types.",
    severity="error",
    messages={"column_differs": "A column differs from the one in this version. Run the partition again."},
)

YESTERDAY_LOADED = Check(
    name="yesterday_loaded",
    description=f"At {DUE_HOUR:02}:00, yesterday is in the lake, and was fetched after its end.",
    severity="warning",
    messages={"fetched_before_end": "The day was last fetched before its end. Run its partition again."},
)


def checks() -> Mapping[str, Check]:
    """Return every check by name."""
    return {SCHEMA_MATCHES.name: SCHEMA_MATCHES, YESTERDAY_LOADED.name: YESTERDAY_LOADED, **sql_checks()}


@cache
def sql_checks() -> Mapping[str, Check]:
    """Return the check of each query, by name."""
    return {name: check_of(name, query) for name, query in sorted(queries_in("checks").items())}


def check_of(name: str, query: Query) -> Check:
    """Return the check that the head of a query describes.

    Raises:
        ValueError: The head has no valid severity.
    """
    messages = dict(query.options)
    match messages.pop("severity", None):
        case "error" | "warning" as severity:
            return Check(name, query.description, severity, messages)
    raise ValueError(
        f"The head of sql/checks/{name}.sql needs `-- severity: error` or `-- severity: warning`."
    )
