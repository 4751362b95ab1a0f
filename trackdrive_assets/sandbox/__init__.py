"""A local Trackdrive for demos, experiments and tests: a real HTTP server on loopback.

This module contains only the credentials, so that other modules can name them without importing the server.
"""

PUBLIC_KEY = "tdpubsandbox"
PRIVATE_KEY = "tdprvsandbox"
AUTH_TOKEN = "sandbox-token"  # noqa: S105  # it is valid for the sandbox only
