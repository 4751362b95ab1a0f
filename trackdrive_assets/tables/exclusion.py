"""Which columns, tags and undocumented keys are never stored, and which reports are never fetched.

Names are compared without case, and `-` is the same as `_`. So `Caller-Number` excludes `caller_number`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from trackdrive_assets.tables.columns import CALL_KEYS

TOKEN_PREFIX = "token-"  # noqa: S105  the prefix of a tag's key, no secret
REQUIRED_COLUMNS = ("uuid", "created_at")

_NEVER_EXCLUDED = (*REQUIRED_COLUMNS, "fetched_at")

# Keys that may repeat the value of a column. Excluding the column excludes them too. A contact is a caller.
_REPEATED_COLUMN = {
    "name": "caller_number",
    "token_caller_id": "caller_number",
    "contact_id": "caller_number",
    "contact_country": "caller_country",
}
# The names of the groups of a report are values of another column.
_COLUMN_OF_GROUP_NAMES = {
    "buyer_id": "buyer",
    "offer_id": "offer",
    "traffic_source_id": "traffic_source",
    "number_id": "number_called",
}
_COLUMN_OF_PREFIX = {"token_": "tokens", "extra_": "extra"}
_COLUMNS = {*CALL_KEYS, *_COLUMN_OF_PREFIX.values(), "fetched_at"}
_NAMES = sorted({*_COLUMNS, "contact_id", "contact_state", "contact_country"})
"""The columns, and the categories of reports about callers."""


@dataclass(frozen=True)
class Exclusion:
    """The columns, tags and undocumented keys that are never stored.

    Attributes:
        patterns: Names of columns, of tags (`token-email`) or of undocumented keys (`extra-ssn`). `tokens`
            means all tags, and `extra` all undocumented keys. `*` matches any characters.

    Raises:
        ValueError: A pattern matches a column that every call needs, or nothing that is known.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _NEVER_EXCLUDED:
            if self.excludes(name):
                raise ValueError(f"{name} can't be excluded. Calls are stored and compared by it.")
        for pattern in self.patterns:
            if not _is_known(_normalized(pattern)):
                raise ValueError(f"{pattern!r} matches no known column. {_advice(pattern)}")

    @classmethod
    def of(cls, names: str) -> Exclusion:
        """Parse a comma-separated list such as `caller_number,token-email,extra-ssn`.

        Raises:
            ValueError: The list contains a column that every call needs, or a name that is not known.
        """
        return cls(tuple(name for part in names.split(",") if (name := part.strip())))

    def excludes(self, key: str) -> bool:
        """Return whether a column, tag or undocumented key is excluded.

        Excluding any tag also clears `token_values`, because that column repeats all tags.
        """
        name = _normalized(key)
        return bool(self.patterns) and (
            any(self._matches(spelling) for spelling in _spellings(name))
            or (name == "token_values" and self._excludes_a_tag)
            or any(
                name == column and self._excludes_all(prefix) for prefix, column in _COLUMN_OF_PREFIX.items()
            )
        )

    def excludes_report(self, category: str) -> bool:
        """Return whether the report by a category is excluded, because its groups are values of a column."""
        name = _normalized(category)
        spellings = [*_spellings(name), _COLUMN_OF_GROUP_NAMES.get(name, name)]
        return any(self._matches(spelling) for spelling in spellings if not spelling.startswith("extra"))

    @property
    def excludes_all_tags(self) -> bool:
        """Whether no tag is stored."""
        return self._excludes_all("token_")

    def _matches(self, name: str) -> bool:
        return any(expression.fullmatch(name) for _, expression in self._expressions)

    @property
    def _excludes_a_tag(self) -> bool:
        repeated = [column for key, column in _REPEATED_COLUMN.items() if key.startswith("token_")]
        return any(map(self._matches, ("tokens", *repeated))) or any(
            _may_match_prefix(pattern, "token_") for pattern, _ in self._expressions
        )

    def _excludes_all(self, prefix: str) -> bool:
        return self._matches(_COLUMN_OF_PREFIX[prefix]) or any(
            pattern.endswith("*") and expression.fullmatch(prefix)
            for pattern, expression in self._expressions
        )

    @cached_property
    def _expressions(self) -> list[tuple[str, re.Pattern[str]]]:
        normalized = map(_normalized, self.patterns)
        return [(pattern, _expression(pattern)) for pattern in normalized]


def _normalized(name: str) -> str:
    return name.casefold().replace("-", "_")


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _spellings(name: str) -> Iterator[str]:
    """Yield the names by which a key can be excluded."""
    yield name
    if name in _REPEATED_COLUMN:
        yield _REPEATED_COLUMN[name]
    if name.startswith("token_") and name not in CALL_KEYS:
        yield "tokens"
    elif name not in _COLUMNS:
        yield from ("extra", f"extra_{name}")


def _may_match_prefix(pattern: str, prefix: str) -> bool:
    """Return whether a pattern may match a key with a prefix."""
    beginning, star, _ = pattern.partition("*")
    return beginning.startswith(prefix) or (star != "" and prefix.startswith(beginning))


def _is_known(pattern: str) -> bool:
    """Return whether a pattern names a tag or an undocumented key, or matches a known column."""
    if any(pattern.startswith(prefix) and pattern != prefix for prefix in _COLUMN_OF_PREFIX):
        return True
    return any(_expression(pattern).fullmatch(name) for name in _NAMES)


def _advice(pattern: str) -> str:
    name = _normalized(pattern)
    found = get_close_matches(name, _NAMES, n=1)
    nearest = f"Did you mean {found[0]}? " if found else ""
    return f"{nearest}Use token-{name} for a tag, or extra-{name} for a key that is not documented."


NO_EXCLUSIONS = Exclusion()
