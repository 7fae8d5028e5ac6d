"""Are bytes read as they come, to the right end, and never waited for?

Lanes read real sockets through http.client; chunks alone have a file of their own.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from pip_resilient.policy.spans import Span
from pip_resilient.session.lane import Cut, Garbled, Lane, PlainLane, lane_for

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 10\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = OK + b"\r\n"


class Up:
    """urllib3's response, as far as a lane looks at it."""

    def __init__(self, http_response: http.client.HTTPResponse) -> None:
        self._fp = http_response
        self._connection: socket.socket | None = None
        self.headers = http_response.headers
        self.released = 0

    def release_conn(self) -> None:
        self.released += 1


class Line:
    """Both ends of a connection: the server's, and ours with an answer on it."""

    def __init__(self) -> None:
        self.server, self.client = socket.socketpair()
        self.client.settimeout(5.0)

    def answer(self, wire: bytes) -> Up:
        """Send the beginning of an answer and return it, its headers read."""
        self.server.sendall(wire)
        response = http.client.HTTPResponse(self.client)
        response.begin()
        return Up(response)

    def lane(self, wire: bytes, span: Span = Span(0, 10, 10)) -> Lane:  # noqa: B008
        return lane_for(self.answer(wire), span)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    with contextlib.closing(made.server), contextlib.closing(made.client):
        yield made


def arrived(lane: Lane) -> bytes | None:
    """Return what a lane gives once something has come."""
    assert lane.sock is not None
    select.select([lane.sock], [], [], 5.0)
    return lane.read()


def read_out(lane: Lane) -> bytes:
    """Return all that a lane gives until it is done."""
    payload = b""
    while not lane.done:
        payload += lane.read() or b""
    return payload


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_bytes_that_came_with_the_headers_are_not_lost(line: Line) -> None:
    """http.client has them in its buffer already."""
    lane = line.lane(SIZED + b"01234")

    assert lane.read() == b"01234"
    assert lane.position == 5
    assert not lane.done


def test_a_lane_never_waits(line: Line) -> None:
    """A silent connection must leave time to look at others."""
    lane = line.lane(SIZED + b"01234")
    lane.read()

    assert lane.read() is None


def test_a_lane_ends_where_its_length_says(line: Line) -> None:
    """What follows is the next answer's."""
    lane = line.lane(SIZED + b"0123456789HTTP/1.1 ")

    assert lane.read() == b"0123456789"
    assert lane.done


def test_what_comes_later_follows_what_came_with_the_headers(line: Line) -> None:
    """Early bytes are given first."""
    lane = line.lane(SIZED + b"0123456")
    line.server.sendall(b"789")
    payload = b""
    while not lane.done:
        payload += arrived(lane) or b""

    assert payload == b"0123456789"


def test_positions_count_from_the_range(line: Line) -> None:
    """A rest read as a beginning would be joined at the wrong place."""
    lane = line.lane(SIZED + b"01234", Span(90, 100, 100))
    lane.read()

    assert lane.position == 95


def test_an_end_before_the_length_is_a_cut(line: Line) -> None:
    """It would be a short file."""
    lane = line.lane(SIZED + b"01234")
    lane.read()
    line.server.close()

    with pytest.raises(Cut):
        arrived(lane)


