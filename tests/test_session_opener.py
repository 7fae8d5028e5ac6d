"""Does a second connection come, win or go, and leave nothing behind?"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.session.connect import Dialer
from pip_resilient.session.opener import First, Opener, ask_beside
from pip_resilient.session.watch import Overtaken, Watch, wait_readable

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 10.0


class Answer:
    """Stands for an answer; knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def dialer() -> Dialer:
    return Dialer(time.monotonic)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends: near, far."""
    near, far = socket.socketpair()
    near.settimeout(LONG)
    with contextlib.closing(near), contextlib.closing(far):
        yield near, far


Pair = tuple[socket.socket, socket.socket]


def opener_of(dialer: Dialer, ask: Any, wake: socket.socket) -> Opener:
    return Opener(dialer, ask, Answer.close, wake)


# Opener.


def test_an_answer_wakes_who_waits_for_it(dialer: Dialer, pair: Pair) -> None:
    """Whoever polls would find it up to ten seconds late."""
    near, far = pair
    answer = Answer()
    opener = opener_of(dialer, lambda: answer, far)

    assert near.recv(1) == b"!"
    assert opener.done
    assert opener.answer is answer


def test_an_error_is_carried_to_pip_s_thread(dialer: Dialer, pair: Pair) -> None:
    """An exception in a thread prints a traceback that nobody understands."""
    near, far = pair

    def ask() -> None:
        raise OSError("no")

    opener = opener_of(dialer, ask, far)
    near.recv(1)

    assert isinstance(opener.error, OSError)
    assert opener.answer is None


def test_an_opener_asks_for_a_fresh_connection(dialer: Dialer, pair: Pair) -> None:
    """Another request on the silent connection would be silent, too."""
    near, far = pair
    seen = []

    def ask() -> None:
        seen.append((dialer.asking.fresh, dialer.asking.opener))

    opener = opener_of(dialer, ask, far)
    near.recv(1)

    assert seen == [(True, opener)]
    assert (dialer.asking.fresh, dialer.asking.opener) == (False, None)


def test_an_answer_that_comes_after_the_cancel_is_thrown_away(dialer: Dialer, pair: Pair) -> None:
    """It would keep its connection open until pip ends."""
    near, far = pair
    go, answer = threading.Event(), Answer()

    def ask() -> Answer:
        go.wait(LONG)
        return answer

    opener = opener_of(dialer, ask, far)
    opener.cancel()
    go.set()

    assert answer.closed.wait(LONG)
    assert opener.cancelled()
    near.setblocking(False)
    with pytest.raises(BlockingIOError):
        near.recv(1)


def test_an_answer_that_came_before_the_cancel_is_thrown_away(dialer: Dialer, pair: Pair) -> None:
    """The same, the other way round."""
    near, far = pair
    answer = Answer()
    opener = opener_of(dialer, lambda: answer, far)
    near.recv(1)
    opener.cancel()

    assert answer.closed.is_set()
    assert opener.answer is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cancel_cuts_what_is_waited_for(dialer: Dialer, pair: Pair, when: str) -> None:
    """A thread in the midst of a TLS handshake would stay for the read timeout."""
    _, far = pair
    ours, theirs = socket.socketpair()
    ours.settimeout(LONG)
    opened, cancelled, ended = threading.Event(), threading.Event(), threading.Event()

    def ask() -> None:
        if when == "before":
            cancelled.wait(LONG)
        dialer.asking.opener.opened(ours)
        opened.set()
        ours.recv(1)
        ended.set()

    with contextlib.closing(ours), contextlib.closing(theirs):
        opener = opener_of(dialer, ask, far)
        if when == "after":
            opened.wait(LONG)
        opener.cancel()
        cancelled.set()

        assert ended.wait(LONG)
        theirs.settimeout(LONG)
        assert theirs.recv(1) == b""


def test_a_second_handle_is_not_left_open(dialer: Dialer, pair: Pair) -> None:
    """With a duplicate open, closing the connection would not tell the server."""
    near, far = pair
    ours, theirs = socket.socketpair()
    with contextlib.closing(theirs):
        opener_of(dialer, lambda: dialer.asking.opener.opened(ours), far)
        near.recv(1)
        ours.close()
        theirs.settimeout(LONG)

        assert theirs.recv(1) == b""


class Wrapped:
    """Stands for urllib3's TLS within TLS, which has its socket and is none."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def fileno(self) -> int:
        return self.socket.fileno()


def test_what_only_has_a_socket_is_cut_too(dialer: Dialer, pair: Pair) -> None:
    """So it is behind a proxy that is spoken to over TLS."""
    near, far = pair
    ours, theirs = socket.socketpair()
    with contextlib.closing(theirs), contextlib.closing(ours):
        opener = opener_of(dialer, lambda: dialer.asking.opener.opened(Wrapped(ours)), far)
        near.recv(1)
        assert opener.error is None
        opener.cancel()


