"""The errors of object stores in words: what the store refused, and what to do.

The text of an error can have an address with a signature, so only the code of the store and what comes before
the first address is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from trackdrive_assets.lake.errors import LakeError

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"})

_ADVICE = (
    (_NO_BUCKET, "The bucket does not exist. Create it, or correct TRACKDRIVE_LAKE"),
    (
        {"RequestTimeTooSkewed", "RequestExpired"},
        "The clock of this machine is wrong. Synchronize it with a time server",
    ),
    (
        {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"},
        "The credentials have expired. Renew them",
    ),
    (
        {
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AuthenticationFailed",
            "NoAuthenticationInformation",
        },
        "The store does not accept the credentials. Check the variables of the cloud, such as "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"},
        "The bucket is in another region. Set AWS_REGION to it",
    ),
    (
        {
            "SlowDown",
            "ServiceUnavailable",
            "ServerBusy",
            "TooManyRequests",
            "InternalError",
            "503",
            "500",
            "429",
        },
        "The store is busy or broken, and repeated requests did not help. Run again later",
    ),
    (
        {"AccessDenied", "AuthorizationPermissionMismatch", "AuthorizationFailure", "403", "401"},
        "The credentials lack the permission. A run has to read, write, delete and list the objects below "
        "the prefix",
    ),
)

_ADVICE_WITHOUT_RESPONSE = (
    (r"configured region", "The bucket is in another region. Set AWS_REGION to it"),
    (r"Account must be specified", "The account is missing. Set AZURE_STORAGE_ACCOUNT_NAME"),
    (
        r"Missing\w*Key|169\.254\.|metadata\.google|credential",
        "There are no credentials. Set the variables of the cloud, such as AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY",
    ),
    (
        r"connect|dns|timed out|timeout",
        "The store can't be reached. Check the network and the address of the endpoint, then run again",
    ),
)


@contextmanager
def translated(action: str, url: str, kind: type[LakeError] = LakeError) -> Iterator[None]:
    """Translate the errors of obstore into a `LakeError` of a kind.

    Args:
        action: A verb for the message, such as `read`.
        url: The URL of the object.
        kind: The class of the error.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415  # an extra installs it

    try:
        yield
    except LakeError:
        raise
    except (BaseError, OSError) as error:
        raise kind(f"Can't {action} {url}: {describe(error)}.") from None


def describe(error: Exception) -> str:
    """Return what an error means and what to do, without any address that is in it."""
    code = _code_of(error)
    for codes, advice in _ADVICE:
        if code in codes:
            return f"{advice} ({code})"
    for pattern, advice in _ADVICE_WITHOUT_RESPONSE:
        if code is None and re.search(pattern, str(error), re.IGNORECASE):
            return advice
    return f"The store answered {code or type(error).__name__}. Check the bucket and the credentials"


def is_missing_bucket(error: FileNotFoundError) -> bool:
    """Return whether not only an object is missing but the bucket."""
    return _code_of(error) in _NO_BUCKET


def _code_of(error: Exception) -> str | None:
    """Return the code of the store in an error, or the status of its response. None if it did not respond."""
    found = _CODE.search(str(error)) or _STATUS.search(str(error))
    return found[1] if found else None
