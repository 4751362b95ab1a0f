"""The options of the query commands: days, the API's parameters, and the output.

Each parameter of `api.query.Query` is one option. What the commands do with them is in `query_commands.py`.
"""

import dataclasses
import textwrap
import typing
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from trackdrive_assets.api.query import Endpoint, Query, accepted_parameters
from trackdrive_assets.cli.output import FORMATS
from trackdrive_assets.days import YEARS, Window, exact_day
from trackdrive_assets.setting_values import InvalidValue, parse_date

Command = Callable[..., None]

DayOption = date | timedelta | None
"""A date, or a number of days from today, or None."""

_LISTED = {"created_at_label": "LABELS", "status": "STATUSES", "columns": "COLUMNS", "order": "ORDER"}
"""The parameters whose values have a section of their own in the help, and its title."""

_FEW = 3
"""The most values that an option shows in its own line."""


class Integers(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases
    """Whole numbers separated by commas."""

    name = "integers"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the list of numbers."""
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers like 12,34.", parameter, context)


class FilePath(click.Path):
    """The path of a file to write."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the path. An empty text would be the current folder."""
        if not value:
            self.fail("The name of the file is missing.", parameter, context)
        return super().convert(value, parameter, context)


class DayType(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases
    """A calendar day, `today` or `yesterday`. The account's time zone decides which day is today."""

    name = "day"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a date, or a number of days from today."""
        if value in {"today", "yesterday"}:
            return timedelta(days=-1 if value == "yesterday" else 0)
        try:
            return parse_date(value)
        except InvalidValue:
            years = f"{YEARS[0]} to {YEARS[-1]}"
            self.fail(
                f"{value!r} is not a date. Use YYYY-MM-DD of the years {years}, today or yesterday.",
                parameter,
                context,
            )


def parameter_options(endpoint: Endpoint) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for each parameter of an endpoint."""
    types = typing.get_type_hints(Query)

    def add_options(command: Command) -> Command:
        for field in reversed(dataclasses.fields(Query)):
            if endpoint in field.metadata["endpoints"]:
                values, section = field.metadata["values"], _LISTED.get(field.name)
                command = click.option(
                    f"--{field.name.replace('_', '-')}",
                    field.name,
                    type=_option_type(types[field.name]),
                    metavar=f"[{'|'.join(values)}]" if 0 < len(values) <= _FEW else None,
                    help=field.metadata["description"] + (f" See {section} below." if section else ""),
                )(command)
        return command

    return add_options


def listed_values(endpoint: Endpoint) -> str:
    """Return the sections of the help with the values of the parameters of an endpoint."""
    values = {field.name: field.metadata["values"] for field in dataclasses.fields(Query)}
    return "".join(
        f"\n\b\n{title}\n{indented(values[name])}\n"
        for name, title in _LISTED.items()
        if name in accepted_parameters(endpoint)
    )


def indented(names: Iterable[str]) -> str:
    """Return names as lines of the help."""
    return textwrap.indent(textwrap.fill(", ".join(names), 78, break_on_hyphens=False), "  ")


def _option_type(type_: Any) -> Any:
    """Return the click type of a parameter. `Query` itself validates texts."""
    types = typing.get_args(type_)
    if str in types:
        return click.STRING
    if bool in types:
        return click.BOOL
    return click.INT if types == (int, type(None)) else Integers()


def day_options(command: Command) -> Command:
    """Add `--from` and `--to`."""
    for name, help_ in (
        ("to", "Last day, which is included.  [default: today]"),
        ("from", "First day, in TRACKDRIVE_TIME_ZONE. Also today or yesterday."),
    ):
        command = click.option(f"--{name}", f"{name}_day", type=DayType(), help=help_)(command)
    return command


def output_options(command: Command) -> Command:
    """Add `--format` and `--output`."""
    command = click.option(
        "--output", type=FilePath(path_type=Path, dir_okay=False), help="File to write instead of stdout."
    )(command)
    return click.option("--format", "format_", type=click.Choice(FORMATS), help="See OUTPUT below.")(command)


def requested_days(time_zone: str, first: DayOption, last: DayOption) -> tuple[date, date] | None:
    """Return the first and the last day. None if no days were requested."""
    if first is None and last is None:
        return None
    if first is None:
        raise click.UsageError("--to needs --from, the first day.")
    return first_and_last_day(time_zone, first, last)


def first_and_last_day(time_zone: str, first: date | timedelta, last: DayOption) -> tuple[date, date]:
    """Return the first and the last day, which is today if it was not given."""
    today = datetime.now(UTC).astimezone(ZoneInfo(time_zone)).date()
    start, end = (today + day if isinstance(day, timedelta) else day or today for day in (first, last))
    if start > end and last is None:
        raise click.UsageError(f"{start} is after today, {today} in {time_zone}.")
    if start > end:
        raise click.UsageError(f"{start} is after {end}. Use --from for the earlier day.")
    return start, end


def requested_window(
    time_zone: str, first: DayOption, last: DayOption, parameters: dict[str, Any]
) -> Window | None:
    """Return the exact window of the requested days. None if no days were requested."""
    days = requested_days(time_zone, first, last)
    if days is None:
        return None
    if parameters["created_at_from"] or parameters["created_at_to"]:
        raise click.UsageError("Use days (--from, --to) or times (--created-at-from, --created-at-to).")
    zone = ZoneInfo(time_zone)
    return Window(exact_day(days[0], zone).start, exact_day(days[1], zone).end)
