"""Has the head of an answer come, whole and in time?

The rule: headers end with an empty line (RFC 9112 §2.1); where the stream ends
before it, nothing of the answer is used. http.client takes that end for the
headers' own (3.9 to 3.15, `_read_headers`): without Content-Length a page that
was cut there is an empty page, and whole.

And a head takes no longer than its connection may be silent. The timeout of a
socket begins anew with each byte, and http.client reads six megabytes of
headers, and 100 (Continue) for ever; so the time of the whole head is looked at
with each read of it, and what takes too long has timed out.
"""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any

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
    until = 0.0

    def readinto(self, buffer: object) -> int | None:
        """Read what is there, if it is not too late.

        Raises:
            socket.timeout: It is.
        """
        if time.monotonic() > self.until:
            raise socket.timeout("The head of the answer does not end")
        return super().readinto(buffer)  # type: ignore[arg-type]


class Answer(http.client.HTTPResponse):
    """http.client's answer, which insists on the end of its head, and on it in time."""

    def begin(self) -> None:
        """Read the status line and the headers.

        Raises:
            http.client.RemoteDisconnected: The stream ends within them.
            socket.timeout: They take too long.
        """
        file: Any = self.fp
        lines: Any = _Lines(file)
        raw: Any = getattr(file, "raw", None)
        timeout = None
        if type(raw) is socket.SocketIO:
            timeout = raw._sock.gettimeout()  # type: ignore[attr-defined]
        self.fp = lines
        if timeout is not None:
            # The same object: whoever reads the body looks for its socket there.
            raw.__class__, raw.until = _Timely, time.monotonic() + timeout
        try:
            super().begin()
        finally:
            if timeout is not None:
                raw.__class__ = socket.SocketIO
            if self.fp is lines:  # it is closed, and None, where there is no body
                self.fp = file
        if lines.last not in (None, *_EMPTY):
            raise http.client.RemoteDisconnected("the connection ended within the headers")
