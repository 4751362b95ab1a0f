"""The rows of a response, found by its shape, because response bodies are hardly documented.

Calls are a list of objects. Reports and statistics are undocumented. Known shapes are a list of objects, a
map of group to number or object, a list of pairs, and series with `name` and `data`. Each can be bare or
under any root, also under nested roots. An unknown shape is an error and never a guess.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trackdrive_assets.api import catalog
from trackdrive_assets.api.decoding import NotAnAnswer
from trackdrive_assets.api.envelope import encode
from trackdrive_assets.api.rows import ABSENT, Row, Rows
from trackdrive_assets.numbers import parse_number
from trackdrive_assets.privacy import field_name

_ROOTS = ("reports", "report", "stats", "calls", "data", "rows", "results")
_GROUP_KEYS = ("group", "group_value", "name", "label", "key", "id")
_REPORT_GROUP_KEYS = ("group_value", "group", "id", "key", "value", "group_name", "name", "label")
_NUMBER_KEYS = ("value", "total", "data", "y")
_MEASURES = frozenset({"calls", "payout", *catalog.STATS})
_ERROR_KEYS = frozenset({"error", "errors", "error_code", "message"})
_NULL_GROUPS = ("", "null", "nil")
_PAIR = 2

Group = str | None
"""A group of a statistic. None for the calls without a value, such as calls that did not convert."""


class UnknownShape(ValueError):
    """Content of an unknown shape. The message describes it."""


def call_rows(content: Any, total_count: int | None = None) -> Rows:
    """Return the rows of a page of calls. `_list_rows` describes the arguments and the errors."""
    return _list_rows(content, "calls", total_count)


def reference_rows(content: Any, root: str, total_count: int | None = None) -> Rows:
    """Return the rows of a page of a reference list, equal ones once. `_list_rows` describes the arguments.

    Raises:
        UnknownShape: As there, or two rows have the same id and different values.
    """
    rows = _list_rows(content, root, total_count)
    first: dict[str, int] = {}
    kept = []
    for position, name in enumerate(rows.column("id")):
        earlier = position if name is None or name is ABSENT else first.setdefault(str(name), position)
        if earlier == position:
            kept.append(position)
        elif keys := [field_name(key) for key, of in rows.columns.items() if of[earlier] != of[position]]:
            both = f"rows {earlier + 1} and {position + 1}"
            raise UnknownShape(f"{both} have the same id, but differ in {', '.join(keys)}")
    return rows.at(kept)


def _list_rows(content: Any, root: str, total_count: int | None) -> Rows:
    """Return the rows of a page of a list.

    Args:
        content: The content of the envelope. Without metadata it can have other keys beside the root.
        root: The key of the rows, such as `calls`.
        total_count: The number of rows that the API counts. If it is 0, the list can also be null.

    Raises:
        UnknownShape: The content is not a list of objects, or the objects have too many different keys.
    """
    rows = content.get(root, ABSENT) if isinstance(content, dict) else content
    if isinstance(rows, Rows):
        return rows
    if rows is None and total_count == 0:
        return Rows({}, 0)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnknownShape(f"a page of {root} is a list of objects")
    try:
        return Rows.of(rows)
    except NotAnAnswer as error:
        raise UnknownShape(str(error)) from None


def report_rows(content: Any, category: str) -> list[Row]:
    """Return the rows of a report, one per group.

    Args:
        content: The content of the envelope.
        category: The category of the report. It becomes the key of the group if the shape has none.

    Raises:
        UnknownShape: The content is not a list of objects, a list of pairs, or a map.
    """
    content = _unwrapped(content, category)
    if isinstance(content, list):
        return [_report_row(member, category) for member in content]
    if isinstance(content, dict):
        return [_grouped(group, value, category) for group, value in content.items()]
    raise UnknownShape(f"a report is a list or a map; this is {_kind(content)}")


def group_of(row: Row, category: str) -> str:
    """Return the group of a row of a report, as text that is different for each group.

    It is under the category or another usual key. Otherwise the row's texts that are no numbers name it.
    """
    for key in (category, *_REPORT_GROUP_KEYS):
        if key in row:
            return _group_text(row[key])
    return _group_text([value for value in row.values() if isinstance(value, str) and not _is_numeric(value)])


def _group_text(group: Any) -> str:
    # The number 7 and the text "7" are one group. So are null and an empty text.
    text = str(group) if isinstance(group, int | Decimal) and not isinstance(group, bool) else group
    return encode(text or None).decode()


def _is_numeric(text: str) -> bool:
    try:
        return parse_number(text) is not None
    except ValueError:
        return False


def stat_values(content: Any, stat: str, group_by: str) -> dict[Group, Decimal | None]:
    """Return the number of each group for one statistic.

    Args:
        content: The content of the envelope.
        stat: The statistic, which is the key of the number if groups are objects.
        group_by: The grouping, which is the key of the group if groups are objects.

    Raises:
        UnknownShape: The content is not a map, a list of pairs or objects, or series, or a group is repeated.
    """
    content = _unwrapped(content, stat, group_by)
    if isinstance(content, dict):
        found = [(group, _amount(value, stat)) for group, value in content.items()]
    elif isinstance(content, list):
        found = [_pair(member, stat, group_by) for member in content]
    else:
        raise UnknownShape(f"statistics are a list or a map; this is {_kind(content)}")
    values: dict[Group, Decimal | None] = {}
    for group, value in found:
        named = _named(group)
        if named in values:
            raise UnknownShape("a group is in it twice")
        values[named] = value
    return values


def _unwrapped(content: Any, *requested: str) -> Any:
    """Return the content under all roots. A root can also have the name of what was requested."""
    while isinstance(content, dict) and len(content) == 1:
        ((name, inside),) = content.items()
        if name not in _ROOTS and not (name in requested and _holds_groups(inside)):
            break
        content = inside
    if isinstance(content, dict) and (error_keys := _ERROR_KEYS & content.keys()):
        raise UnknownShape(f"it looks like an error, with {', '.join(sorted(error_keys))} in it")
    return content


def _holds_groups(inside: Any) -> bool:
    """Return whether this contains groups, and not the numbers of a single group such as `in_progress`."""
    if isinstance(inside, dict):
        return not any(name in _MEASURES and not isinstance(inside[name], dict | list) for name in inside)
    return isinstance(inside, list)


def _report_row(member: Any, category: str) -> Row:
    if isinstance(member, dict):
        points = _points(member.get("data"))
        return member if points is None or "calls" in member else {**member, "calls": _sum(points)}
    if isinstance(member, list) and len(member) == _PAIR:
        return _grouped(member[0], member[1], category)
    raise UnknownShape(f"a row of a report is an object or a pair; this is {_kind(member)}")


def _grouped(group: Any, value: Any, category: str) -> Row:
    if isinstance(value, dict):
        return {category: group, **value}
    return {category: group, "calls": _number(value)}


def _pair(member: Any, stat: str, group_by: str) -> tuple[Any, Decimal | None]:
    if isinstance(member, list) and len(member) == _PAIR:
        return member[0], _amount(member[1], stat)
    if isinstance(member, dict):
        for key in (group_by, *_GROUP_KEYS):
            if key in member:
                others = {name: value for name, value in member.items() if name != key}
                return member[key], _amount(others, stat)
    raise UnknownShape(f"a statistic is a pair, or an object that names its group; this is {_kind(member)}")


def _amount(value: Any, stat: str) -> Decimal | None:
    if isinstance(value, dict):
        return _amount_of_object(value, stat)
    if isinstance(value, list):
        points = _points(value)
        if points is None:
            raise UnknownShape("a series is a list of pairs of time and number; this one is not")
        return _sum(points)
    return _number(value)


def _amount_of_object(value: Mapping[str, Any], stat: str) -> Decimal | None:
    for key in (stat, *_NUMBER_KEYS):
        if key in value:
            return _amount(value[key], stat)
    points = _points(value)
    if points is None:
        raise UnknownShape(f"it has no number {stat}, only {', '.join(map(field_name, value))}")
    return _sum(points)


def _points(series: Any) -> list[Any] | None:
    """Return the numbers of a series: pairs of time and number, or {"2024-06-19 00:00": 3, ...}.

    None if the value is not a series.
    """
    if isinstance(series, dict) and all(time[:1].isdigit() for time in series):
        return list(series.values())
    if isinstance(series, list) and all(isinstance(point, list) and len(point) == _PAIR for point in series):
        return [point[1] for point in series]
    return None


def _sum(numbers: list[Any]) -> Decimal | None:
    known = [number for number in map(_number, numbers) if number is not None]
    return sum(known, Decimal(0)) if known else None


def _number(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
        try:
            return parse_number(value.strip()) if isinstance(value, str) else Decimal(value)
        except ValueError:
            pass
    raise UnknownShape(f"{_kind(value)} is in the place of a number")


def _named(group: Any) -> Group:
    if group is None or group in _NULL_GROUPS:
        return None
    if isinstance(group, bool):
        return "true" if group else "false"
    if isinstance(group, str | int | Decimal):
        return str(group)
    raise UnknownShape(f"a group is a text or a number; this is {_kind(group)}")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