@contextlib.contextmanager
def reset_after(wire: bytes) -> Iterator[Up]:
    """Give an answer whose connection is reset once its headers are read; only TCP has resets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=5.0)
        server, _ = listener.accept()
    with contextlib.closing(client):
        server.sendall(wire)
        response = http.client.HTTPResponse(client)
        response.begin()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        select.select([client], [], [], 5.0)
        yield Up(response)
        response.close()


@pytest.mark.parametrize(
    ("wire", "end"),
    [(SIZED + b"01234", 10), (SIZED, 10), (CHUNKED, None), (UNTIL_CLOSE, None)],
)
def test_a_reset_is_never_an_end(wire: bytes, end: int | None) -> None:
    """The system tells of it once, then of an end: half a file without a length would be whole."""
    with reset_after(wire) as up:
        lane = lane_for(up, Span(0, end, end))

        with pytest.raises(ConnectionResetError):
            read_out(lane)


def test_chunks_end_with_their_last_chunk(line: Line) -> None:
    """The connection is kept, so its end never comes."""
    lane = line.lane(CHUNKED + chunked(b"abc", b"def"), Span(0, None, None))

    assert lane.read() == b"abcdef"
    assert lane.done


def test_chunks_without_a_last_one_are_cut(line: Line) -> None:
    """The most common way to get half a page."""
    lane = line.lane(CHUNKED + b"3\r\nabc\r\n", Span(0, None, None))
    line.server.close()

    assert lane.read() == b"abc"
    with pytest.raises(Cut):
        arrived(lane)


@pytest.mark.parametrize("pieces", [[b"abc"], [b"0123456789", b"more"]])
def test_chunks_of_another_length_than_the_range_are_garbled(
    line: Line, pieces: list[bytes]
) -> None:
    """A proxy that re-chunks a cut answer would make a file of another length."""
    lane = line.lane(CHUNKED + chunked(*pieces))

    with pytest.raises(Garbled):
        read_out(lane)


def test_without_length_the_end_of_the_connection_is_the_end(line: Line) -> None:
    """HTTP/1.0 servers say it so."""
    lane = line.lane(UNTIL_CLOSE + b"abc", Span(0, None, None))
    line.server.close()

    assert lane.read() == b"abc"
    assert arrived(lane) == b""
    assert lane.done


def test_a_released_connection_is_as_it_was(line: Line) -> None:
    """The next request on it would not wait for its answer."""
    up = line.answer(SIZED + b"0123456789")
    lane = lane_for(up, Span(0, 10, 10))
    lane.read()
    lane.release()

    assert up.released == 1
    assert line.client.gettimeout() == 5.0
    assert line.client.fileno() != -1


def test_a_released_connection_carries_the_next_answer(line: Line) -> None:
    """Bytes of the next answer must not have been taken by the last one."""
    lane = line.lane(SIZED + b"0123456789")
    lane.read()
    lane.release()

    assert line.lane(SIZED + b"abcdefghij").read() == b"abcdefghij"


def test_a_killed_connection_is_closed(line: Line) -> None:
    """A bad node must not get the next request."""
    up = line.answer(SIZED + b"01234")
    up._connection = line.client
    lane_for(up, Span(0, 10, 10)).kill()
    line.server.settimeout(5.0)

    assert line.client.fileno() == -1
    assert line.server.recv(1) == b""
    assert up.released == 1


def test_an_empty_body_is_done_at_once(line: Line) -> None:
    """http.client has closed it before we look."""
    assert line.lane(OK + b"Content-Length: 0\r\n\r\n", Span(0, 0, 0)).done


# Where the socket is out of reach.


def plain(line: Line, wire: bytes, span: Span = Span(0, 10, 10)) -> PlainLane:  # noqa: B008
    return PlainLane(line.answer(wire), span)


def test_a_plain_lane_gives_the_same_bytes(line: Line) -> None:
    """Through an https:// proxy there is no socket to take."""
    lane = plain(line, SIZED + b"0123456789")

    assert lane.read() == b"0123456789"
    assert lane.done


def test_a_plain_lane_undoes_chunks_by_http_client(line: Line) -> None:
    """Undone twice they would be garbage."""
    lane = plain(line, CHUNKED + chunked(b"abc", b"def"), Span(0, None, None))

    assert read_out(lane) == b"abcdef"


@pytest.mark.parametrize(
    ("wire", "end"), [(SIZED + b"01234", 10), (CHUNKED + b"5\r\n01234\r\n", None)]
)
def test_a_plain_lane_notices_a_cut(line: Line, wire: bytes, end: int | None) -> None:
    """It would be a short file, or an exception that nobody translates."""
    lane = plain(line, wire, Span(0, end, end))
    line.server.close()

    with pytest.raises(Cut):
        read_out(lane)


def test_a_plain_lane_notices_chunks_that_end_too_early(line: Line) -> None:
    """The same as above, where http.client undoes the chunks."""
    lane = plain(line, CHUNKED + chunked(b"abc"))

    with pytest.raises((Cut, Garbled)):
        read_out(lane)
