"""Decode JSON: its numbers, the texts that are not quite JSON, and the limits that keep memory bounded.

The decoder is strict. A body that it refuses is repaired and decoded once more, so that one bad character
does not cost a whole page. Not here: what the decoded values mean (`envelope.py`, `rows.py`).
"""

import re
import threading

import msgspec

from trackdrive_assets.numbers import json_number

processing_lock = threading.Lock()
"""Held while a page is decoded or typed. Python runs one thread at a time anyway. Without the lock, each of
the many calls of Arrow hands over to another thread, and a large day takes a quarter more CPU.
"""

any_value = msgspec.json.Decoder(float_hook=json_number).decode
"""Decode JSON of any form. Numbers keep the digits of the response."""

raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Decode only the keys of an object."""

# A text, which may be truncated, or a word outside of texts: a number, `true`, or `NaN`. The possessive
# quantifiers keep the search linear.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\w.+-]++', re.DOTALL)
_WORD = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]{0,999})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ODD_CHARACTER = re.compile(
    r"""
    (?P<kept> \\ (?: ["\\/bfnrt] | u[dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2}
                    | u(?![dD][89a-fA-F])[0-9a-fA-F]{4} ))
    | (?P<half> \\u[dD][89a-fA-F][0-9a-fA-F]{2} )
    | (?P<backslash> \\ )
    | [\x00-\x1f]
    """,
    re.VERBOSE,
)


class UnreadableBody(ValueError):
    """A body that can't be decoded."""


class NotJson(UnreadableBody):
    """A body that is truncated, HTML, or not JSON for another reason. The next one may be complete."""


class NotAnAnswer(UnreadableBody):
    """JSON that is no answer of this API, such as lists that are nested a thousand deep."""


def repaired(body: bytes) -> bytes:
    """Return a body that is nearly JSON as JSON.

    - Bytes that are not UTF-8, and halves of a surrogate pair, become the replacement character.
    - Control characters in a text are escaped, and unknown escapes stay as they are written.
    - A word that is no JSON value, such as NaN or 1_000, becomes a text. The type of its column decides.

    A body that is truncated stays so.
    """
    if not body.lstrip().startswith((b"{", b"[")):
        return body
    return _TOKEN.sub(_repaired_token, body.decode("utf-8", "replace")).encode()


def _repaired_token(match: re.Match[str]) -> str:
    token = match[0]
    if _WORD.fullmatch(token):
        return token
    text = _ODD_CHARACTER.sub(_repaired_character, token)
    return text if text.startswith('"') else f'"{text}"'


def _repaired_character(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "kept":
            return match[0]
        case "half":
            return r"\ufffd"
        case "backslash":
            return r"\\"
    return f"\\u{ord(match[0]):04x}"
