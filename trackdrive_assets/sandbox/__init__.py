"""A local Trackdrive to try, demo and test with: a real HTTP server on loopback.

Here are only the keys that open it, for whoever names them without starting it.
"""

PUBLIC_KEY = "tdpubsandbox"
PRIVATE_KEY = "tdprvsandbox"
AUTH_TOKEN = "sandbox-token"  # noqa: S105  # it opens nothing but the sandbox
