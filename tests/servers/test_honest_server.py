"""Is the fault server a proper HTTP server as long as nothing goes wrong?

The rule: what a client may rely on by RFC 9110 holds, and a stop leaves nothing.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading

import pytest

from tests.faults import Authority, FaultServer, Silence, strong_etag
from tests.servers.client import (
    CONTENT,
    LONG,
    SHORT,
    answered,
    asked,
    body_of,
    connected,
    received_before_end,
)


def test_a_connection_is_kept_for_several_requests(server: FaultServer) -> None:
    with connected(server) as connection:
        bodies = [answered(connection)[1] for _ in range(3)]

    assert bodies == [CONTENT] * 3
    assert [seen.connection for seen in server.log] == [1, 1, 1]
    assert [seen.number for seen in server.log] == [1, 2, 3]


def test_connection_close_is_obeyed(server: FaultServer) -> None:
    response, _ = asked(server, Connection="close")

    assert response.getheader("Connection") == "close"


def test_head_sends_the_headers_alone(server: FaultServer) -> None:
    response, body = asked(server, method="HEAD")

    assert response.getheader("Content-Length") == str(len(CONTENT))
    assert body == b""
    assert server.bytes_sent() == 0


def test_what_is_not_there_is_404(server: FaultServer) -> None:
    assert asked(server, "/nothing")[0].status == 404


def test_percent_signs_in_the_path_are_understood(server: FaultServer) -> None:
    server.put("/a+b", b"plus")

    assert asked(server, "/a%2Bb?query")[1] == b"plus"


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=100-", 100, 102400),
        ("bytes=100-199", 100, 200),
        ("bytes=-5", 102395, 102400),
        ("bytes=102399-999999", 102399, 102400),
    ],
)
def test_a_range_is_answered_with_206(
    server: FaultServer, wanted: str, start: int, stop: int
) -> None:
    response, body = asked(server, Range=wanted)

    assert response.status == 206
    assert response.getheader("Content-Range") == f"bytes {start}-{stop - 1}/102400"
    assert body == CONTENT[start:stop]
    assert server.ranges("/file") == [wanted]


def test_a_range_behind_the_end_is_416(server: FaultServer) -> None:
    response, _ = asked(server, Range="bytes=102400-")

    assert response.status == 416
    assert response.getheader("Content-Range") == "bytes */102400"


@pytest.mark.parametrize("wanted", ["bytes=5-4", "bytes=0-1,5-6", "lines=1-2", "bytes=-"])
def test_a_range_that_makes_no_sense_is_ignored(server: FaultServer, wanted: str) -> None:
    assert asked(server, Range=wanted)[0].status == 200


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (strong_etag(CONTENT), 206),
        ('"another"', 200),
        ("W/" + strong_etag(CONTENT), 200),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 206),
        ("Tue, 02 Jan 2024 00:00:00 GMT", 200),
    ],
)
def test_if_range_decides_between_206_and_200(
    server: FaultServer, condition: str, status: int
) -> None:
    server.put("/file", CONTENT, last_modified="Mon, 01 Jan 2024 00:00:00 GMT")

    assert asked(server, Range="bytes=9-", If_Range=condition)[0].status == status


def test_a_weak_etag_never_satisfies_if_range(server: FaultServer) -> None:
    server.put("/file", CONTENT, etag="weak")
    etag = asked(server)[0].getheader("ETag")

    assert etag is not None
    assert etag.startswith('W/"')
    assert asked(server, Range="bytes=9-", If_Range=etag)[0].status == 200


def test_a_server_without_ranges_answers_200(server: FaultServer) -> None:
    server.put("/file", CONTENT, accept_ranges=False)
    response, body = asked(server, Range="bytes=9-")

    assert response.status == 200
    assert response.getheader("Accept-Ranges") is None
    assert body == CONTENT


def test_if_none_match_gives_304(server: FaultServer) -> None:
    response, body = asked(server, If_None_Match=strong_etag(CONTENT))

    assert (response.status, body) == (304, b"")
    assert asked(server, If_None_Match='"another"')[0].status == 200


def test_gzip_goes_to_those_who_accept_it(server: FaultServer) -> None:
    server.put("/page", CONTENT, gzip=True)
    coded, body = asked(server, "/page", Accept_Encoding="gzip, deflate")
    plain, _ = asked(server, "/page", Accept_Encoding="identity")

    assert gzip.decompress(body) == CONTENT
    assert coded.getheader("ETag") != plain.getheader("ETag")
    assert plain.getheader("Content-Length") == str(len(CONTENT))


def test_a_chunked_body_has_no_length(server: FaultServer) -> None:
    server.put("/file", CONTENT, chunked=True)
    response, body = asked(server)

    assert response.getheader("Content-Length") is None
    assert response.chunked
    assert body == CONTENT
    assert server.bytes_sent("/file") == len(CONTENT)


def test_a_close_delimited_body_ends_with_the_connection(server: FaultServer) -> None:
    server.put("/file", CONTENT, close_delimited=True)
    raw, end = received_before_end(server)

    assert b"Content-Length" not in raw
    assert body_of(raw) == CONTENT
    assert end is None


def test_both_loopbacks_can_be_served() -> None:
    with FaultServer(ipv6=True) as server:
        server.put("/file", CONTENT)
        connection = http.client.HTTPConnection("::1", server.port, timeout=LONG)
        with contextlib.closing(connection):
            assert answered(connection)[1] == CONTENT
        asked(server)

        assert [seen.peer.rpartition(":")[0] for seen in server.log] == ["::1", "127.0.0.1"]


def test_a_tls_server_shows_its_certificate(tls_server: FaultServer, authority: Authority) -> None:
    with connected(tls_server, tls=authority) as connection:
        assert answered(connection)[1] == CONTENT

    assert tls_server.log[0].tls


def test_a_stop_leaves_no_thread_and_no_listener() -> None:
    before = threading.active_count()
    with FaultServer(script=[Silence(after=5)]) as server:
        server.put("/file", CONTENT)
        with connected(server, SHORT) as connection, pytest.raises(socket.timeout):
            answered(connection)

    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_client_that_leaves_in_the_middle_harms_nobody(server: FaultServer) -> None:
    server.put("/large", CONTENT * 100)
    with connected(server) as connection:
        connection.request("GET", "/large")
        with connection.getresponse() as response:
            response.read(10)

    assert asked(server)[1] == CONTENT


def test_waiting_for_what_does_not_happen_ends(server: FaultServer) -> None:
    with pytest.raises(TimeoutError, match="not within"):
        server.wait_until(lambda server: server.connections > 5, timeout=0.01)
