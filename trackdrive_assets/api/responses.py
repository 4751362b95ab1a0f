"""What the rows of an answer look like, told by shape, because bodies are hardly documented.

Calls are a list of objects. Reports and statistics are documented nowhere: recognized are a list of objects,
a map of group to number or to object, a list of pairs, and series with `name` and `data`; each bare or under
any root, roots in roots too. A shape that is not recognized is an error, never a guess.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from trackdrive_assets.api import catalog
from trackdrive_assets.api.rows import Row, Rows

_ROOTS = ("reports", "report", "stats", "calls", "data", "rows", "results")
_GROUP_KEYS = ("group", "group_value", "name", "label", "key", "id")
_NUMBER_KEYS = ("value", "total", "data", "y")
_MEASURES = frozenset({"calls", "payout", *catalog.STATS})
_ERROR_KEYS = frozenset({"error", "errors", "error_code", "message"})
_NOTHING = ("", "null", "nil")
_PAIR = 2

Group = str | None
"""What a statistic belongs to; None for the calls that have no value there, such as not converted ones."""


class UnknownShape(ValueError):
    """Content that none of the readers recognizes. The message says what was met."""


def call_rows(content: Any) -> Rows:
    """The rows of a page of calls.

    Args:
        content: What stood under the root of the answer. Without metadata nothing names the root, and other
            keys can stand beside it.

    Raises:
        UnknownShape: Anything but a list of objects.
    """
    rows = content.get("calls") if isinstance(content, dict) else content
    if isinstance(rows, Rows):
        return rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnknownShape("a page of calls is a list of objects")
    return Rows.of(rows)


def report_rows(content: Any, category: str) -> list[Row]:
    """The rows of a report, one a group.

    Args:
        content: What stood under the root of the answer.
        category: What was grouped by; the key of the group where the shape has none of its own.

    Raises:
        UnknownShape: Anything but a list of objects, a list of pairs, or a map.
    """
    content = _unwrapped(content, category)
    if isinstance(content, list):
        return [_report_row(member, category) for member in content]
    if isinstance(content, dict):
        return [_grouped(group, value, category) for group, value in content.items()]
    raise UnknownShape(f"a report is a list or a map; this is {_kind(content)}")


def stat_values(content: Any, stat: str, group_by: str) -> dict[Group, Decimal | None]:
    """The number of each group, for one statistic.

    Args:
        content: What stood under the root of the answer.
        stat: What was measured: the key of the number, where groups are objects.
        group_by: What was grouped by: the key of the group, where groups are objects.

    Raises:
        UnknownShape: Anything but a map, a list of pairs, a list of objects, or series; or a group twice.
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
            raise UnknownShape(f"the group {named!r} stands in it twice")
        values[named] = value
    return values


def _unwrapped(content: Any, *asked: str) -> Any:
    """What stands under the roots; one can also have the name of what was asked for."""
    while isinstance(content, dict) and len(content) == 1:
        ((name, inside),) = content.items()
        if name not in _ROOTS and not (name in asked and _holds_groups(inside)):
            break
        content = inside
    if isinstance(content, dict) and (told := _ERROR_KEYS & content.keys()):
        raise UnknownShape(f"it looks like an error, with {', '.join(sorted(told))} in it")
    return content


def _holds_groups(inside: Any) -> bool:
    """Whether this is groups, and not the numbers of the one group of a map, such as `in_progress`."""
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
            raise UnknownShape("a series holds pairs of time and number; this one holds something else")
        return _sum(points)
    return _number(value)


def _amount_of_object(value: Mapping[str, Any], stat: str) -> Decimal | None:
    for key in (stat, *_NUMBER_KEYS):
        if key in value:
            return _amount(value[key], stat)
    points = _points(value)
    if points is None:
        raise UnknownShape(f"no number here is called {stat!r}: {', '.join(map(repr, value))}")
    return _sum(points)


def _points(series: Any) -> list[Any] | None:
    """The numbers of a series, one number over time: pairs, or {"2024-06-19 00:00": 3, ...}.

    None where it is no series.
    """
    if isinstance(series, dict) and all(moment[:1].isdigit() for moment in series):
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
            number = Decimal(value)
        except InvalidOperation:
            pass
        else:
            if number.is_finite():
                return number
    raise UnknownShape(f"{value!r} stands where a number should")


def _named(group: Any) -> Group:
    if group is None or group in _NOTHING:
        return None
    if isinstance(group, bool):
        return "true" if group else "false"
    if isinstance(group, str | int | Decimal):
        return str(group)
    raise UnknownShape(f"a group is a text or a number; this is {_kind(group)}")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
