"""How a client sends requests: page size, rate, concurrency and time limits, each with its default."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from trackdrive_assets.days import DATE_PRECISIONS


def _option(default: float | str, description: str) -> Any:
    return dataclasses.field(default=default, metadata={"description": description})


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """The options of a client. Each field has its description in its metadata."""

    per_page: int = _option(250, "Rows per page to request. The server may send fewer.")
    max_concurrency: int = _option(4, "Highest number of requests in flight.")
    requests_per_second: float = _option(
        5.0, "Highest number of requests per second of one process. 0 means no limit."
    )
    connect_timeout: float = _option(10.0, "Seconds to wait for a connection.")
    # A page of 250 calls takes seconds. The retry budget has room for a second attempt.
    response_timeout: float = _option(120.0, "Seconds to wait for a complete response.")
    retry_budget: float = _option(300.0, "Seconds for one request with all its retries.")
    date_precision: str = _option(
        DATE_PRECISIONS[0],
        "How exact the end of reports and statistics is requested: `microsecond`, or `second` for an account "
        "that ignores fractions of a second. `trackdrive doctor` finds this out.",
    )


DEFAULTS = ClientOptions()


def option_description(name: str) -> str:
    """Return the description of an option."""
    (field,) = (field for field in dataclasses.fields(ClientOptions) if field.name == name)
    return str(field.metadata["description"])
