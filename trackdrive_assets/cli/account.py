"""The account of a command: its settings, its client, and the warnings that appear on stderr."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from trackdrive_assets.api.client import Client
from trackdrive_assets.api.query import UndocumentedValueWarning
from trackdrive_assets.cli.env_file import settings_environment
from trackdrive_assets.privacy import mask_phone_numbers
from trackdrive_assets.settings import Settings

CONNECT_TIMEOUT = 5.0


def account_settings() -> Settings:
    """Return the settings of the environment and of `.env` in this folder. The environment has precedence."""
    return Settings.read(settings_environment())


@contextmanager
def account_client(settings: Settings, *, retry_budget: float, response_timeout: float) -> Iterator[Client]:
    """Open a client whose warnings appear on stderr. Its time limits, in seconds, suit a waiting person."""
    options = replace(
        settings.client_options,
        connect_timeout=CONNECT_TIMEOUT,
        response_timeout=response_timeout,
        retry_budget=retry_budget,
    )
    with Client(settings.address, settings.credentials, options) as client, _warnings_on_stderr():
        yield client


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    handler = _StderrHandler(logging.WARNING)
    logger = logging.getLogger("trackdrive_assets")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UndocumentedValueWarning)
            warnings.showwarning = lambda message, *_, **__: echo_err(str(message))
            yield
    finally:
        logger.removeHandler(handler)


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # A message of the server can contain a caller's number, and people paste terminals into tickets.
        echo_err(mask_phone_numbers(record.getMessage()))


def echo_err(message: str) -> None:
    """Print a message for people on stderr, so that stdout contains only data."""
    click.echo(message, err=True)
