"""Why a row can't become a row of a table. No message contains a value, because values are about callers."""

from trackdrive_assets.privacy import describe

_MAX_LENGTH = 80


class UnreadableValue(ValueError):
    """One value of a column that its type can't represent. `MalformedRow` adds which row it is in.

    Attributes:
        position: The index of the value in its column.
        expected: A description of a readable value.
    """

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(f"The value at position {position} is not {expected}.")
        self.position = position
        self.expected = expected


class MalformedRow(ValueError):
    """A row with a value that can't be read.

    Attributes:
        field: The key of the value in the API's response.
        uuid: The call's uuid. None for rows of reports and statistics.
    """

    def __init__(self, row: str, field: str, value: object, expected: str, uuid: str | None = None) -> None:
        super().__init__(
            f"{_shorten(row)}: {_shorten(field)} is {describe(value)}, expected {expected}. "
            "No row of this batch was stored."
        )
        self.field = field
        self.uuid = uuid


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
