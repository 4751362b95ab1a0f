"""Load the definitions of some accounts, and describe them as their code server does for the UI.

load_accounts.py COUNT
"""

import sys

import dagster as dg
from dagster._core.remote_representation.external_data import RepositorySnap

from trackdrive_assets import Settings, build_definitions

names = [f"account{number}" for number in range(int(sys.argv[1]))]
accounts = [
    build_definitions(Settings(subdomain=name, lake=f"data/account={name}"), account=name) for name in names
]
RepositorySnap.from_def(dg.Definitions.merge(*accounts).get_repository_def())
