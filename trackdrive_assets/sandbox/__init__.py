"""A local Trackdrive for demos, experiments and tests: a real HTTP server on loopback.

This module contains only the credentials and the time zone, so that other modules can name them without
importing the server.
"""

PUBLIC_KEY = "tdpubsandbox"
PRIVATE_KEY = "tdprvsandbox"
AUTH_TOKEN = "sandbox-token"  # noqa: S105  # it is valid for the sandbox only

TIME_ZONE = "America/New_York"
"""The zone in which the fictional company counts its days. The API has no time zone of an account."""
