"""Texts about responses that contain neither their values nor a phone number."""

import re

_OUTLINE_LENGTH = 300
# Seven digits or more, with any separators, that are not an IP address.
_PHONE_NUMBER = re.compile(r"(?<![\d.])(?!\d{1,3}(?:\.\d{1,3}){3}\b)\+?\d(?:[\s().-]*\d){6,}")


def mask_phone_numbers(text: str) -> str:
    """Return a text without anything that could be a phone number."""
    return _PHONE_NUMBER.sub("[number]", text)


def outline(value: object) -> str:
    """Return the keys and the types of a JSON value, without its values."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {outline(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return f"[{outline(value[0])}, …]" if value else "[]"
    types = {str: "text", bool: "boolean", type(None): "null"}
    return types.get(type(value), "number")


def short_outline(value: object) -> str:
    """Return the beginning of an outline, without phone numbers in its keys."""
    text = mask_phone_numbers(outline(value))
    return text if len(text) <= _OUTLINE_LENGTH else f"{text[:_OUTLINE_LENGTH]}…"
