"""How are the bytes of one answer read without ever waiting on it alone?

The rule: a lane takes the socket over from http.client once the headers are
read, and from then on never blocks: it gives what has arrived. So one thread
can look at several connections, notice silence long before a timeout and
leave at any byte. The framing of the body (RFC 9112 §6) is read here; what
the bytes mean is the body's business.

Where the socket cannot be had (TLS within TLS through an https:// proxy), a
`PlainLane` reads through http.client and waits as pip would.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

try:
    from ssl import SSLError, SSLWantReadError, SSLWantWriteError

    _WOULD_BLOCK: tuple[type[BaseException], ...] = (
        BlockingIOError,
        SSLWantReadError,
        SSLWantWriteError,
    )
except ImportError:  # a Python built without it
    SSLError = OSError  # type: ignore[misc,assignment]
    _WOULD_BLOCK = (BlockingIOError,)

if TYPE_CHECKING:
    from pip_resilient.policy.digests import Verification
    from pip_resilient.policy.ranges import Span

_LONGEST_LINE = 8192
_HEX_DIGITS = b"0123456789abcdefABCDEF"


class Cut(OSError):
    """The connection ended before the body did."""


class Garbled(OSError):
    """The framing of a chunked body is not readable."""


class Chunks:
    """Decodes a chunked body as it arrives (RFC 9112 §7.1); no I/O."""

    def __init__(self) -> None:
        self._left = 0
        self._line = bytearray()
        self._state = "size"
        self.done = False

    def decode(self, data: memoryview) -> bytes:
        """Return the payload in the next bytes of the wire.

        Raises:
            Garbled: A chunk's size is no hexadecimal number.
        """
        payload = bytearray()
        at = 0
        while at < len(data) and not self.done:
            if self._state == "data":
                taken = min(self._left, len(data) - at)
                payload += data[at : at + taken]
                self._left -= taken
                at += taken
                if not self._left:
                    self._state = "end of data"
                continue
            byte = data[at]
            at += 1
            if byte != 0x0A:
                self._line.append(byte)
                if len(self._line) > _LONGEST_LINE:
                    raise Garbled("a chunk's size line has no end")
                continue
            self._take_line(bytes(self._line).strip())
            self._line.clear()
        return bytes(payload)

    def _take_line(self, line: bytes) -> None:
        if self._state == "end of data":
            if line:
                raise Garbled("a chunk is longer than it says")
            self._state = "size"
        elif self._state == "trailer":
            self.done = not line
        else:
            digits = line.partition(b";")[0].strip()
            if not digits or digits.strip(_HEX_DIGITS):
                raise Garbled("a chunk's size is not a number")
            self._left = int(digits, 16)
            self._state = "data" if self._left else "trailer"


def is_chunked(up: Any) -> bool:
    """Tell whether an answer's body is chunked."""
    return "chunked" in (up.headers.get("Transfer-Encoding") or "").lower()


