"""What can one side of a TCP or TLS connection do to the other?

A `Wire` is the server's end of one accepted connection. It knows the ways in
which a connection may end: reset (RST), FIN with or without the close_notify
of TLS (RFC 8446 §6.1), or silence. The rule it keeps: bytes sent before an end
have reached the peer's kernel before the end happens, so that "reset after
1000 bytes" means 1000 bytes on every run (on Linux, where it can be asked).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
from typing import TYPE_CHECKING, Callable, NoReturn

if TYPE_CHECKING:
    import threading

if sys.platform == "linux":  # elsewhere nobody tells how much was acknowledged
    import fcntl
    import termios

LARGEST_HEAD = 65536
PIECE = 16384
TCP_CLOSED = 7  # first byte of struct tcp_info, see linux/tcp_states.h


class Over(Exception):
    """Raised when this side has ended the connection."""


class Wire:
    """The server's end of one connection; used by one thread, woken by another.

    Args:
        sock: The accepted socket; closed by `close`.
        stopping: Set when the server stops; ends every wait.
        wait: Waits so many seconds; tests may hand in one of their own.
    """

    def __init__(
        self,
        sock: socket.socket,
        stopping: threading.Event,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.socket = sock
        self.body_bytes = 0
        self.stopping = stopping
        self._wait = wait or stopping.wait
        self._buffer = bytearray()
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Take the server's part in a TLS handshake."""
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        # `wake` may have met the socket that is now detached.
        if self.stopping.is_set():
            raise Over
        self.socket.do_handshake()

    @property
    def peer(self) -> str:
        """The address that the peer connects from, with its port."""
        try:
            host, port = self.socket.getpeername()[:2]
        except OSError:
            return ""  # gone already
        return f"{host}:{port}"

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted by now."""
        return isinstance(self.socket, ssl.SSLSocket)

    def read_head(self) -> bytes | None:
        """Return a request's head without its empty line; None at the end of the stream."""
        while b"\r\n\r\n" not in self._buffer:
            received = self.socket.recv(PIECE)
            if not received or len(self._buffer) > LARGEST_HEAD:
                return None
            self._buffer += received
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer[:] = rest
        return head

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes, fewer only at the end of the stream."""
        while len(self._buffer) < size:
            received = self.socket.recv(PIECE)
            if not received:
                break
            self._buffer += received
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def read_some(self) -> bytes:
        """Return whatever has come, waiting for at least one byte; empty at the end."""
        return self.buffered() or self.socket.recv(PIECE)

    def buffered(self) -> bytes:
        """Return what was read too far; it is taken out of the buffer."""
        return self.read(len(self._buffer))

    def send(self, data: bytes | memoryview) -> None:
        """Send all of `data`."""
        self.socket.sendall(data)

    def wait(self, seconds: float) -> None:
        """Let time pass; no longer than the server runs."""
        self._wait(seconds)
        if self.stopping.is_set():
            raise Over

    def wait_for(self, event: threading.Event) -> None:
        """Wait until somebody sets `event`; no longer than the server runs."""
        while not event.wait(0.02):
            if self.stopping.is_set():
                raise Over

    def silence(self) -> NoReturn:
        """Say nothing more, and keep the connection open until the server stops."""
        self.stopping.wait()
        raise Over

    def reset(self) -> NoReturn:
        """Abort the connection: the peer sees a reset."""
        self._drain()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
        raise Over

    def fin(self, *, close_notify: bool = True) -> NoReturn:
        """End the stream in good order.

        Args:
            close_notify: In TLS, say that this is the end; without it the peer
                cannot tell an end from an attacker's cut. Nothing to plain TCP.
        """
        self._drain()
        if close_notify and isinstance(self.socket, ssl.SSLSocket):
            # Non-blocking: to send ours is enough, the peer's answer is not awaited.
            self.socket.settimeout(0)
            with contextlib.suppress(OSError, ValueError):
                self.socket = self.socket.unwrap()
            self.socket.settimeout(None)
        socket.socket.shutdown(self.socket, socket.SHUT_WR)
        # close() with unread bytes would send a reset after the FIN, so the
        # peer goes first.
        with contextlib.suppress(OSError, ValueError):
            socket.socket.recv(self.socket, PIECE)
        raise Over

    def wake(self) -> None:
        """Make every blocked call of the owning thread return; called by other threads."""
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown, which takes the TLS state from under the reader.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self.socket.close()

    def _drain(self) -> None:
        """Wait until the peer's kernel has acknowledged everything that was sent."""
        while not self.stopping.is_set() and _unacknowledged(self.socket):
            self.stopping.wait(0.001)


def _unacknowledged(sock: socket.socket) -> int:
    if sys.platform != "linux":
        return 0
    try:
        if sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSED:
            return 0
        queue = fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4)
    except OSError:
        return 0
    return int(struct.unpack("i", queue)[0])
