"""How is a second connection opened while the first is still waited for?

The rule: a helper thread only *opens*: it connects, asks, and has the answer
read up to its headers. Bytes are read in pip's own thread alone. Whoever
started an opener takes its answer or cancels it; none outlives its request.
Other threads of ours read nothing of an answer either: one resolves names
(`addresses`), one cuts a wait that lasts too long (`elsewhere.Deadline`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from pip_resilient.session.watch import Overtaken, handle_of, wait_readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.session.connect import Dialer


class Opener:
    """One request on its way in a helper thread.

    Args:
        dialer: Opens the connection.
        ask: Sends the request and returns the answer; runs in the thread.
        discard: Closes an answer that nobody wants any more.
        wake: A socket that gets one byte when the thread is done.
        fresh: Whether a new connection is wanted, or one kept open will do.
    """

    def __init__(
        self,
        dialer: Dialer,
        ask: Callable[[], Any],
        discard: Callable[[Any], None],
        wake: socket.socket,
        fresh: bool = True,
    ) -> None:
        self._dialer = dialer
        self._fresh = fresh
        self._ask = ask
        self._discard = discard
        self._wake = wake
        self._lock = threading.Lock()
        self._cancelled = False
        self._socket: socket.socket | None = None
        self.done = False
        self.answer: Any = None
        self.error: BaseException | None = None
        thread = threading.Thread(target=self._run, name="pip-resilient-opener", daemon=True)
        thread.start()

    def _run(self) -> None:
        answer: Any = None
        error: BaseException | None = None
        try:
            with self._dialer.ask(fresh=self._fresh, opener=self):
                answer = self._ask()
        except BaseException as raised:  # carried to pip's thread
            error = raised
        with self._lock:
            self.answer, self.error, self.done = answer, error, True
            unwanted = self._cancelled
            self._forget_socket()
            if not unwanted:
                with contextlib.suppress(OSError):
                    self._wake.send(b"!")
        if unwanted and answer is not None:
            with contextlib.suppress(Exception):
                self._discard(answer)

    def cancelled(self) -> bool:
        """Tell whether this opening was called off."""
        return self._cancelled

    def opened(self, sock: socket.socket) -> None:
        """Keep a second handle of the connection, so that it can be cut.

        `SSLContext.wrap_socket` detaches the socket it is given, so closing
        that one would do nothing; a duplicate stays good.
        """
        with self._lock:
            self._forget_socket()
            self._socket = handle_of(sock)
            if self._cancelled:
                self._cut()

    def cancel(self) -> None:
        """Call it off: the thread ends soon, and its answer is thrown away."""
        with self._lock:
            self._cancelled = True
            unwanted = self.answer if self.done else None
            self.answer = None
            self._cut()
        if unwanted is not None:
            with contextlib.suppress(Exception):
                self._discard(unwanted)

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._forget_socket()

    def _forget_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class First(NamedTuple):
    """The first connection, still waited for.

    Attributes:
        sock: Its socket.
        arrives: Reads what is there, and tells whether that was anything of an answer.
        began: The moment at which it was asked.
    """

    sock: socket.socket
    arrives: Callable[[], bool]
    began: float


def ask_beside(
    dialer: Dialer,
    ask: Callable[[], Any],
    told: Callable[[float], None],
    silence: float,
    first: First,
) -> None:
    """Ask on a second connection, and again after each silence; return when the first answers.

    Args:
        dialer: Opens the connections.
        ask: Sends the request and returns the answer.
        told: Called with the seconds of silence when a second one is asked.
        silence: Seconds without an answer before another second one is asked.
        first: The first connection.

    Raises:
        Overtaken: The second connection has answered.
        socket.timeout: The socket's own timeout is over.
    """
    clock, timeout = dialer.clock, first.sock.gettimeout()
    opener: Opener | None = None
    near, far = socket.socketpair()
    try:
        while True:
            silent = clock() - first.began
            if timeout is not None and silent >= timeout:
                raise socket.timeout("The read operation timed out")
            if opener is not None:
                opener.cancel()
            told(silent)
            opener = Opener(dialer, ask, _close, far)
            pause = silence if timeout is None else min(silence, timeout - silent)
            if _won(clock, first, near, opener, clock() + pause):
                return
    except Overtaken:
        raise
    except BaseException:
        if opener is not None:
            opener.cancel()
        raise
    finally:
        near.close()
        far.close()


def _won(
    clock: Callable[[], float],
    first: First,
    near: socket.socket,
    opener: Opener,
    until: float,
) -> bool:
    """Wait for one of the two; True if the first connection answered."""
    while clock() < until:
        ready = wait_readable([first.sock, near], until - clock())
        if first.sock in ready and first.arrives():
            opener.cancel()
            return True
        if near in ready:
            near.recv(16)
            if opener.done and opener.error is None:
                raise Overtaken(opener.answer)
    return False


def _close(answer: Any) -> None:
    answer.close()
