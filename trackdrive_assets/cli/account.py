"""The account that a command asks: its settings, a client, and what is told on stderr meanwhile."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from trackdrive_assets.api.client import Client
    from trackdrive_assets.settings import Settings

CONNECT_TIMEOUT = 5.0


def account_settings() -> Settings:
    """The settings of the environment and of `.env` in this folder; the environment comes first.

    Raises:
        SettingError: A variable cannot be understood.
    """
    from dotenv import dotenv_values  # noqa: PLC0415  # slow to import

    from trackdrive_assets.settings import Settings  # noqa: PLC0415  # slow to import

    written = {name: text for name, text in dotenv_values(Path(".env")).items() if text is not None}
    return Settings.read(written | os.environ)


@contextmanager
def account_client(settings: Settings, *, retry_budget: float, read_timeout: float) -> Iterator[Client]:
    """A client for somebody who waits. What is worth a warning is told on stderr.

    Args:
        settings: Of the account.
        retry_budget: Seconds that one request may take with all its retries.
        read_timeout: Seconds in which the server must send something.

    Raises:
        SettingError: No address, or no credentials.
    """
    from trackdrive_assets.api.client import Client  # noqa: PLC0415  # slow to import

    with (
        Client(
            settings.address,
            settings.credentials,
            replace(
                settings.client_options,
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=read_timeout,
                retry_budget=retry_budget,
            ),
        ) as client,
        _warnings_told(),
    ):
        yield client


@contextmanager
def _warnings_told() -> Iterator[None]:
    from trackdrive_assets.api.query import UndocumentedValueWarning  # noqa: PLC0415  # with the client

    handler = _OnStderr(logging.WARNING)
    logger = logging.getLogger("trackdrive_assets")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UndocumentedValueWarning)
            warnings.showwarning = lambda message, *_, **__: tell(str(message))
            yield
    finally:
        logger.removeHandler(handler)


class _OnStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from trackdrive_assets.doctor.descriptions import mask_phone_numbers  # noqa: PLC0415  # seldom needed

        # A server's own words may hold a caller's number, and a terminal is pasted whole.
        tell(mask_phone_numbers(record.getMessage()))


def tell(message: str) -> None:
    """Say something to the person, on stderr, so that stdout holds nothing but data."""
    click.echo(message, err=True)
