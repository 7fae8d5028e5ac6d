"""Does an answer begin, or is it time to ask a second time?

The rule: whoever waits for an answer looks at the socket, and never blocks on
it; whether what came is an answer's beginning, the first read of it decides. A
healthy run only waits; what is done about silence is the business of the
`Opener`.
"""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing
from pip_resilient.policy.patience import ANSWER_SILENCE, SPARE_SILENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.session.connect import Dialer

    Waits = Callable[[Callable[[], bool]], None]


def wait_readable(socks: list[socket.socket], timeout: float) -> list[socket.socket]:
    """Wait until one of several sockets can be read.

    Args:
        socks: Any sockets, TLS ones included: look at `pending` first.
        timeout: Seconds; below 0, where the moment has passed meanwhile: 0.

    Returns:
        Those that can be read; empty when the time is over.
    """
    if not hasattr(select, "poll"):
        return select.select(socks, [], [], max(0.0, timeout))[0]
    poll = select.poll()
    by_number = {sock.fileno(): sock for sock in socks}
    for number in by_number:
        poll.register(number, select.POLLIN)
    milliseconds = int(max(0.0, timeout) * 1000 + 0.999)
    return [by_number[number] for number, _ in poll.poll(milliseconds)]


def handle_of(sock: Any) -> socket.socket | None:
    """Return a second handle of a connection, to be closed by whoever asks; None where none is.

    Not by `dup`, which TLS sockets refuse. urllib3's TLS within TLS (its
    `SSLTransport`, 1.26 and 2.x) is no socket, but has one.
    """
    while sock is not None and not isinstance(sock, socket.socket):
        sock = getattr(sock, "socket", None)
    return None if sock is None else socket.fromfd(sock.fileno(), sock.family, sock.type)


class Overtaken(Exception):  # good news
    """The second connection answered first."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


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

    def first_answer(self, ask: Callable[[], Any]) -> Any:
        """Send a request by `ask` and return the first answer of the two."""
        self._again = ask
        try:
            return ask()
        except Overtaken as overtaken:
            return overtaken.answer
        finally:
            self._again = None

    def wait_for_answer(self, sock: socket.socket) -> Waits | None:
        """Begin to wait; called before the answer is read.

        Returns:
            What the first read is to wait with; None: it just reads. It is
            given what reads without blocking and tells whether anything came,
            an end or an answer's first byte, and returns once that was so.
            It raises `Overtaken` where the second connection has answered,
            and socket.timeout where the socket's own timeout is over.
        """
        again = self._again
        if again is None or not hasattr(sock, "fileno"):
            return None
        began, timeout = self._dialer.clock(), sock.gettimeout()

        def waits(arrives: Callable[[], bool]) -> None:
            if self._answers_soon(sock, arrives, self._silence if timeout is None else timeout):
                return
            first = wing.opener.First(sock, arrives, began)
            wing.opener.ask_beside(self._dialer, again, self._told, self._silence, first)

        return waits

    def _answers_soon(
        self, sock: socket.socket, arrives: Callable[[], bool], timeout: float
    ) -> bool:
        """Wait until a second connection is due; true if the first has answered.

        Raises:
            socket.timeout: It has not, and somebody else may have an answer.
        """
        clock = self._dialer.clock
        due = clock() + min(self._silence, timeout)
        spare_due = min(clock() + SPARE_SILENCE, due)
        if _arrives_until(spare_due, sock, arrives, clock):
            return True
        if self._leaves():
            raise socket.timeout("no answer, and somebody else may have one")
        return _arrives_until(due, sock, arrives, clock)


def _arrives_until(
    due: float, sock: socket.socket, arrives: Callable[[], bool], clock: Callable[[], float]
) -> bool:
    """Wait for the first byte of an answer; what else makes a socket readable is none."""
    while wait_readable([sock], due - clock()):
        if arrives():
            return True
        if clock() >= due:
            break
    return False
