"""The code location of this folder: that of its workspace.yaml, or else the installed package.

`trackdrive dev` serves it. The runs in the process of a command name it too, because the timeline of the UI
shows only runs of a code location.
"""

from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

_WORKSPACE = Path("workspace.yaml")
_MODULE = "trackdrive_assets.definitions"
_NAME_IN_WORKSPACE = "trackdrive_assets"
# Dagster's name for the definitions of a module.
_REPOSITORY = "__repository__"


def workspace_options() -> list[str]:
    """Return the options by which Dagster's programs load the code location."""
    return ["-w", str(_WORKSPACE.resolve())] if _WORKSPACE.exists() else ["-m", _MODULE]


def name_code_location(instance: dg.DagsterInstance, job: str) -> None:
    """Let the runs that this process creates on an instance be those of a job of the code location.

    `execute_in_process` has no argument for it. It creates its run by this method of the instance.
    """
    name = _NAME_IN_WORKSPACE if _WORKSPACE.exists() else _MODULE
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(name), _REPOSITORY)
    instance.create_run_for_job = partial(  # type: ignore[method-assign]  # only of this instance
        instance.create_run_for_job, remote_job_origin=RemoteJobOrigin(repository, job)
    )
