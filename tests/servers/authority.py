"""Who vouches for the test servers' names?

One certificate authority, made afresh for the test, signs a certificate for any
host name that the test invents. Nothing trusts it but what is told to.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Authority:
    """A certificate authority of the test's own.

    Args:
        name: Of its organization; None: one that says that it is for tests.
        valid: When the certificates of its servers begin and end; None: now and late.
    """

    def __init__(
        self, name: str | None = None, valid: tuple[datetime, datetime] | None = None
    ) -> None:
        self._authority = trustme.CA(organization_name=name)
        self._valid = valid or (None, None)

    @property
    def pem(self) -> str:
        """The authority's certificate, for `--cert` and `PIP_CERT`."""
        return self._authority.cert_pem.bytes().decode("ascii")

    def write_to(self, path: Path) -> str:
        """Write the authority's certificate to a file and return the file's name."""
        path.write_text(self.pem, encoding="ascii")
        return str(path)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return what a TLS server for `names` (hosts and IP addresses) needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        begins, ends = self._valid
        issued = self._authority.issue_cert(*names, not_before=begins, not_after=ends)
        issued.configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a client's context which trusts this authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context

    def write_client_to(self, path: Path) -> str:
        """Write a client's certificate and its key to a file, for `--client-cert`."""
        issued = self._authority.issue_cert("client.test")
        path.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        return str(path)

    def configure_trust(self, context: ssl.SSLContext | None) -> None:
        """Let a server take clients whose certificates this authority has signed."""
        if context is not None:
            self._authority.configure_trust(context)
