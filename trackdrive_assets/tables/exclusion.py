"""Which columns, tags and undocumented keys are never stored."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from trackdrive_assets.tables.columns import CALL_KEYS

TOKEN_PREFIX = "token-"  # noqa: S105  the prefix of a tag's key, no secret
REQUIRED_COLUMNS = ("uuid", "created_at")

# Columns that may repeat the value of another column. Excluding the other column clears them too.
_REPEATED_COLUMN = {"name": "caller_number"}


@dataclass(frozen=True)
class Exclusion:
    """The columns, tags and undocumented keys that are never stored.

    Attributes:
        patterns: Names of columns, tags (`token-email`) or undocumented keys. `*` matches any characters.

    Raises:
        ValueError: A pattern matches `uuid` or `created_at`.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in REQUIRED_COLUMNS:
            if self.excludes(name):
                raise ValueError(f"{name} can't be excluded. Calls are stored and compared by it.")

    @classmethod
    def of(cls, names: str) -> Exclusion:
        """Parse a comma-separated list such as `caller_number,token-email,token-*`.

        Raises:
            ValueError: The list contains `uuid` or `created_at`.
        """
        return cls(tuple(name for part in names.split(",") if (name := part.strip())))

    def excludes(self, key: str) -> bool:
        """Return whether a column, tag or undocumented key is excluded.

        Excluding any tag also clears `token_values`, because that column repeats all tags.
        """
        return any(
            fnmatchcase(key, pattern)
            or (key == "token_values" and pattern.startswith(TOKEN_PREFIX))
            or (key in _REPEATED_COLUMN and fnmatchcase(_REPEATED_COLUMN[key], pattern))
            for pattern in self.patterns
        )

    @property
    def undocumented(self) -> tuple[str, ...]:
        """The patterns that match neither a documented column nor a tag. They may be spelling mistakes."""
        return tuple(
            pattern
            for pattern in self.patterns
            if not pattern.startswith(TOKEN_PREFIX)
            and not any(fnmatchcase(key, pattern) for key in CALL_KEYS)
        )


NO_EXCLUSIONS = Exclusion()