class Lane:
    """One answer's body, read from its socket without blocking.

    Args:
        up: urllib3's response, its headers read and its body untouched.
        span: Which bytes of the representation it carries.

    Attributes:
        position: Offset, in the representation, of the next byte it gives.
        done: Whether the whole body has been read.
        prefix: Hashes the bytes before those that are wanted, where the whole
            body had to be asked for again; None where none come.
    """

    def __init__(self, up: Any, span: Span) -> None:
        self.up = up
        self.http = up._fp
        self.position = span.first
        self.end = span.end
        self.left = None if span.end is None else span.end - span.first
        self.prefix: Verification | None = None
        self.chunks = Chunks() if is_chunked(up) else None
        if self.chunks is not None:
            self.left = None
        self.done = self.left == 0
        self.until_close = self.left is None and self.chunks is None
        self.sock = self._take_over()
        self._early = b""
        if self.sock is not None:
            self._timeout = self.sock.gettimeout()
            self._begin()

    def _take_over(self) -> socket.socket | None:
        """Return http.client's socket, or None where it is out of reach."""
        sock = getattr(getattr(getattr(self.http, "fp", None), "raw", None), "_sock", None)
        return sock if isinstance(sock, socket.socket) else None

    def _begin(self) -> None:
        """Stop blocking, and take the body bytes that came along with the headers."""
        assert self.sock is not None  # noqa: S101  # its only caller has looked
        self.sock.settimeout(0)
        if self.until_close and hasattr(self.sock, "suppress_ragged_eofs"):
            # The end of the connection is the end of the body: here a TLS
            # connection without close_notify is a cut one (RFC 8446 §6.1).
            self.sock.suppress_ragged_eofs = False
        try:
            early = len(self.http.fp.peek())
        except _WOULD_BLOCK:
            early = 0
        except OSError:
            early = 0  # the first `fill` will meet it again
        if early:
            if self.left is not None:
                early = min(early, self.left)
            self._early = self.http.fp.read(early)

    def fill(self, room: memoryview) -> int | None:
        """Read what is there.

        Returns:
            How many payload bytes now stand at the beginning of `room`; 0
            where bytes came but none of them payload; None where nothing is
            there now.

        Raises:
            Cut: The connection ended too early.
            Garbled: The framing is not readable.
            OSError: As the socket says.
        """
        if self.chunks is not None and self.chunks.done:
            raise Garbled("the chunks end before the body does")
        count = self._receive(room)
        if count is None:
            return None
        if count == 0:
            return self._ended()
        if self.chunks is not None:
            count = self._unchunk(self.chunks, room, count)
        elif self.left is not None:
            self.left -= count
            self.done = self.left == 0
        self.position += count
        return count

    def _unchunk(self, chunks: Chunks, room: memoryview, count: int) -> int:
        payload = chunks.decode(room[:count])
        room[: len(payload)] = payload
        end = self.position + len(payload)
        if self.end is not None and end > self.end:
            raise Garbled("the chunks go on behind the end of the body")
        self.done = chunks.done and self.end in (None, end)
        return len(payload)

    def _receive(self, room: memoryview) -> int | None:
        if self._early:
            count = min(len(self._early), len(room))
            room[:count] = self._early[:count]
            self._early = self._early[count:]
            return count
        if self.left is not None:
            room = room[: self.left]
        assert self.sock is not None  # noqa: S101  # PlainLane has its own
        try:
            return self.sock.recv_into(room)
        except _WOULD_BLOCK:
            return None

    def _ended(self) -> int:
        if self.until_close:
            self.done = True
            return 0
        raise Cut("the connection ended before the body did")

    def release(self) -> None:
        """Give the connection back for the next request; only when `done`."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.settimeout(self._timeout)
        self.http.close()
        self.up.release_conn()

    def kill(self) -> None:
        """Close the connection at once."""
        connection = getattr(self.up, "_connection", None)
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        self.http.close()
        if connection is not None:
            connection.close()
        # Not `up.close()`: that would close the body which stands in `up._fp`.
        self.up.release_conn()
        if self.sock is not None:
            self.sock.close()


class PlainLane(Lane):
    """An answer's body read through http.client, which undoes the framing itself."""

    def _take_over(self) -> socket.socket | None:
        return None

    def fill(self, room: memoryview) -> int | None:
        """Read the next bytes, however long they take; see `Lane.fill`."""
        count = int(self.http.readinto(room))
        if count == 0 and len(room):
            if self.left:
                raise Cut("the connection ended before the body did")
            self.done = True
        elif self.left is not None:
            self.left -= count
            self.done = self.left == 0
        self.position += count
        return count


def lane_for(up: Any, span: Span) -> Lane:
    """Return the lane for an answer: one that never blocks, where that is possible."""
    lane = Lane(up, span)
    return lane if lane.sock is not None else PlainLane(up, span)
