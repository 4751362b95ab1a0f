"""Certificates made by openssl at the time of a test, and servers that have them."""

import ssl
import subprocess
from pathlib import Path

_CONFIGURATION = """
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
copy_extensions = copy
[policy]
commonName = supplied
"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority, with its files in a folder.

    Attributes:
        bundle: The file with its certificate, for REQUESTS_CA_BUNDLE.
    """

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "authority.pem"
        self._folder = folder
        folder.joinpath("openssl.conf").write_text(_CONFIGURATION)
        folder.joinpath("index.txt").touch()
        self._run("req", "-x509", *_NEW_KEY, "-keyout", "authority.key", "-out", self.bundle.name,
                  "-subj", "/CN=Authority of a test", "-days", "2")  # fmt: skip

    def issue(self, host: str, *, expired: bool = False) -> ssl.SSLContext:
        """Return the context of a server with a certificate for a host."""
        self._run("req", *_NEW_KEY, "-keyout", "server.key", "-out", "server.csr",
                  "-subj", "/CN=server", "-addext", f"subjectAltName={host}")  # fmt: skip
        span = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z") if expired else ("-days", "2")
        self._run("ca", "-batch", "-config", "openssl.conf", "-cert", self.bundle.name,
                  "-keyfile", "authority.key", "-in", "server.csr", "-out", "server.pem", *span)  # fmt: skip
        return self._context()

    def self_signed(self, host: str) -> ssl.SSLContext:
        """Return the context of a server that issued its certificate itself."""
        self._run("req", "-x509", *_NEW_KEY, "-keyout", "server.key", "-out", "server.pem",
                  "-subj", "/CN=server", "-addext", f"subjectAltName={host}", "-days", "2")  # fmt: skip
        return self._context()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "server.pem", self._folder / "server.key")
        return context

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)
