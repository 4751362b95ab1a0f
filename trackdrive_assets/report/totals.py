"""Sums of calls: of a day, of a period, of a buyer, a traffic source or an offer.

A sum with an unknown part is unknown. Ratios are computed from sums when the page is written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Totals:
    """The sums of some calls. None is unknown. Profit is revenue less payout."""

    calls: int
    connected: int | None
    missed: int | None
    converted: int | None
    revenue: Decimal | None
    payout: Decimal | None
    profit: Decimal | None
    cost: Decimal | None

    @classmethod
    def sum(cls, parts: Iterable["Totals"]) -> "Totals":
        """Return the sum. Without parts it is 0; with an unknown part it is unknown."""
        parts = list(parts)
        sums: dict[str, Any] = {}
        for field in fields(cls):
            values = [getattr(part, field.name) for part in parts]
            sums[field.name] = None if None in values else sum(values)
        return cls(**sums)


@dataclass(frozen=True)
class Group:
    """The calls of a buyer, a traffic source or an offer, or of several together; their name on the page."""

    name: str
    totals: Totals


@dataclass(frozen=True)
class Groups:
    """The calls of the page by buyer, traffic source or offer. The most revenue or calls come first.

    Attributes:
        shown: The groups with a row of their own.
        other_count: The number of groups without one.
        rest: The sum of these, and then the calls without a buyer, source or offer, if there are any.
    """

    shown: Sequence[Group]
    other_count: int
    rest: Sequence[Group]

    @property
    def rows(self) -> Sequence[Group]:
        """All rows. They contain every call of the page."""
        return [*self.shown, *self.rest]

    @property
    def max_revenue(self) -> Decimal:
        """The greatest revenue of a row, which has the longest bar."""
        return max((row.totals.revenue or Decimal(0) for row in self.rows), default=Decimal(0))
