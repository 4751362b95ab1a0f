"""Who is asking: the two ways to prove it, and what of them may be shown.

A key pair goes into the Authorization header, today's way. A token goes into the URL's parameters, as the
older documentation has it; URLs end up in the logs of proxies, so the pair is the better choice.
"""

from dataclasses import dataclass, field

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth, _basic_auth_str

from trackdrive_assets.api.errors import CredentialError

_SHOWN = 9
_LONG_ENOUGH = 12


@dataclass(frozen=True)
class KeyPair:
    """A public and a private key: HTTP Basic."""

    public: str = field(repr=False)
    private: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse half a pair."""
        for name, key in (("public", self.public), ("private", self.private)):
            if not key:
                raise CredentialError(f"The {name} key is empty. A key pair has both halves: give both.")

    def __str__(self) -> str:
        if len(self.public) < _LONG_ENOUGH:
            return "the key pair"
        shown = self.public[: min(_SHOWN, len(self.public) // 2)]
        return f"the key pair whose public key begins with {shown}"

    @property
    def auth(self) -> AuthBase:
        """Adds the Authorization header."""
        return HTTPBasicAuth(self.public, self.private)

    @property
    def parameters(self) -> dict[str, str]:
        """Nothing goes into the URL."""
        return {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        header = _basic_auth_str(self.public, self.private)
        return (self.public, self.private, header.removeprefix("Basic "))


@dataclass(frozen=True)
class AuthToken:
    """The `auth_token` parameter."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse an empty token."""
        if not self.token:
            raise CredentialError("The auth token is empty. Give it, or a key pair.")

    def __str__(self) -> str:
        return "the auth token"

    @property
    def auth(self) -> AuthBase:
        """Adds nothing, and keeps a .netrc file from adding another identity."""
        return _Nothing()

    @property
    def parameters(self) -> dict[str, str]:
        """The token, under the documentation's name."""
        return {"auth_token": self.token}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.token,)


Credentials = KeyPair | AuthToken


class _Nothing(AuthBase):
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request
