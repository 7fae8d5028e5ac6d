"""What can a server send that is meant to do harm?

The rule: bytes on a socket, written here and not by any HTTP library, so that
nothing is put right on the way. A harm is a function that answers one request;
it goes on until the other side leaves or the server stops, wherever it would
have no end. What is right would be `honest`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Callable

from tests.servers.listener import Listener
from tests.servers.wire import Over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from tests.servers.wire import Wire

KIB, MIB = 1 << 10, 1 << 20
HTML = "text/html; charset=utf-8"
LIMIT = 20_000 * MIB
"""Bytes after which even what has no end is given up: a test has failed long before."""


class Asked:
    """One request, and what an honest server would answer.

    Attributes:
        wire: Where the answer goes.
        path: Its path.
        content: The whole content of the resource.
        kind: Its Content-Type.
        url: The server's own URL.
        other: The URL of another server, or nothing.
        tick: Seconds between the bytes of what comes slowly.
    """

    def __init__(self, wire: Wire, head: bytes, server: MaliciousServer) -> None:
        self.wire = wire
        self.path = head.split(b" ", 2)[1].decode("ascii", "replace")
        self.content = server.resources.get(self.path, b"")
        self.kind = HTML if self.path.endswith("/") else "application/octet-stream"
        self.url = server.url
        self.other = server.other
        self.tick = server.tick

    def start(self, *fields: str, status: str = "200 OK", kind: str | None = None) -> None:
        """Send the head of an answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind or self.kind}", *fields, "", ""]
        self.wire.send("\r\n".join(lines).encode("latin-1"))

    def whole(self) -> None:
        """Answer as an honest server would."""
        if not self.content:
            self.start("Content-Length: 0", status="404 Not Found")
            return
        self.start(f"Content-Length: {len(self.content)}")
        self.wire.send(self.content)

    def for_ever(self, piece: bytes) -> None:
        """Send the same again and again."""
        many = piece * max(1, 64 * KIB // len(piece))
        for _ in range(LIMIT // len(many)):
            self.wire.send(many)
            if self.wire.stopping.is_set():
                raise Over

    def slowly(self, data: bytes) -> None:
        """Send byte by byte."""
        for byte in data:
            self.wire.send(bytes([byte]))
            self.wire.wait(self.tick)


Harm = Callable[[Asked], None]


class MaliciousServer:
    """Serves resources, some of them with harm in mind.

    Args:
        harm: Answers where it is meant to.
        where: Which requests it answers: those whose path ends like this.

    Attributes:
        resources: What an honest server would have, by path.
        other: The URL of another one.
        tick: Seconds between single bytes.
        asked: The paths that were asked for, in order.
    """

    def __init__(self, harm: Harm | None = None, where: str = "") -> None:
        self.harm = harm
        self.where = where
        self.resources: dict[str, bytes] = {}
        self.other = ""
        self.tick = 1.0
        self.asked: list[str] = []
        self._listener = Listener(self._serve)

    @property
    def url(self) -> str:
        """Its URL, without a slash at the end."""
        return f"http://127.0.0.1:{self._listener.port}"

    def __enter__(self) -> Self:
        self._listener.resume()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    def _serve(self, wire: Wire, number: int) -> None:
        while (head := wire.read_head()) is not None:
            asked = Asked(wire, head, self)
            self.asked.append(asked.path)
            meant = asked.path.endswith(self.where) or "/again" in asked.path
            if self.harm is not None and meant:
                self.harm(asked)
                wire.fin()
            asked.whole()


# Bodies.


def endless_body(asked: Asked) -> None:
    """No length, and no end."""
    asked.start("Connection: close")
    asked.wire.send(asked.content)
    asked.for_ever(b"x")


def endless_page(asked: Asked) -> None:
    """Links without end, each of them right."""
    asked.start("Connection: close")
    asked.for_ever(b'<a href="demo-9.0-py3-none-any.whl">demo</a>\n')


def huge_length(asked: Asked) -> None:
    """It says how long it is: longer than any disk."""
    asked.start("Content-Length: 999999999999999999")
    asked.wire.send(asked.content)
    asked.for_ever(b"x")


def endless_chunks(asked: Asked) -> None:
    """Chunks, and never the last one."""
    asked.start("Transfer-Encoding: chunked")
    asked.for_ever(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def chunk_extensions(asked: Asked) -> None:
    """One byte a chunk, and thousands behind its size."""
    asked.start("Transfer-Encoding: chunked")
    asked.for_ever(b"1;" + b"a=b;" * 1000 + b"\r\nx\r\n")


def endless_extension(asked: Asked) -> None:
    """The size of the first chunk is never over."""
    asked.start("Transfer-Encoding: chunked")
    asked.wire.send(b"5;")
    asked.for_ever(b"x")


def endless_trailer(asked: Asked) -> None:
    """All has come, but for what comes behind it."""
    asked.start("Transfer-Encoding: chunked")
    asked.wire.send(b"%x\r\n%b\r\n0\r\n" % (len(asked.content), asked.content))
    asked.for_ever(b"X-Trailer: " + b"a" * 80 + b"\r\n")


def gzip_bomb(asked: Asked) -> None:
    """Ten megabytes that become ten gigabytes."""
    asked.start("Content-Encoding: gzip", "Connection: close")
    for piece in _bomb():
        asked.wire.send(piece)


def bomb_in_a_bomb(asked: Asked) -> None:
    """The same compressed once more: some kilobytes."""
    asked.start("Content-Encoding: gzip, gzip", "Connection: close")
    outer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in _bomb():
        asked.wire.send(outer.compress(piece))
    asked.wire.send(outer.flush())


def _bomb() -> Iterator[bytes]:
    """Yield gzip of 10 GB: one piece of 16 MB, again and again, none needing those before it."""
    maker = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    yield maker.flush(zlib.Z_FULL_FLUSH)
    piece = maker.compress(bytes(16 * MIB)) + maker.flush(zlib.Z_FULL_FLUSH)
    for _ in range(640):
        yield piece


def slow_body(asked: Asked) -> None:
    """A byte now and then."""
    asked.start(f"Content-Length: {len(asked.content)}")
    asked.slowly(asked.content)


# Heads.


def endless_fields(asked: Asked) -> None:
    """One header after the other."""
    asked.wire.send(b"HTTP/1.1 200 OK\r\n")
    asked.for_ever(b"X-Field: value\r\n")


def endless_field(asked: Asked) -> None:
    """One header, and it never ends."""
    asked.wire.send(b"HTTP/1.1 200 OK\r\nX-Field: ")
    asked.for_ever(b"x")


def endless_status(asked: Asked) -> None:
    """Not even the first line ends."""
    asked.wire.send(b"HTTP/1.1 200 ")
    asked.for_ever(b"O")


def slow_fields(asked: Asked) -> None:
    """A byte of the head now and then."""
    asked.slowly(b"HTTP/1.1 200 OK\r\n" + b"X-Field: value\r\n" * 90 + b"\r\n")


def continue_for_ever(asked: Asked) -> None:
    """100 (Continue), which is no answer yet."""
    asked.for_ever(b"HTTP/1.1 100 Continue\r\n\r\n")


def continue_now_and_then(asked: Asked) -> None:
    """The same, at a pace that no flood is."""
    while True:
        asked.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        asked.wire.wait(asked.tick)


# Redirects.


def endless_redirects(asked: Asked) -> None:
    """Each to another place."""
    place = f"/again{len(asked.path)}{asked.path}"[:4000]
    asked.start(f"Location: {place}", "Content-Length: 0", status="302 Found")


def to_itself(asked: Asked) -> None:
    """In a ring of one."""
    asked.start(f"Location: {asked.path}", "Content-Length: 0", status="302 Found")


def to_the_other(asked: Asked) -> None:
    """In a ring of two hosts."""
    place = f"{asked.other}/again{asked.path}"
    asked.start(f"Location: {place}", "Content-Length: 0", status="302 Found")


def long_location(asked: Asked) -> None:
    """To a URL of sixty thousand letters."""
    asked.start(f"Location: /{'a' * 60_000}", "Content-Length: 0", status="302 Found")


# Answers that contradict themselves or the request.


def garbage_behind(asked: Asked) -> None:
    """The right answer, and another one that nobody has asked for."""
    asked.start(f"Content-Length: {len(asked.content)}")
    evil = b"evil" * 1000
    asked.wire.send(asked.content + b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + evil)
    if asked.wire.read_head() is not None:
        asked.wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + evil)


def part_unasked(asked: Asked) -> None:
    """206 where the whole was asked for."""
    half, size = len(asked.content) // 2, len(asked.content)
    span = f"Content-Range: bytes 0-{half - 1}/{size}"
    asked.start(span, f"Content-Length: {half}", status="206 Partial Content")
    asked.wire.send(asked.content[:half])


def byteranges(asked: Asked) -> None:
    """Parts that overlap, in a form that nobody has asked for."""
    part = b"\r\n--x\r\nContent-Range: bytes 0-99/200\r\n\r\n" + b"x" * 100
    body = part * 3 + b"\r\n--x--\r\n"
    kind = "multipart/byteranges; boundary=x"
    asked.start(f"Content-Length: {len(body)}", status="206 Partial Content", kind=kind)
    asked.wire.send(body)


def equal_lengths(asked: Asked) -> None:
    """One length twice, which is that length (RFC 9112 section 6.3)."""
    size = len(asked.content)
    asked.start(f"Content-Length: {size}, {size}")
    asked.wire.send(asked.content)


def unequal_lengths(asked: Asked) -> None:
    """Two lengths, one of which is too short."""
    size = len(asked.content)
    asked.start(f"Content-Length: {size // 2}, {size}")
    asked.wire.send(asked.content)


def two_lengths(asked: Asked) -> None:
    """The same in two headers."""
    size = len(asked.content)
    asked.start(f"Content-Length: {size // 2}", f"Content-Length: {size}")
    asked.wire.send(asked.content)


def negative_length(asked: Asked) -> None:
    """Less than nothing."""
    asked.start("Content-Length: -1")
    asked.wire.send(asked.content)


def length_and_chunks(asked: Asked) -> None:
    """Two ways to say where the body ends, and they differ."""
    asked.start("Content-Length: 10", "Transfer-Encoding: chunked")
    asked.wire.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(asked.content), asked.content))


HARMS: dict[str, Harm] = {
    harm.__name__.replace("_", "-"): harm
    for harm in (
        *(endless_body, endless_page, huge_length, endless_chunks, chunk_extensions),
        *(endless_extension, endless_trailer, gzip_bomb, bomb_in_a_bomb, slow_body),
        *(endless_fields, endless_field, endless_status, slow_fields),
        *(continue_for_ever, continue_now_and_then),
        *(endless_redirects, to_itself, to_the_other, long_location),
        *(garbage_behind, part_unasked, byteranges, equal_lengths, unequal_lengths),
        *(two_lengths, negative_length, length_and_chunks),
    )
}
