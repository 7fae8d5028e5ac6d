"""Do connections break, go silent and go slow where they should?

The rule: exact to the byte, in plain TCP and in TLS, without sleeping.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import sys
import threading

import pytest

from tests.faults import (
    Authority,
    DropEvery,
    Fault,
    FaultServer,
    Fin,
    HandshakeEof,
    HandshakeSilence,
    HangUp,
    HostThrottle,
    NeverAnswer,
    Pause,
    Reset,
    Silence,
    Throttle,
    Trickle,
    numbers,
    refused_port,
    swallowing_port,
)
from tests.servers import listener
from tests.servers.client import (
    CONTENT,
    LONG,
    SHORT,
    answered,
    asked,
    body_of,
    connected,
    received_before_end,
    received_by_tls,
)


@pytest.mark.parametrize("after", [0, 1, 5000, 102400])
def test_a_reset_comes_after_exactly_so_many_bytes(server: FaultServer, after: int) -> None:
    server.script = [Reset(after=after)]
    raw, end = received_before_end(server)

    assert body_of(raw) == CONTENT[:after]
    assert isinstance(end, ConnectionResetError)
    assert server.bytes_sent("/file") == after


def test_a_reset_comes_late_even_if_the_body_is_larger_than_the_buffers(
    server: FaultServer,
) -> None:
    large = CONTENT * 100
    server.put("/large", large)
    server.script = [Reset(after=9_000_000)]
    raw, end = received_before_end(server, "/large")

    assert body_of(raw) == large[:9_000_000]
    assert isinstance(end, ConnectionResetError)


def test_a_fin_comes_after_exactly_so_many_bytes(server: FaultServer) -> None:
    server.script = [Fin(after=5000)]
    raw, end = received_before_end(server)

    assert body_of(raw) == CONTENT[:5000]
    assert b"Content-Length: 102400" in raw
    assert end is None
    assert not server.log[0].complete


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (Fin(after=5000), "close_notify"),
        (Fin(after=5000, close_notify=False), "fin"),
        (Reset(after=5000), "reset"),
    ],
)
def test_tls_can_end_in_three_ways(
    tls_server: FaultServer, authority: Authority, fault: Fault, end: str
) -> None:
    tls_server.script = [fault]
    raw, ended_by = received_by_tls(tls_server, authority)

    assert ended_by == end
    assert body_of(raw) == CONTENT[:5000]


@pytest.mark.parametrize("after", [0, 20])
def test_a_reset_in_the_headers(server: FaultServer, after: int) -> None:
    server.script = [Reset(after, part="headers")]
    raw, end = received_before_end(server)

    assert len(raw) == after
    assert isinstance(end, ConnectionResetError)
    assert server.log[0].status is None


@pytest.mark.parametrize("after", [0, 20])
def test_a_fin_in_the_headers(server: FaultServer, after: int) -> None:
    server.script = [Fin(after, part="headers")]
    raw, end = received_before_end(server)

    assert len(raw) == after
    assert end is None


def test_every_connection_delivers_so_many_bytes_in_all(server: FaultServer) -> None:
    server.put("/small", b"x" * 400)
    server.script = [DropEvery(1000)]
    with connected(server) as connection:
        answered(connection, "/small")
        answered(connection, "/small")
        with pytest.raises(ConnectionResetError):
            answered(connection)
    raw, _ = received_before_end(server)

    assert [seen.body_bytes for seen in server.log] == [400, 400, 200, 1000]
    assert body_of(raw) == CONTENT[:1000]


def test_a_file_can_be_fetched_in_pieces_between_drops(server: FaultServer) -> None:
    server.script = [DropEvery(30_000, by="fin")]
    got = b""
    while len(got) < len(CONTENT):
        with connected(server) as connection:
            connection.request("GET", "/file", headers={"Range": f"bytes={len(got)}-"})
            with connection.getresponse() as response, contextlib.suppress(EOFError):
                try:
                    got += response.read()
                except http.client.IncompleteRead as error:
                    got += error.partial

    assert got == CONTENT
    assert server.connections == 4


def test_a_silence_keeps_the_connection_open(server: FaultServer) -> None:
    server.script = [Silence(after=5000)]
    raw, end = received_before_end(server, timeout=SHORT, least=5000)

    assert body_of(raw) == CONTENT[:5000]
    assert isinstance(end, socket.timeout)


def test_a_silence_before_the_headers(server: FaultServer) -> None:
    server.script = [Silence(part="headers")]
    raw, end = received_before_end(server, timeout=SHORT)

    assert raw == b""
    assert isinstance(end, socket.timeout)
    server.wait_until(lambda server: bool(server.requests("/file")))
    assert len(server.requests("/file")) == 1


def test_a_pause_lasts_until_an_event(server: FaultServer) -> None:
    go_on = threading.Event()
    server.script = [Pause(after=5000, until=go_on)]
    with connected(server) as connection:
        connection.request("GET", "/file")
        with connection.getresponse() as response:
            begun = response.read(5000)
            server.wait_until(lambda server: server.bytes_sent() == 5000)
            go_on.set()
            rest = response.read()

    assert begun + rest == CONTENT


def test_seconds_pass_on_the_clock_handed_in() -> None:
    waits: list[float] = []
    with FaultServer(wait=waits.append, script=[Pause(after=5, seconds=3600)]) as server:
        server.put("/file", CONTENT)

        assert asked(server)[1] == CONTENT
    assert waits == [3600]


def test_a_trickle_is_one_byte_and_then_some() -> None:
    waits: list[float] = []
    with FaultServer(wait=waits.append, script=[Trickle(piece=10, tick=15)]) as server:
        server.put("/file", b"x" * 31)

        assert asked(server)[1] == b"x" * 31
    assert waits == [15, 15, 15]


@pytest.mark.parametrize("rate", [10_000, 10_000_000])
def test_a_throttled_connection_gets_its_last_byte_when_the_line_has_carried_it(rate: int) -> None:
    """Fast ones too: pieces are as large as the rate needs them."""
    waits: list[float] = []
    with FaultServer(wait=waits.append, script=[Throttle(rate)]) as server:
        server.put("/file", CONTENT)

        assert asked(server)[1] == CONTENT
    assert waits[-1] == pytest.approx(len(CONTENT) / rate, abs=0.1)
    assert len(waits) <= len(CONTENT) / rate / 0.02 + 2


def test_connections_share_the_line_of_a_host() -> None:
    waits: list[float] = []
    with FaultServer(wait=waits.append, script=[HostThrottle(10_000)]) as server:
        server.put("/file", CONTENT)
        for _ in range(2):
            asked(server)
    assert waits[-1] == pytest.approx(2 * len(CONTENT) / 10_000, abs=0.2)


def test_a_hang_up_resets_at_once(server: FaultServer) -> None:
    server.script = [HangUp().when(first=1)]

    # As early as in connect, or as late as in the answer.
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        asked(server)
    assert asked(server)[1] == CONTENT
    assert server.connections == 2


def test_never_answer_accepts_and_says_nothing(server: FaultServer) -> None:
    server.script = [NeverAnswer().when(connections=numbers(1))]

    assert isinstance(received_before_end(server, timeout=SHORT)[1], socket.timeout)
    assert server.log == []
    assert asked(server)[1] == CONTENT


def test_the_stream_ends_in_the_handshake(tls_server: FaultServer, authority: Authority) -> None:
    tls_server.script = [HandshakeEof().when(first=1)]

    assert received_by_tls(tls_server, authority) == (b"", "fin")
    with connected(tls_server, tls=authority) as connection:
        assert answered(connection)[1] == CONTENT


def test_the_handshake_is_never_answered(tls_server: FaultServer, authority: Authority) -> None:
    tls_server.script = [HandshakeSilence()]

    with (
        connected(tls_server, SHORT, tls=authority) as connection,
        pytest.raises(socket.timeout),
    ):
        answered(connection)


def test_a_client_which_does_not_trust_us_harms_nobody(
    tls_server: FaultServer, authority: Authority
) -> None:
    with (
        connected(tls_server, tls=Authority()) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        answered(connection)
    with connected(tls_server, tls=authority) as connection:
        assert answered(connection)[1] == CONTENT


def test_a_refused_port_refuses() -> None:
    with refused_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), LONG)


def test_a_swallowing_port_says_nothing_at_all() -> None:
    """Not even that nobody is there."""
    with swallowing_port() as port:
        if port is None:
            pytest.skip("here a full backlog refuses connections")
        for _ in range(3):
            with pytest.raises(socket.timeout):
                socket.create_connection(("127.0.0.1", port), timeout=0.2)


def test_a_port_swallows_on_ipv6_beside_a_server_on_ipv4(server: FaultServer) -> None:
    """One name, two addresses, one of which leads nowhere."""
    with swallowing_port("::1", server.port) as port:
        if port is None:
            pytest.skip("here a full backlog refuses connections")
        with pytest.raises(socket.timeout):
            socket.create_connection(("::1", port), timeout=0.2)

        assert port == server.port
        assert asked(server)[1] == CONTENT


def test_a_server_that_pauses_refuses_and_comes_back_on_its_port(server: FaultServer) -> None:
    with connected(server) as connection:
        answered(connection)
        server.pause_listening()
        with pytest.raises(ConnectionRefusedError):
            asked(server)
        kept = answered(connection)[1]
    server.resume_listening()

    assert kept == CONTENT
    assert asked(server)[1] == CONTENT


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds two sockets to one port")
def test_nobody_is_given_the_port_of_a_server_that_begins_to_pause(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It closes its socket, and the next one of any other program may get the number."""
    really, given = listener._bound, []

    def bound(hosts: tuple[str, ...], port: int = 0) -> list[socket.socket]:
        with socket.socket() as stranger, contextlib.suppress(OSError):
            stranger.bind(("127.0.0.1", server.port))
            given.append(server.port)
        return really(hosts, port)

    monkeypatch.setattr(listener, "_bound", bound)
    server.pause_listening()
    server.resume_listening()

    assert given == []
    assert asked(server)[1] == CONTENT


def test_a_pause_can_drop_what_is_open(server: FaultServer) -> None:
    with connected(server) as connection:
        answered(connection)
        server.pause_listening(drop=True)
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            answered(connection)
