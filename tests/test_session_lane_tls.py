"""Is a body that comes in TLS records read whole, and in pieces that are worth it?

Over a pair of local sockets: what one end has sent is there for the other at once.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.policy.spans import Span
from pip_resilient.session.lane import Cut, Lane, lane_for
from tests.servers.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "files.test"
RECORD = 16 * 1024
RECORDS = 20
SIZE = RECORDS * RECORD
IGNORE_UNEXPECTED_EOF = 1 << 7
"""OpenSSL's `SSL_OP_IGNORE_UNEXPECTED_EOF`; the ssl module names it from 3.10 on."""
PAYLOAD = b"".join(bytes([number]) * RECORD for number in range(RECORDS))


class Up:
    """urllib3's response, as far as a lane looks at it."""

    def __init__(self, http_response: http.client.HTTPResponse) -> None:
        self._fp = http_response
        self.headers = http_response.headers

    def release_conn(self) -> None:
        pass


class Line:
    """Both ends of a TLS connection: the server's, and ours with an answer on it."""

    def __init__(self, server: ssl.SSLSocket, client: ssl.SSLSocket) -> None:
        self.server = server
        self.client = client
        self.closing = contextlib.ExitStack()

    def lane(self, length: int | None = SIZE) -> Lane:
        said = b"" if length is None else b"Content-Length: %d\r\n" % length
        self.server.sendall(b"HTTP/1.1 200 OK\r\n" + said + b"\r\n")
        response = http.client.HTTPResponse(self.client)
        self.closing.callback(response.close)
        response.begin()
        return lane_for(Up(response), Span(0, length, length))


@pytest.fixture
def line() -> Iterator[Line]:
    authority = Authority()
    theirs, ours = socket.socketpair()
    server: list[Any] = []

    def accept() -> None:
        context = authority.server_context(NAME)
        context.num_tickets = 0  # nothing comes but what the test sends
        server.append(context.wrap_socket(theirs, server_side=True))

    accepting = threading.Thread(target=accept)
    accepting.start()
    client = authority.client_context().wrap_socket(ours, server_hostname=NAME)
    accepting.join()
    client.settimeout(5.0)
    with contextlib.closing(server[0]), contextlib.closing(client):
        made = Line(server[0], client)
        with made.closing:
            yield made


def test_records_that_are_there_are_one_arrival(line: Line) -> None:
    """Each arrival is looked at, hashed and counted: 3000 of 50 MB would take 0.2 s."""
    lane = line.lane()
    line.server.sendall(PAYLOAD[: 5 * RECORD])

    assert lane.read() == PAYLOAD[: 5 * RECORD]
    assert lane.read() is None


def test_an_arrival_is_no_longer_than_pip_wants_at_once(line: Line) -> None:
    """Memory stays flat, and other connections get their turn."""
    lane = line.lane()
    sending = threading.Thread(target=line.server.sendall, args=[PAYLOAD])
    sending.start()
    arrivals = []
    while not lane.done:
        came = lane.read()
        if came is not None:
            arrivals.append(came)
    sending.join()

    assert b"".join(arrivals) == PAYLOAD
    assert max(map(len, arrivals)) <= 256 * 1024


@pytest.mark.parametrize("length", [SIZE, None], ids=["sized", "until-close"])
def test_a_cut_behind_records_loses_none_of_them(line: Line, length: int | None) -> None:
    """A connection that ends without close_notify is cut: it is resumed behind what has come."""
    if length is None and line.client.context.options & IGNORE_UNEXPECTED_EOF:
        pytest.skip("this Python's ssl takes a cut for an end (3.9 with OpenSSL 3)")
    lane = line.lane(length)
    line.server.sendall(PAYLOAD[: 3 * RECORD])
    with socket.socket(fileno=os.dup(line.server.fileno())) as bare:
        bare.shutdown(socket.SHUT_RDWR)

    assert lane.read() == PAYLOAD[: 3 * RECORD]
    # OpenSSL 3.6 tells the peer of it first, and a local socket is a broken pipe then.
    with pytest.raises((Cut, ssl.SSLError, BrokenPipeError)):
        lane.read()


def test_the_end_behind_records_is_told_after_them(line: Line) -> None:
    """Without a length close_notify is the end of the body (RFC 8446 §6.1)."""
    lane = line.lane(None)
    line.server.sendall(PAYLOAD[: 3 * RECORD])
    line.server.settimeout(0)
    with contextlib.suppress(ssl.SSLWantReadError):
        line.server.unwrap()

    assert lane.read() == PAYLOAD[: 3 * RECORD]
    assert not lane.done
    assert lane.read() == b""
    assert lane.done
