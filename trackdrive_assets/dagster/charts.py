"""The picture of a day of calls: a small PNG, drawn in milliseconds, because a backfill draws one a day.

Only drawing: what is drawn, and where it is shown, is in `previews.py`.
"""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

BUYERS = 7
"""How many buyers have a bar of their own; the others share one."""

_SIZE = (900, 236)
_MARGIN, _TOP, _LINE = 16, 40, 22
_MIDDLE = 440
_BASE = _SIZE[1] - 30
_NAME, _AMOUNT = 150, 100
_INK, _FAINT, _BAR, _PAPER = "#1f2933", "#7b8794", "#3b6ea5", "white"
_SHADES = 24

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def picture(by_hour: Sequence[int], by_buyer: Sequence[tuple[str, Decimal | None]], zone: str) -> bytes:
    """Draw the calls by hour and the revenue by buyer, side by side.

    Args:
        by_hour: How many calls began in each hour of the clock.
        by_buyer: Name and revenue, in any order; None where no amount is known.
        zone: Whose clock it is.

    Returns:
        A PNG of 900 by 236 pixels.
    """
    image = Image.new("RGB", _SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, 12), f"Calls by hour ({zone})", fill=_INK, font=_font(14))
    draw.text((_MIDDLE, 12), "Revenue by buyer", fill=_INK, font=_font(14))
    _hours(draw, by_hour)
    _buyers(draw, largest(by_buyer))
    drawn = BytesIO()
    # A few shades are enough for bars and letters, and a third of the bytes.
    image.quantize(_SHADES, Image.Quantize.FASTOCTREE).save(drawn, format="PNG")
    return drawn.getvalue()


def largest(by_buyer: Sequence[tuple[str, Decimal | None]]) -> list[tuple[str, Decimal]]:
    """The buyers with the most revenue, the greatest first, and what is left as one."""
    known = sorted(
        ((name, revenue) for name, revenue in by_buyer if revenue), key=lambda one: one[1], reverse=True
    )
    if len(known) <= BUYERS + 1:
        return known
    rest = known[BUYERS:]
    return [*known[:BUYERS], (f"{len(rest)} others", sum((revenue for _, revenue in rest), Decimal()))]


def _hours(draw: ImageDraw.ImageDraw, counts: Sequence[int]) -> None:
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


def _buyers(draw: ImageDraw.ImageDraw, amounts: Sequence[tuple[str, Decimal]]) -> None:
    if not amounts:
        draw.text((_MIDDLE, _TOP), "No revenue is known.", fill=_FAINT, font=_font(12))
        return
    most = max(amount for _, amount in amounts)
    longest = _SIZE[0] - _MARGIN - _MIDDLE - _NAME - _AMOUNT
    for row, (name, amount) in enumerate(amounts):
        top = _TOP + row * _LINE
        bar = _MIDDLE + _NAME
        draw.text((_MIDDLE, top), _cut(name, _font(12), _NAME - 10), fill=_INK, font=_font(12))
        end = bar + max(1.0, longest * float(amount / most)) if amount > 0 else bar
        if end > bar:
            draw.rectangle((bar, top, end, top + _LINE - 7), fill=_BAR)
        draw.text((end + 6, top), f"{amount:,.2f}", fill=_INK, font=_font(12))


def _cut(name: str, font: Font, width: float) -> str:
    """A name in the letters that the font has, as far as there is room for it."""
    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    text = "".join(letters).encode("ascii", "replace").decode()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
