"""How is a second connection opened while the first is still waited for?

The rule: a helper thread only *opens*: it connects, asks, and has the answer
read up to its headers. Bytes are read in pip's own thread alone. Whoever
started an opener takes its answer or cancels it; none outlives its request.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING, Any

from pip_resilient.policy.patience import ANSWER_SILENCE, SPARE_SILENCE

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
    """

    def __init__(
        self,
        dialer: Dialer,
        ask: Callable[[], Any],
        discard: Callable[[Any], None],
        wake: socket.socket,
    ) -> None:
        self._dialer = dialer
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
            with self._dialer.ask(fresh=True, opener=self):
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
            self._socket = sock.dup()  # a plain socket still: TLS comes later
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


def wait_readable(socks: list[socket.socket], timeout: float | None) -> list[socket.socket]:
    """Wait until one of several sockets can be read.

    Args:
        socks: Any sockets, TLS ones included: look at `pending` first.
        timeout: Seconds, or None to wait for ever.

    Returns:
        Those that can be read; empty when the time is over.
    """
    if not hasattr(select, "poll"):
        return select.select(socks, [], [], timeout)[0]
    poll = select.poll()
    by_number = {sock.fileno(): sock for sock in socks}
    for number in by_number:
        poll.register(number, select.POLLIN)
    milliseconds = None if timeout is None else max(0, int(timeout * 1000 + 0.999))
    return [by_number[number] for number, _ in poll.poll(milliseconds)]


class Overtaken(Exception):  # good news
    """The second connection answered first."""


class Watch:
    """Looks at the wait for an answer's first byte.

    After `ANSWER_SILENCE` seconds the same request is sent on a second, fresh
    connection, and again after each such silence; the first connection is
    kept, and whoever answers first is used.

    Args:
        dialer: Opens the connections.
        told: Called with the seconds of silence when a second one is asked.
        silence: Seconds without an answer before a second one is asked.
        leaves: Asked after `SPARE_SILENCE` seconds whether to leave for somebody
            else instead of asking again.
    """

    def __init__(
        self,
        dialer: Dialer,
        told: Callable[[float], None],
        silence: float = ANSWER_SILENCE,
        leaves: Callable[[], bool] = lambda: False,
    ) -> None:
        self._dialer = dialer
        self._told = told
        self._leaves = leaves
        self._silence = silence
        self._again: Callable[[], Any] | None = None
        self._answer: Any = None

    def first_answer(self, ask: Callable[[], Any]) -> Any:
        """Send a request by `ask` and return the first answer of the two."""
        self._again = ask
        try:
            return ask()
        except Overtaken:
            answer, self._answer = self._answer, None
            return answer
        finally:
            self._again = None

    def wait_for_answer(self, sock: socket.socket) -> None:
        """Return when the socket can be read; called before the answer is.

        Raises:
            Overtaken: The second connection has answered.
            socket.timeout: The socket's own timeout is over.
        """
        again, timeout, clock = self._again, sock.gettimeout(), self._dialer.clock
        if again is None or not hasattr(sock, "fileno"):
            return
        began = clock()
        if self._answers_soon(sock, self._silence if timeout is None else timeout):
            return
        opener: Opener | None = None
        near, far = socket.socketpair()
        try:
            while True:
                silent = clock() - began
                if timeout is not None and silent >= timeout:
                    raise socket.timeout("The read operation timed out")
                if opener is not None:
                    opener.cancel()
                self._told(silent)
                opener = Opener(self._dialer, again, _close, far)
                pause = self._silence if timeout is None else min(self._silence, timeout - silent)
                if self._won(sock, near, opener, clock() + pause):
                    return
        except BaseException:
            if opener is not None and opener.answer is None:
                opener.cancel()
            raise
        finally:
            near.close()
            far.close()

    def _answers_soon(self, sock: socket.socket, timeout: float) -> bool:
        """Wait until a second connection is due; true if the first has answered.

        Raises:
            socket.timeout: It has not, and somebody else may have an answer.
        """
        clock = self._dialer.clock
        due = clock() + min(self._silence, timeout)
        if wait_readable([sock], min(SPARE_SILENCE, due - clock())):
            return True
        if self._leaves():
            raise socket.timeout("no answer, and somebody else may have one")
        return bool(wait_readable([sock], max(0.0, due - clock())))

    def _won(self, sock: socket.socket, near: socket.socket, opener: Opener, until: float) -> bool:
        """Wait for one of the two; True if the first connection answered."""
        clock = self._dialer.clock
        while clock() < until:
            ready = wait_readable([sock, near], until - clock())
            if sock in ready:
                opener.cancel()
                return True
            if near in ready:
                near.recv(16)
                if opener.done and opener.error is None:
                    self._answer = opener.answer
                    raise Overtaken
        return False


def _close(answer: Any) -> None:
    answer.close()
