"""Has the head of an answer come, whole and in time?

The rule: headers end with an empty line (RFC 9112 §2.1); where the stream ends
before it, nothing of the answer is used. http.client takes that end for the
headers' own (3.9 to 3.15, `_read_headers`): without Content-Length a page that
was cut there is an empty page, and whole.

And a head takes no longer than its connection may be silent. The timeout of a
socket begins anew with each byte, and http.client reads six megabytes of
headers, and 100 (Continue) for ever; so the time of the whole head is looked at
with each read of it, and what takes too long has timed out.

Whoever watches the wait (`watch`) is handed the first read itself: that a
socket can be read does not say that an answer begins. A server of TLS 1.3
sends session tickets right after the handshake (RFC 8446 §4.6.1).
"""

from __future__ import annotations

import http.client
import socket
import time
from typing import TYPE_CHECKING, Any

from pip_resilient.session.lane import WOULD_BLOCK
from pip_resilient.session.outcome import Ours
from pip_resilient.session.watch import Overtaken

if TYPE_CHECKING:
    from pip_resilient.session.watch import Waits

_EMPTY = (b"\r\n", b"\n")


class _Lines:
    """A file that remembers the last line read from it.

    After Ctrl-C it may still stand in the file's place, and is asked all that
    http.client asks of one to close it.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def readline(self, *limit: int) -> bytes:
        self.last = line = bytes(self.file.readline(*limit))
        return line


class _Timely(socket.SocketIO):
    waits: Waits | None = None
    timeout: float | None = None
    until: float | None = None

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, if it is not too late; the first time, wait as the watch says.

        Raises:
            socket.timeout: It is.
            Overtaken: Another connection has answered.
        """
        waits, self.waits = self.waits, None
        if waits is not None:
            with Ours(Overtaken):
                return self._first(waits, buffer)
        if self.timeout is not None:
            now = time.monotonic()
            if self.until is None:
                self.until = now + self.timeout
            if now > self.until:
                raise socket.timeout("The head of the answer does not end")
        return super().readinto(buffer)

    def _first(self, waits: Waits, buffer: Any) -> int | None:
        sock: socket.socket = self._sock  # type: ignore[attr-defined]
        found: int | None = None

        def arrives() -> bool:
            nonlocal found
            sock.settimeout(0)
            try:
                found = socket.SocketIO.readinto(self, buffer)
            except WOULD_BLOCK:
                return False  # a session ticket, or part of a record
            finally:
                sock.settimeout(self.timeout)
            return found is not None

        waits(arrives)
        return found


class Answer(http.client.HTTPResponse):
    """http.client's answer, which insists on the end of its head, and on it in time.

    Attributes:
        asking: What this thread is asking (`connect.Asking`), or None.
    """

    asking: Any = None

    def begin(self, *args: Any, **kwargs: Any) -> None:
        """Read the status line and the headers; 3.15 says how many at most.

        Raises:
            http.client.RemoteDisconnected: The stream ends within them.
            socket.timeout: They take too long.
            Overtaken: Another connection has answered.
        """
        file: Any = self.fp
        lines: Any = _Lines(file)
        raw: Any = getattr(file, "raw", None)
        ours = type(raw) is socket.SocketIO
        waits = None if self.asking is None else self._waits(raw)
        self.fp = lines
        if ours:
            # The same object: whoever reads the body looks for its socket there.
            raw.__class__ = _Timely
            raw.waits, raw.timeout, raw.until = waits, raw._sock.gettimeout(), None
        try:
            super().begin(*args, **kwargs)
        finally:
            if ours:
                raw.__class__ = socket.SocketIO
            if self.fp is lines:  # it is closed, and None, where there is no body
                self.fp = file
        if lines.last not in (None, *_EMPTY):
            raise http.client.RemoteDisconnected("the connection ended within the headers")

    def _waits(self, raw: Any) -> Waits | None:
        """Let the watch begin to wait; return what the first read waits with, if with anything."""
        with Ours():
            sock, watch = getattr(raw, "_sock", None), self.asking.watch
            if watch is None or sock is None:
                return None
            waits: Waits | None = watch.wait_for_answer(sock)
            return waits
