"""Is the step that fails named by what the other side said of it?"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from pip_resilient.cli.asking import Deadline
from pip_resilient.cli.reach import Goal, reach
from pip_resilient.policy.failure import Kind
from tests.faults import Authority

if TYPE_CHECKING:
    from pip_resilient.cli.measured import Address


def reached(authority: Authority, context: ssl.SSLContext) -> Address:
    """Reach a server that speaks TLS as told, and closes as soon as it may."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            accepted, _ = listening.accept()
            try:
                with context.wrap_socket(accepted, server_side=True) as wire:
                    wire.recv(1)
            except OSError:
                accepted.close()

        server = threading.Thread(target=serve)
        server.start()
        goal = Goal(f"https://127.0.0.1:{port}/", None, authority.client_context(), None)
        found = reach(goal, Deadline(20.0))
        server.join()
    assert isinstance(found, tuple)
    (address,) = found
    return address


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        (ssl.TLSVersion.TLSv1_2, Kind.TLS_REFUSED),
        (ssl.TLSVersion.TLSv1_3, Kind.CLIENT_CERTIFICATE),
    ],
    ids=["1.2", "1.3"],
)
def test_a_server_that_misses_a_client_certificate_is_told(
    version: ssl.TLSVersion, kind: Kind
) -> None:
    """Whoever is told that something cuts TLS looks for it on the way."""
    authority = Authority()
    context = authority.server_context("127.0.0.1")
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    address = reached(authority, context)

    assert address.failure is not None
    assert address.failure.kind is kind


def test_a_server_that_waits_for_a_request_is_sound() -> None:
    """Most do."""
    authority = Authority()
    address = reached(authority, authority.server_context("127.0.0.1"))

    assert address.failure is None
    assert address.certificate is not None
    assert address.tls is not None
