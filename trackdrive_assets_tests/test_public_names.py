"""The public names of the package are loaded when they are used."""

import subprocess
import sys

import pytest

import trackdrive_assets


@pytest.mark.parametrize("name", trackdrive_assets.__all__)
def test_a_public_name_is_the_object_of_its_module(name: str) -> None:
    public = getattr(trackdrive_assets, name)
    assert getattr(sys.modules[public.__module__], name) is public


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"has no 'Clinet'\. It has Client"):
        _ = trackdrive_assets.Clinet


def test_importing_the_package_loads_none_of_its_modules() -> None:
    program = "import sys, trackdrive_assets; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = modules.stdout.split()
    assert "trackdrive_assets" in loaded
    assert not [name for name in loaded if name.startswith(("trackdrive_assets.", "dagster", "requests"))]


def test_the_client_is_loaded_without_dagster() -> None:
    program = "import sys; from trackdrive_assets import Client, Query, Settings; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not [name for name in modules.stdout.split() if name.partition(".")[0] == "dagster"]
