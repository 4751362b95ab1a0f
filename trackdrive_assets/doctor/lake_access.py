"""The probe of the lake: whether runs may write to it. It sends the account no request."""

import os
import tempfile
from pathlib import Path

from trackdrive_assets.cost import count_of
from trackdrive_assets.doctor.finding import Finding, failed, ok
from trackdrive_assets.lake.errors import LakeError, translate_os_errors
from trackdrive_assets.lake.local_storage import LocalStorage
from trackdrive_assets.lake.ownership import check
from trackdrive_assets.lake.store import Lake
from trackdrive_assets.privacy import mask_phone_numbers
from trackdrive_assets.settings import Settings
from trackdrive_assets.tables.columns import CALLS


def lake(root: str, settings: Settings) -> Finding:
    """Probe whether the lake is that of the account, and whether its folder can be written.

    A bucket is only read, because a test of the permission to write would leave a file.

    Args:
        root: The folder, or the URL of an object store.
        settings: The settings of the account.
    """
    try:
        probed = Lake(root)
        check(probed, account=settings.host, time_zone=settings.time_zone)
        days = count_of(len(probed.days(CALLS.name)), "day")
        if not isinstance(probed.storage, LocalStorage):
            return ok(f"It can be read, and has {days} of calls.")
        _confirm_writable(Path(probed.root))
    except LakeError as error:
        return failed(mask_phone_numbers(str(error)))
    return ok(f"It can be written, and has {days} of calls.")


def _confirm_writable(folder: Path) -> None:
    """Create a file without a name, which leaves no trace, in a folder or in its nearest parent.

    Raises:
        LakeError: The folder cannot be written or created.
    """
    with translate_os_errors("write", folder):
        existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        with tempfile.TemporaryFile(dir=existing):
            pass
