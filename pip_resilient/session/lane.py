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
import http.client
import socket
from typing import TYPE_CHECKING, Any

try:
    from ssl import SSLError, SSLWantReadError, SSLWantWriteError

    WOULD_BLOCK: tuple[type[BaseException], ...] = (
        BlockingIOError,
        SSLWantReadError,
        SSLWantWriteError,
    )
except ImportError:  # a Python built without it
    SSLError = OSError  # type: ignore[misc,assignment]
    WOULD_BLOCK = (BlockingIOError,)

if TYPE_CHECKING:
    from pip_resilient.policy.digests import Verification
    from pip_resilient.policy.spans import Span

_LONGEST_LINE = 8192
_FRAMING = 64 * 1024
"""Bytes of framing that are taken in any case, and of a trailer at most."""
_TIMES = 16
"""How many times as much framing as payload is taken: a byte a chunk needs five."""
_MOST = 256 * 1024
"""Bytes read at once; what pip asks for from 24.2 on (network/utils.py)."""
_HEX_DIGITS = b"0123456789abcdefABCDEF"


class Cut(OSError):
    """The connection ended before the body did."""


class Garbled(OSError):
    """The framing of a chunked body is not readable."""


class Chunks:
    """Decodes a chunked body as it arrives (RFC 9112 §7.1); no I/O.

    Extensions and trailers are read over, and not for ever (§7.1.1).
    """

    def __init__(self) -> None:
        self._left = 0
        self._payload = 0
        self._framing = 0
        self._line = bytearray()
        self._state = "size"
        self.done = False

    def decode(self, data: memoryview) -> bytes:
        """Return the payload in the next bytes of the wire.

        Raises:
            Garbled: A chunk's size is no hexadecimal number, or there is more
                framing than any server needs.
        """
        payload = bytearray()
        at = 0
        while at < len(data) and not self.done:
            if self._state == "data":
                taken = min(self._left, len(data) - at)
                payload += data[at : at + taken]
                self._left -= taken
                self._payload += taken
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
        self._framing += len(line) + 2
        times = 0 if self._state == "trailer" else _TIMES
        if self._framing > _FRAMING + times * self._payload:
            raise Garbled("more framing than payload")
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
            if not self._left:
                self._framing = 0  # that of the trailer alone is counted from here


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
        self._early: bytes | None = None
        self._room = memoryview(b"")
        self._broke: OSError | None = None
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
        except WOULD_BLOCK:
            early = 0
        except OSError as error:  # told once by the system: the next read would see an end
            early, self._broke = 0, error
        if early:
            if self.left is not None:
                early = min(early, self.left)
            self._early = self.http.fp.read(early)

    def read(self) -> bytes | None:
        """Read what is there, up to `_MOST` bytes.

        Returns:
            Payload; b"" where bytes came but none of them payload, or the end
            did; None where nothing is there now.

        Raises:
            Cut: The connection ended too early.
            Garbled: The framing is not readable.
            OSError: As the socket says.
        """
        if self.chunks is not None and self.chunks.done:
            raise Garbled("the chunks end before the body does")
        data = self._receive()
        if data is None:
            return None
        if not data:
            return self._ended()
        if self.chunks is not None:
            data = self._unchunk(self.chunks, data)
        elif self.left is not None:
            self.left -= len(data)
            self.done = self.left == 0
        self.position += len(data)
        return data

    def _unchunk(self, chunks: Chunks, data: bytes) -> bytes:
        payload = chunks.decode(memoryview(data))
        end = self.position + len(payload)
        if self.end is not None and end > self.end:
            raise Garbled("the chunks go on behind the end of the body")
        self.done = chunks.done and self.end in (None, end)
        return payload

    def _receive(self) -> bytes | None:
        """Return what has come, b"" at the end of the stream, None where nothing is there."""
        if self._early is not None:
            data, self._early = self._early, None
            return data
        if self._broke is not None:
            raise self._broke
        assert self.sock is not None  # noqa: S101  # PlainLane has its own
        most = _MOST if self.left is None else min(_MOST, self.left)
        try:
            if hasattr(self.sock, "pending"):
                return self._receive_records(self.sock, most)
            return self.sock.recv(most)
        except WOULD_BLOCK:
            return None

    def _receive_records(self, sock: socket.socket, most: int) -> bytes:
        """Return what several records of TLS have brought.

        One `recv_into` gives one of them, 16 KiB at most (RFC 8446 §5.1), and each
        would cost what an arrival does.
        """
        if len(self._room) < most:
            self._room = memoryview(bytearray(most))
        count = 0
        try:
            while count < most:
                found = sock.recv_into(self._room[count:most])
                if not found:
                    break  # the end: it is told again
                count += found
        except OSError as error:
            if not count:
                raise
            if not isinstance(error, WOULD_BLOCK):
                self._broke = error  # it is told with the next read
        return bytes(self._room[:count])

    def _ended(self) -> bytes:
        if self.until_close:
            self.done = True
            return b""
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

    def read(self) -> bytes | None:
        """Read the next bytes, however long they take; see `Lane.read`."""
        try:
            data = bytes(self.http.read1(_MOST))
        except http.client.HTTPException as error:
            raise Cut("the chunks ended before the body did") from error
        if not data:
            if self.end not in (None, self.position):
                raise Cut("the connection ended before the body did")
            self.done = True
        elif self.left is not None:
            self.left -= len(data)
            self.done = self.left == 0
        self.position += len(data)
        return data


def lane_for(up: Any, span: Span) -> Lane:
    """Return the lane for an answer: one that never blocks, where that is possible."""
    lane = Lane(up, span)
    return lane if lane.sock is not None else PlainLane(up, span)
