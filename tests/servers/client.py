"""What does a plain client get from a test server?

Only raw sockets and the standard library's http.client are used here: the
servers are judged by something that neither retries nor repairs.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.authority import Authority
    from tests.servers.fault_server import FaultServer

Answer = TypeVar("Answer")

CONTENT = bytes(range(256)) * 400  # 102400 bytes
SHORT = 0.3  # must expire
LONG = 10.0  # must not


@contextlib.contextmanager
def connected(
    server: FaultServer, timeout: float = LONG, tls: Authority | None = None
) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection, opened at the first request."""
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    else:
        connection = http.client.HTTPSConnection(
            "localhost", server.port, timeout=timeout, context=tls.client_context()
        )
    try:
        yield connection
    finally:
        connection.close()


def answered(
    connection: http.client.HTTPConnection,
    path: str = "/file",
    method: str = "GET",
    **headers: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the response and its whole body."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    with response:
        return response, response.read()


def asked(
    server: FaultServer, path: str = "/file", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the response to a single request on a connection of its own."""
    with connected(server) as connection:
        return answered(connection, path, method, **headers)


def received_before_end(
    server: FaultServer, path: str = "/file", timeout: float = LONG, least: int = 0
) -> tuple[bytes, BaseException | None]:
    """Return all bytes that a raw socket gets, and how it ended; None is a FIN.

    Args:
        server: Who is asked.
        path: What for.
        timeout: Seconds between two pieces.
        least: Bytes of the body that have to come first, however long each piece takes.
    """
    got = b""
    with socket.create_connection(("127.0.0.1", server.port), LONG) as sock:
        sock.sendall(_request(path))
        try:
            while True:
                sock.settimeout(LONG if len(body_of(got)) < least else timeout)
                piece = sock.recv(65536)
                if not piece:
                    return got, None
                got += piece
        except OSError as error:
            return got, error


def received_by_tls(
    server: FaultServer, authority: Authority, path: str = "/file"
) -> tuple[bytes, str]:
    """Return all bytes that come by TLS, and their end: "close_notify", "fin" or "reset".

    TLS is kept apart from the socket, because Pythons differ in what they make
    of an end without close_notify, and 3.10 to 3.12.2 took even a reset for an
    end (gh-115627).
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = authority.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    got = b""
    with socket.create_connection(("127.0.0.1", server.port), LONG) as sock:
        try:
            _pumped(session.do_handshake, sock, incoming, outgoing)
            session.write(_request(path))
            while piece := _pumped(lambda: session.read(65536), sock, incoming, outgoing):
                got += piece
        except EOFError:
            return got, "fin"
        except ConnectionResetError:
            return got, "reset"
        except ssl.SSLZeroReturnError:
            pass
    return got, "close_notify"


def body_of(raw: bytes) -> bytes:
    """Return what follows the headers."""
    return raw.partition(b"\r\n\r\n")[2]


def _pumped(
    step: Callable[[], Answer],
    sock: socket.socket,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
) -> Answer:
    """Return what a step of TLS returns, carrying bytes for as long as it needs more."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:  # noqa: PERF203 - it is how TLS asks for more
            if outgoing.pending:  # sending nothing would meet the reset before the last bytes
                sock.sendall(outgoing.read())
            data = sock.recv(65536)
            if not data:
                raise EOFError from None
            incoming.write(data)


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
