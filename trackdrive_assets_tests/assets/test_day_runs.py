"""Which failures end one asset or all of them, and which are worth another run."""

import pytest

from trackdrive_assets.api.errors import (
    AccessDenied,
    IncompleteAnswer,
    Rejected,
    Unavailable,
    UnreadableAnswer,
)
from trackdrive_assets.assets.day_runs import concerns_one_asset, may_pass
from trackdrive_assets.lake.store import LakeError
from trackdrive_assets.tables.parse import MalformedRow

ASKED = "GET /api/v1/calls/reports"


@pytest.mark.parametrize(
    ("error", "one", "passes"),
    [
        (Rejected("no", asked=ASKED, status=422), True, False),
        (UnreadableAnswer("what?"), True, False),
        (MalformedRow("row 1", "calls", "many", "a number"), True, False),
        (AccessDenied("no", asked=ASKED, status=403), False, False),
        (LakeError("full"), False, False),
        (Unavailable("later", asked=ASKED, status=503), False, True),
        (IncompleteAnswer("short"), True, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_concerns_one_asset_or_all_and_may_pass_or_not(
    error: Exception, *, one: bool, passes: bool
) -> None:
    assert concerns_one_asset(error) is one
    assert may_pass(error) is passes