def test_a_cancel_may_come_twice(dialer: Dialer, pair: Pair) -> None:
    """It comes from `finally` and from `except`."""
    near, far = pair
    opener = opener_of(dialer, Answer, far)
    near.recv(1)
    opener.cancel()
    opener.cancel()


# Waiting.


def test_only_what_is_readable_is_returned(pair: Pair) -> None:
    """A read on the other would block."""
    near, far = pair
    near.send(b"x")

    assert wait_readable([near, far], LONG) == [far]
    assert wait_readable([near], 0.0) == []


@pytest.mark.parametrize("polls", [True, False])
def test_a_moment_that_has_passed_is_not_waited_for(
    pair: Pair, polls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time goes on between two looks at the clock; `select`, as on Windows, would raise."""
    if not polls:
        monkeypatch.delattr(select, "poll", raising=False)

    assert wait_readable([pair[0]], -0.001) == []


def test_an_end_is_readable(pair: Pair) -> None:
    """A closed connection would be waited for in vain."""
    near, far = pair
    far.close()

    assert wait_readable([near], LONG) == [near]


# Watch.


class Silence:
    """A request whose first connection is silent, watched with a short threshold."""

    def __init__(self, dialer: Dialer, near: socket.socket, silence: float = 0.05) -> None:
        self.near = near
        self.asked = 0
        self.told: list[float] = []
        self.second: Any = Answer
        self.watch = Watch(dialer, self.told.append, silence)

    def get(self) -> object:
        return self.watch.first_answer(self._ask)

    def _ask(self) -> object:
        self.asked += 1
        if self.asked > 1:
            return self.second()
        waits = self.watch.wait_for_answer(self.near)
        assert waits is not None
        waits(lambda: True)
        return self.near.recv(10)


def test_an_answer_in_time_needs_no_second_connection(dialer: Dialer, pair: Pair) -> None:
    """A server must not be asked twice for nothing."""
    near, far = pair
    far.send(b"first")
    silence = Silence(dialer, near, LONG)

    assert silence.get() == b"first"
    assert silence.told == []


def test_the_second_connection_may_win(dialer: Dialer, pair: Pair) -> None:
    """A connection that died in silence would cost a minute."""
    near, _ = pair
    silence = Silence(dialer, near)

    assert isinstance(silence.get(), Answer)
    assert silence.asked == 2
    assert silence.told[0] >= 0.05


def test_the_first_connection_may_still_win(dialer: Dialer, pair: Pair) -> None:
    """A server that is only slow would be asked for ever anew."""
    near, far = pair
    late = Answer()
    answered = threading.Event()
    silence = Silence(dialer, near)

    def second() -> Answer:
        far.send(b"first")
        answered.wait(LONG)
        return late

    silence.second = second

    assert silence.get() == b"first"
    answered.set()
    assert late.closed.wait(LONG)


def test_a_second_connection_that_fails_does_not_end_the_first(dialer: Dialer, pair: Pair) -> None:
    """A host with one working address must not lose it."""
    near, far = pair
    silence = Silence(dialer, near)

    def second() -> None:
        if silence.asked == 3:
            far.send(b"first")
        raise OSError("refused")

    silence.second = second

    assert silence.get() == b"first"
    assert silence.asked == 3


def test_silence_ends_with_the_read_timeout(dialer: Dialer, pair: Pair) -> None:
    """The user's own limit holds, however many connections are silent."""
    near, _ = pair
    near.settimeout(1.0)
    go = threading.Event()
    silence = Silence(dialer, near)
    silence.second = lambda: go.wait(LONG)
    with pytest.raises(socket.timeout):
        silence.get()
    go.set()

    assert silence.asked >= 2


def test_an_answer_as_the_time_is_over_is_not_left_open(dialer: Dialer, pair: Pair) -> None:
    """Nobody would close its connection."""
    answer, moments = Answer(), [0.0, 0.0, LONG, LONG]

    def clock() -> float:
        for thread in threading.enumerate():
            if thread.name == "pip-resilient-opener":
                thread.join(LONG)
        return moments.pop(0)

    dialer.clock, first = clock, First(pair[0], lambda: True, 0.0)
    with pytest.raises(socket.timeout):
        ask_beside(dialer, lambda: answer, lambda silent: None, 1.0, first)

    assert answer.closed.is_set()


def test_outside_a_request_nothing_is_watched(dialer: Dialer, pair: Pair) -> None:
    """CONNECT has its answer read by the same function."""
    near, _ = pair
    told: list[float] = []

    assert Watch(dialer, told.append, 0.0).wait_for_answer(near) is None
    assert told == []


def test_being_overtaken_is_no_error_that_urllib3_would_translate() -> None:
    """As an OSError it would be a lost connection, and the answer would be lost with it."""
    assert not issubclass(Overtaken, OSError)
