"""The picture of a day of calls: a small PNG, drawn in milliseconds, because a backfill draws one per day.

Only drawing. What the picture shows, and where, is in `metadata.py`.
"""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from io import BytesIO
from operator import itemgetter

from PIL import Image, ImageDraw, ImageFont

MAX_BUYERS = 7
"""The number of buyers with a bar. All others share one bar."""

_SIZE = (900, 236)
_MARGIN, _TOP, _LINE = 16, 40, 22
_MIDDLE = 440
_BASE = _SIZE[1] - 30
_NAME, _AMOUNT = 150, 100
_INK, _FAINT, _BAR, _PAPER = "#1f2933", "#7b8794", "#3b6ea5", "white"
_SHADES = 24
_MOST_MEASURED = 200

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_day(by_hour: Sequence[int], by_buyer: Sequence[tuple[str, Decimal | None]], zone: str) -> bytes:
    """Draw the calls by hour and the revenue by buyer, side by side.

    Args:
        by_hour: The number of calls of each hour of the clock.
        by_buyer: The name and the revenue of each buyer, in any order. None if the revenue is unknown.
        zone: The IANA name of the time zone.

    Returns:
        A PNG of 900 by 236 pixels.
    """
    image = Image.new("RGB", _SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, 12), f"Calls by hour ({zone})", fill=_INK, font=_font(14))
    draw.text((_MIDDLE, 12), "Revenue by buyer", fill=_INK, font=_font(14))
    _draw_hours(draw, by_hour)
    _draw_buyers(draw, largest(by_buyer))
    png = BytesIO()
    # Bars and letters need few shades, and the file is a third of the size.
    image.quantize(_SHADES, Image.Quantize.FASTOCTREE).save(png, format="PNG")
    return png.getvalue()


def largest(by_buyer: Sequence[tuple[str, Decimal | None]]) -> list[tuple[str, Decimal]]:
    """Return the buyers with the most revenue, the largest first, and the sum of all others."""
    known = sorted(
        ((name, revenue) for name, revenue in by_buyer if revenue), key=itemgetter(1), reverse=True
    )
    if len(known) <= MAX_BUYERS + 1:
        return known
    rest = known[MAX_BUYERS:]
    return [*known[:MAX_BUYERS], (f"{len(rest)} others", sum((revenue for _, revenue in rest), Decimal()))]


def _draw_hours(draw: ImageDraw.ImageDraw, counts: Sequence[int]) -> None:
    most = max(counts, default=0)
    highest = counts.index(most) if most else None
    if highest is None:
        draw.text((_MARGIN, _TOP), "No calls.", fill=_FAINT, font=_font(12))
        return
    width = (_MIDDLE - 3 * _MARGIN) / len(counts)
    for hour, count in enumerate(counts):
        left = _MARGIN + hour * width
        if count:
            height = max(1.0, (_BASE - _TOP - _LINE) * count / most)
            draw.rectangle((left, _BASE - height, left + width - 3, _BASE), fill=_BAR)
        if hour == highest:
            draw.text(
                (left + width / 2, _BASE - height - 3), f"{most:,}", fill=_INK, font=_font(12), anchor="mb"
            )
        if hour % 3 == 0:
            draw.text((left, _BASE + 6), str(hour), fill=_FAINT, font=_font(11))


def _draw_buyers(draw: ImageDraw.ImageDraw, amounts: Sequence[tuple[str, Decimal]]) -> None:
    if not amounts:
        draw.text((_MIDDLE, _TOP), "Revenue is unknown.", fill=_FAINT, font=_font(12))
        return
    most = max(amount for _, amount in amounts)
    longest_bar = _SIZE[0] - _MARGIN - _MIDDLE - _NAME - _AMOUNT
    for row, (name, amount) in enumerate(amounts):
        top = _TOP + row * _LINE
        bar = _MIDDLE + _NAME
        draw.text((_MIDDLE, top), shorten(name, _font(12), _NAME - 10), fill=_INK, font=_font(12))
        end = bar + max(1.0, longest_bar * float(amount / most)) if amount > 0 else bar
        if end > bar:
            draw.rectangle((bar, top, end, top + _LINE - 7), fill=_BAR)
        draw.text((end + 6, top), f"{amount:,.2f}", fill=_INK, font=_font(12))


def shorten(name: str, font: Font, width: float) -> str:
    """Return a name in characters of the font, shortened to a width."""
    # No name of that length fits. A name can have millions of characters, and each measurement reads all.
    normal = unicodedata.normalize("NFKD", name[:_MOST_MEASURED])
    characters = (c for c in normal if not unicodedata.combining(c))
    text = "".join(characters).encode("ascii", "replace").decode()[:_MOST_MEASURED]
    if len(name) <= _MOST_MEASURED and font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
