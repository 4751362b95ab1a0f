"""Descriptions of what a server sent: keys, types and lengths, never a value.

Every error, log and finding that describes a body or one of its values uses this module. A value can be a
caller's number or name. Not here: the secrets of the account (`api/errors.py`).
"""

import json
import re
from decimal import Decimal

EXCERPT_LENGTH = 300

_MOST_KEYS = 40
_DEEPEST = 6
# Seven digits or more, with any separators, that are not an IP address.
_PHONE_NUMBER = re.compile(r"(?<![\d.])(?!\d{1,3}(?:\.\d{1,3}){3}\b)\+?\d(?:[\s().-]*\d){6,}")
# A key that looks like a field of an API. The keys of a map can also be groups, such as the names of buyers.
_FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_LONGEST_FIELD_NAME = 40
_MESSAGE = re.compile(r"[A-Za-z ,.:;'_-]{1,100}")

# A message that consists of these words names no caller. Any other word could.
_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        """
    a access active all allowed already an and api are argument at auth authentication authorization
    authorized authorised bad base be been busy by call calls can cannot category connection could cursor
    database date db deleted denied disabled ended error exceeded exist expired failed failure few for
    forbidden format found from gateway group had has have id in inactive instead internal invalid ip is it
    key later limit limited list maintenance many method missing must no not number of ok on one only or over
    pair param parameter paused per permission permitted please processed quota range rate refused request
    requests required response root server service something stat stats status supported temporarily the this
    time timed timeout to token too try unauthorized unavailable unknown unprocessable unsupported used user
    valid value was went with wrong zone
    """,
    )
)


def mask_phone_numbers(text: str) -> str:
    """Return a text without anything that could be a phone number."""
    return _PHONE_NUMBER.sub("[number]", text)


def describe(value: object) -> str:
    """Return the type and the length of a value."""
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if value else "an empty text"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float | Decimal):
        return "a number"
    return "null" if value is None else "missing"


def field_name(key: str) -> str:
    """Return a key if it looks like the name of a field, else its length."""
    is_plain = len(key) <= _LONGEST_FIELD_NAME and _FIELD_NAME.fullmatch(key)
    return mask_phone_numbers(key) if is_plain else f"[key of {len(key)} characters]"


def outline(value: object) -> str:
    """Return the keys, types and lengths of a JSON value."""
    return _shortened(_outline(value, 0, shows_messages=False))


def outline_of_error(value: object) -> str:
    """Return the outline of an error of the server. Messages of common words only are shown."""
    return _shortened(_outline(value, 0, shows_messages=True))


def excerpt(body: bytes) -> str:
    """Return what a body consists of, in place of its text."""
    text = body.strip()
    if not text:
        return "an empty body"
    try:
        return f"JSON like {outline(json.loads(text))}"
    except (ValueError, RecursionError):
        pass
    kind = {b"<": "HTML or XML", b"{": "broken JSON", b"[": "broken JSON"}.get(text[:1], "text")
    return f"{kind} of {len(body)} bytes"


def is_message(text: str) -> bool:
    """Return whether a text consists of common words of error messages, and so names no caller."""
    return bool(_MESSAGE.fullmatch(text)) and _WORDS.issuperset(re.findall("[a-z]+", text.lower()))


def _outline(value: object, depth: int, *, shows_messages: bool) -> str:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        members = [
            f"{field_name(str(name))}: {_outline(member, depth + 1, shows_messages=shows_messages)}"
            for name, member in list(value.items())[:_MOST_KEYS]
        ]
        return "{" + ", ".join([*members, "…"] if len(value) > _MOST_KEYS else members) + "}"
    if isinstance(value, list):
        first = _outline(value[0], depth + 1, shows_messages=shows_messages) if value else ""
        return f"[{len(value)} x {first}]" if value else "[]"
    if isinstance(value, str):
        return json.dumps(value) if shows_messages and is_message(value) else f"text({len(value)})"
    return {bool: "boolean", type(None): "null"}.get(type(value), "number")


def _shortened(text: str) -> str:
    # Keys have no spaces. So none is cut in two, and secrets in them are found afterwards.
    return text if len(text) <= EXCERPT_LENGTH else f"{text[:EXCERPT_LENGTH].rpartition(' ')[0]}…"
