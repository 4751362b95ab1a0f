"""The two ways to authenticate, and which parts of the credentials may be shown.

A key pair is sent in the Authorization header, the documented way of the current API. A token is sent in the
query string, that of the legacy API, or in the header. Proxies log URLs, so the header is the better choice.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal

from trackdrive_assets.api.errors import CredentialError

TokenPlace = Literal["query", "header"]
TOKEN_PLACES: tuple[TokenPlace, ...] = ("query", "header")
"""Where a token can be sent."""

_SHOWN_LENGTH = 9
_MIN_LENGTH_TO_SHOW = 12


@dataclass(frozen=True)
class KeyPair:
    """A public and a private key, sent as HTTP Basic authentication.

    Raises:
        CredentialError: One of them is empty.
    """

    public: str = field(repr=False)
    private: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, key in (("public", self.public), ("private", self.private)):
            if not key:
                raise CredentialError(
                    f"The {name} key is empty. A key pair needs a public and a private key."
                )

    def __str__(self) -> str:
        if len(self.public) < _MIN_LENGTH_TO_SHOW:
            return "the key pair"
        beginning = self.public[: min(_SHOWN_LENGTH, len(self.public) // 2)]
        return f"the key pair with the public key {beginning}…"

    @property
    def authorization(self) -> str | None:
        """The value of the Authorization header."""
        return f"Basic {self._encoded}"

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameters: none."""
        return {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must never be shown."""
        return (self.public, self.private, self._encoded)

    @property
    def _encoded(self) -> str:
        return b64encode(f"{self.public}:{self.private}".encode()).decode()


@dataclass(frozen=True)
class AuthToken:
    """The `auth_token` of the legacy API, or the token of a developer.

    Attributes:
        token: The token.
        sent_in: One of `TOKEN_PLACES`.

    Raises:
        CredentialError: The token is empty, or cannot be in a header.
    """

    token: str = field(repr=False)
    sent_in: TokenPlace = "query"

    def __post_init__(self) -> None:
        if not self.token:
            raise CredentialError("The auth token is empty. Set it, or a key pair.")
        if self.sent_in == "header" and not re.fullmatch(r"[!-~]+", self.token):
            raise CredentialError(
                "The auth token contains a character that a header cannot have, such as a space or a line "
                "break. Copy it again."
            )

    def __str__(self) -> str:
        return f"the auth token in the {self.sent_in} (TRACKDRIVE_AUTH_TOKEN_IN)"

    @property
    def authorization(self) -> str | None:
        """The value of the Authorization header. None if the query has the token."""
        return f"Token {self.token}" if self.sent_in == "header" else None

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameter with the token, unless the header has it."""
        return {} if self.sent_in == "header" else {"auth_token": self.token}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must never be shown."""
        return (self.token,)


Credentials = KeyPair | AuthToken
