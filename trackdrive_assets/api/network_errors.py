"""Why a request got no response: the network, a proxy, a certificate, or a response without an end.

`errors.py` has the errors, and those of responses. No text here contains a text of the original error,
because that has the URL with the token, or the URL of the proxy with its password.
"""

import os
import re
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import requests
from requests.utils import get_environ_proxies, select_proxy

from trackdrive_assets.addresses import is_loopback
from trackdrive_assets.api.connections import LARGEST_RESPONSE, ResponseOverdue, ResponseTooLarge
from trackdrive_assets.api.errors import PROXY_CREDENTIALS, RequestFailed, Unavailable, is_transient
from trackdrive_assets.api.options import ClientOptions

# requests reads them in this order.
_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

_NETLOC = re.compile(r"^([^/@]*://)?([^/]*@)?")
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")

_CERTIFICATE_FAULTS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends with a self-signed certificate that this machine does not trust",
    20: "this machine does not trust its issuer",
    21: "it came without the certificate of its issuer",
    62: "it belongs to another host",
    64: "it belongs to another host",
}
"""The reasons of OpenSSL's codes, X509_V_ERR_… in its documentation."""


def no_response(error: Exception, request: str, base_url: str, options: ClientOptions) -> RequestFailed:
    """Return the error for a request without a complete response.

    Args:
        error: The error of requests, or of `connections.py`.
        request: The method and the path.
        base_url: The address of the account.
        options: The options with the time limits.
    """
    proxy = proxy_of(base_url)
    if isinstance(error, ResponseTooLarge):
        return RequestFailed(
            f"The response to {request} has more than {LARGEST_RESPONSE >> 20} MB, unpacked. "
            "Request fewer rows per page. If that does not help, the host may not be Trackdrive.",
            request=request,
        )
    if reason := _certificate_fault(error, base_url):
        return RequestFailed(f"{request} got no response: {reason}", request=request)
    if isinstance(error, requests.exceptions.ProxyError):
        return _refused_by_proxy(error, request, proxy)
    if isinstance(error, ValueError) and isinstance(error, requests.RequestException):
        return RequestFailed(
            f"{request} was not sent: {_address_fault(error, base_url, proxy)}", request=request
        )
    through = f", and that the proxy {proxy} lets requests through" if proxy else ""
    return Unavailable(
        f"{request} got no response: {_cause(error, options)}. "
        f"Check the network, and check that {base_url} is the account's address{through}.",
        request=request,
    )


def proxy_of(base_url: str) -> str | None:
    """Return the host and port of the proxy for an address, without its credentials; None without one."""
    url = None if is_loopback(base_url) else select_proxy(base_url, get_environ_proxies(base_url))
    return _NETLOC.sub("", url).partition("/")[0] or "of the environment" if url else None


def _certificate_fault(error: Exception, base_url: str) -> str | None:
    """Return what is wrong with a certificate or with the trusted ones; None for another error."""
    if not base_url.startswith("https:"):
        return None
    bundle = next((name for name in _BUNDLE_VARIABLES if os.environ.get(name)), None)
    if bundle and (reason := _bundle_fault(Path(os.environ[bundle]))):
        return f"{bundle} is {os.environ[bundle]}, and {reason}. Correct the variable or remove it."
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = _CERTIFICATE_FAULTS.get(cause.verify_code, cause.verify_message.rstrip("."))
            return (
                f"the certificate of {base_url} is refused, because {reason}. Check the address. If your "
                "network has its own certificates, set REQUESTS_CA_BUNDLE to a file that contains them."
            )
    return None


def _bundle_fault(path: Path) -> str | None:
    """Return what is wrong with a file or a folder of trusted certificates."""
    try:
        path.stat()
        if path.is_file():
            ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        return "this file contains no certificates"
    except OSError as error:
        return f"this path cannot be read ({error.strerror})"
    return None


def _refused_by_proxy(
    error: requests.exceptions.ProxyError, request: str, proxy: str | None
) -> RequestFailed:
    """Return the error of a proxy that refused a request, or that is not available."""
    found = [_TUNNEL_STATUS.match(str(cause)) for cause in _causes(error)]
    status = next((int(match[1]) for match in found if match), None)
    if status is None or is_transient(status):
        answered = f"answered {status}" if status else "is not available"
        return Unavailable(
            f"{request} got no response: the proxy {proxy} {answered}. Check it, and the variables "
            "HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
            request=request,
        )
    advice = (
        PROXY_CREDENTIALS
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
        else "Ask its operator to allow the address, or add the address to NO_PROXY"
    )
    return RequestFailed(
        f"{request} was not sent: the proxy {proxy} refused it with {status}. {advice}.", request=request
    )


def _address_fault(error: Exception, base_url: str, proxy: str | None) -> str:
    if proxy is None:
        return (
            f"{base_url!r} is not an address ({type(error).__name__}). "
            "Use a base_url such as https://acme.trackdrive.com."
        )
    if "SOCKS" in str(error):
        return f"the proxy {proxy} needs the package PySocks. Install it: pip install 'requests[socks]'."
    return f"the proxy {proxy} cannot be used ({type(error).__name__}). Check HTTPS_PROXY and ALL_PROXY."


def _cause(error: Exception, options: ClientOptions) -> str:
    kind = type(error).__name__
    match error:
        case requests.exceptions.SSLError():
            return f"no secure connection, because the host may not have https ({kind})"
        case requests.ConnectTimeout():
            return f"no connection within {options.connect_timeout:g} s ({kind})"
        case requests.Timeout() | ResponseOverdue():
            return f"no complete response within {options.response_timeout:g} s ({kind})"
        case requests.exceptions.ContentDecodingError():
            return f"its body cannot be unpacked ({kind})"
        case requests.RequestException() | OSError():
            return f"the connection failed ({kind})"
        case _:
            return f"the response is not HTTP ({kind})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those in it. requests and urllib3 keep them as arguments, or as the reason."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)
