"""Does anything but an answer's own bytes pass for its beginning?

A server of TLS 1.3 sends session tickets once it has the client's last word of
the handshake (RFC 8446 §4.6.1); this one keeps them until a test wants them sent.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.session import watch as watch_module
from pip_resilient.session.connect import Dialer
from pip_resilient.session.head import Answer
from pip_resilient.session.watch import Watch
from tests.servers.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "files.test"
LONG = 10.0
SHORT = 0.05
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"

pytestmark = pytest.mark.skipif(not ssl.HAS_TLSv1_3, reason="this ssl has no TLS 1.3")


class Server:
    """A TLS 1.3 server whose every byte is sent when the test says so.

    Attributes:
        tickets: What it has to send after the handshake.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.tickets = b""

    def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.send(self._out.read())
                self._in.write(self._sock.recv(65536))
        self.tickets = self._out.read()

    def send(self, records: bytes) -> None:
        self._sock.sendall(records)

    def end(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def records(self, payload: bytes) -> bytes:
        """Return the records that carry a payload; they count on the tickets before them."""
        self._tls.write(payload)
        return self._out.read()


class Line:
    """A connection whose request has been sent, and what is asked beside it.

    Attributes:
        server: Its other end.
        told: The seconds of silence after which a second one was asked.
        second: Answers on the second connection.
    """

    def __init__(self, server: Server, client: ssl.SSLSocket) -> None:
        self.server = server
        self.client = client
        self.told: list[float] = []
        self.second: Callable[[], Any] = lambda: "second"
        self._first = True
        self._dialer = Dialer(time.monotonic)

    def get(self, silence: float = SHORT, leaves: Callable[[], bool] = lambda: False) -> Any:
        """Return the first answer of the two."""
        watch = Watch(self._dialer, self.told.append, silence, leaves)
        with self._dialer.ask(watch=watch):
            return watch.first_answer(self._ask)

    def _ask(self) -> Any:
        if not self._first:
            return self.second()
        self._first = False
        made = type("Watched", (Answer,), {"asking": self._dialer.asking})
        response = made(self.client, method="GET")
        with contextlib.closing(response):
            response.begin()
            return response.read()


@pytest.fixture
def line() -> Iterator[Line]:
    authority = Authority()
    theirs, ours = socket.socketpair()
    theirs.settimeout(LONG)
    server = Server(theirs, authority.server_context(NAME))
    shaking = threading.Thread(target=server.shake_hands)
    shaking.start()
    context = authority.client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    client = context.wrap_socket(ours, server_hostname=NAME)
    shaking.join()
    client.settimeout(LONG)
    with contextlib.closing(theirs), contextlib.closing(client):
        yield Line(server, client)


def test_session_tickets_are_no_answer(line: Line) -> None:
    """A host that accepts and falls silent would cost the whole read timeout: a minute."""
    line.server.send(line.server.tickets)

    assert line.get() == "second"
    assert line.told


def test_session_tickets_that_come_late_are_none_either(line: Line) -> None:
    """The second connection would be called off for them."""

    def second() -> str:
        line.server.send(line.server.tickets)
        return "second"

    line.second = second

    assert line.get() == "second"


def test_a_part_of_a_record_is_no_answer(line: Line) -> None:
    """Nothing can be read of it until the rest has come."""
    records = line.server.tickets + line.server.records(ANSWER)
    line.server.send(records[:-1])

    assert line.get() == "second"


def test_who_may_leave_for_somebody_else_is_not_held_by_tickets(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declared spare would be asked after a minute and not after three seconds."""
    monkeypatch.setattr(watch_module, "SPARE_SILENCE", SHORT)
    line.server.send(line.server.tickets)
    with pytest.raises(socket.timeout, match="somebody else"):
        line.get(silence=LONG, leaves=lambda: True)


def test_an_answer_behind_tickets_needs_no_second_connection(line: Line) -> None:
    """A server must not be asked twice for nothing."""
    line.server.send(line.server.tickets + line.server.records(ANSWER))

    assert line.get(silence=LONG) == b"page"
    assert line.told == []


def test_the_first_connection_may_still_win_behind_tickets(line: Line) -> None:
    """A server that is only slow would be asked for ever anew."""
    tickets, answer = line.server.tickets, line.server.records(ANSWER)
    answered = threading.Event()

    def second() -> None:
        line.server.send(answer)
        answered.wait(LONG)
        raise OSError("called off")

    line.second = second
    line.server.send(tickets)

    assert line.get() == b"page"
    answered.set()


def test_an_end_behind_tickets_is_a_lost_connection(line: Line) -> None:
    """It is told at once, and in the words of http.client."""
    line.server.send(line.server.tickets)
    line.server.end()
    with pytest.raises(http.client.RemoteDisconnected):
        line.get(silence=LONG)

    assert line.client.gettimeout() == LONG


def test_a_damaged_record_behind_tickets_is_told_as_one(line: Line) -> None:
    """TLS says it once; a second read would find an end without a reason."""
    line.server.send(line.server.tickets + b"no record of TLS")
    with pytest.raises(ssl.SSLError):
        line.get(silence=LONG)
