"""Are several connections opened, read, trimmed and closed as the plan says, whatever they do?

Sockets and threads are real; the plan is played, and so is the transfer.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.plan import Drop, Open
from pip_resilient.policy.ranges import Span
from pip_resilient.policy.silence import Silence
from pip_resilient.session import lanes as lanes_module
from pip_resilient.session.aside import Aside
from pip_resilient.session.connect import Dialer
from pip_resilient.session.continuation import Changed, Unanswered
from pip_resilient.session.elsewhere import Unusable
from pip_resilient.session.lane import Lane, PlainLane
from pip_resilient.session.lanes import Lanes
from pip_resilient.session.outcome import Broken, Surprise
from tests.several_connections import nothing_left
from tests.test_session_lane import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 1000
CONTENT = bytes(range(250)) * 4
LOST = Failure(Kind.RESET)
LONG = 5.0


class Plan:
    """A played plan: says what a test has put in, and keeps what it is told.

    Attributes:
        todo: What it says next.
        told: What it was told.
        wanted: Position and stop of each connection.
    """

    def __init__(self, *_: Any, received: int = 0, **__: Any) -> None:
        self.todo: list[Open | Drop] = []
        self.told: list[tuple[Any, ...]] = []
        self.wanted: dict[int, tuple[int, int]] = {0: (received, SIZE)}
        self.received = received
        self.alive = True
        self.widest = 3

    def position(self, number: int) -> int:
        return self.wanted[number][0] if number in self.wanted else self.received

    def stop(self, number: int) -> int:
        return self.wanted[number][1] if number in self.wanted else self.received

    def arrived(self, number: int, count: int, now: float) -> None:
        self.told.append(("arrived", number, count))
        if number in self.wanted:
            first, stop = self.wanted[number]
            self.wanted[number] = first + count, stop
            if first == self.received:
                self.received += count

    def opened(self, number: int, now: float, position: int | None = None) -> None:
        self.told.append(("opened", number, position))

    def failed(self, number: int, now: float, refused: bool = False) -> None:
        self.told.append(("failed", number, refused))
        self.wanted.pop(number, None)

    def no_ranges(self, source: int, now: float) -> None:
        self.told.append(("no ranges", source))

    def gone(self, source: int, now: float) -> None:
        self.told.append(("gone", source))

    def continued(self, now: float) -> int:
        self.wanted[9] = self.received, SIZE
        return 9

    def decide(self, now: float) -> list[Open | Drop]:
        said, self.todo = self.todo, []
        return said

    def pause(self, now: float) -> float:
        return LONG

    def silent(self, now: float) -> float:
        return 0.0

    def waited(self, number: int, now: float) -> float:
        return 0.0

    def speed(self, now: float) -> float:
        return 0.0


class Transfer:
    """A played transfer of `CONTENT`: takes bytes in their turn."""

    def __init__(self, answer: Callable[[int, int | None], Any]) -> None:
        self.span = Span(0, SIZE, SIZE)
        self.got = b""
        self.heard_of = 0
        self.run = SimpleNamespace(
            clock=SimpleNamespace(now=time.monotonic),
            dialer=Dialer(time.monotonic),
            widest={},
            may_hedge=lambda: True,
        )
        self.spares = mock.Mock()
        self.spares.named_sources.return_value = ["mirror"]
        self.spares.open_part.side_effect = lambda source, known, first, end, total: answer(
            first, end
        )
        self.exchange = mock.Mock(place="host.test")
        self.exchange.proxy.return_value = None
        self.exchange.detour.spares.return_value = self.spares
        self.continuation = mock.Mock(may_range=True)
        self.continuation.is_the_end.return_value = False
        self.continuation.ask.side_effect = answer
        self.continuation.changed.side_effect = lambda failure: ValueError(failure.said)
        self.verification = mock.MagicMock()

    @property
    def received(self) -> int:
        return len(self.got)

    @property
    def brought(self) -> int:
        return self.heard_of

    def may_be_spliced(self) -> bool:
        return True

    def accept(self, data: bytes, foreign: bool = False) -> None:
        self.got += data

    def grew(self, count: int, place: str | None = None) -> None:
        self.heard_of += count

    def heard(self) -> None:
        pass

    def skip(self, lane: Lane, data: memoryview, start: int) -> memoryview:
        return data[self.received - start :]


class Stage:
    """Lanes with a played plan and transfer, and the far ends of their connections.

    Attributes:
        answers: What is answered to those who open, in turn: an exception, a
            `Failure`, or a function that makes a lane.
        go: Openers get no answer before it is set.
    """

    def __init__(self, received: int = 0) -> None:
        self.lines: list[Line] = []
        self.made: list[Lane] = []
        self.answers: list[Any] = []
        self.go = threading.Event()
        self.go.set()
        self.transfer = Transfer(self._answer)
        self.transfer.got = CONTENT[:received]
        self.aside = Aside(None)
        with mock.patch.object(lanes_module, "Plan", Plan):
            front = self.lane(received, SIZE)
            rhythm = Silence(time.monotonic(), received, 150.0)
            self.lanes = Lanes(self.transfer, self.aside, front, rhythm)  # type: ignore[arg-type]
        self.plan: Any = self.lanes.plan
        self.plan.told.clear()

    def _answer(self, first: int, end: int | None) -> Any:
        self.go.wait(LONG)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Failure):
            return answer
        return self.lane(first, SIZE if end is None else end) if answer is None else answer()

    def lane(self, first: int, end: int, kind: type[Lane] = Lane) -> Lane:
        """Return an answer for these bytes, none of which has come."""
        line = Line()
        self.lines.append(line)
        head = b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n\r\n" % (end - first)
        up = line.answer(head)
        up._connection = line.client
        self.made.append(kind(up, Span(first, end, SIZE)))
        return self.made[-1]

    def send(self, number: int, data: bytes) -> None:
        """Let the connection that was opened at this place bring some bytes."""
        self.lines[number].server.sendall(data)

    def open(self, number: int, first: int, end: int, source: int = 0, **more: Any) -> None:
        """Have a connection opened, and wait until its answer has been looked at."""
        self.begin(number, first, end, source, **more)
        self.settle(number)

    def begin(self, number: int, first: int, end: int, source: int = 0, **more: Any) -> None:
        self.plan.wanted[number] = first, end
        self.plan.todo.append(Open(number, source, first, end, False, **more))
        self.lanes.bring()

    def settle(self, number: int) -> None:
        opener = self.lanes._opening.get(number)
        until = time.monotonic() + LONG
        while opener is not None and not opener.done and time.monotonic() < until:
            self.lanes.wait(time.monotonic() + 0.5)
        self.lanes.bring()

    def drop(self, number: int) -> None:
        self.plan.todo.append(Drop(number))
        self.lanes.bring()

    def bring_all(self) -> None:
        for _ in range(100):
            if self.transfer.received < SIZE:
                self.lanes.bring()

    def told(self, what: str) -> list[tuple[Any, ...]]:
        return [one[1:] for one in self.plan.told if one[0] == what]

    def close(self) -> None:
        self.go.set()
        self.lanes.close()
        self.aside.close()
        for thread in threading.enumerate():
            if thread.name.startswith("pip-resilient-"):
                thread.join(LONG)
        for line in self.lines:
            line.server.close()
            assert line.client.fileno() == -1 or line is self.kept()
            line.client.close()

    def kept(self) -> Line | None:
        """Return the connection that was given back for the next request, if any."""
        return next((line for line, lane in zip(self.lines, self.made) if lane.done), None)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with nothing_left():
        yield from _staged()


def _staged() -> Iterator[Stage]:
    with contextlib.closing(Stage()) as made:
        yield made


# What comes.


def test_bytes_in_their_turn_go_on_and_all_others_wait(stage: Stage) -> None:
    stage.open(1, 500, 1000)
    stage.send(0, CONTENT[:100])
    stage.send(1, CONTENT[500:600])

    assert stage.lanes.bring()
    assert stage.transfer.got == CONTENT[:100]
    assert stage.aside.next(500) == CONTENT[500:600]
    assert sorted(stage.told("arrived")) == [(0, 100), (1, 100)]
    assert stage.transfer.heard_of == 200
    assert not stage.lanes.bring()


def test_nothing_behind_the_stop_is_taken(stage: Stage) -> None:
    """Somebody else has it, or brings it."""
    stage.plan.wanted[0] = 0, 50
    stage.send(0, CONTENT[:100])
    stage.lanes.bring()

    assert stage.transfer.got == CONTENT[:50]
    stage.send(0, CONTENT[100:200])
    stage.lanes.bring()
    assert stage.transfer.got == CONTENT[:50]
    assert stage.told("arrived") == [(0, 50), (0, 0)]


def test_nothing_before_the_position_is_taken(stage: Stage) -> None:
    """It is known already."""
    stage.open(1, 500, 1000)
    stage.plan.wanted[1] = 550, 1000
    stage.send(1, CONTENT[500:600])
    stage.lanes.bring()

    assert stage.aside.known() == [(550, 600)]


def test_a_connection_that_is_gone_for_the_plan_brings_nothing(stage: Stage) -> None:
    """The plan has said so in the same moment, and is heard a little later."""
    del stage.plan.wanted[0]
    stage.send(0, CONTENT[:100])
    stage.lanes.bring()

    assert stage.transfer.got == b""
    assert stage.aside.known() == []


def test_where_nothing_can_be_put_aside_only_the_front_goes_on(stage: Stage) -> None:
    """The disk is full; pip's own file may be elsewhere."""
    stage.open(1, 500, 1000)
    with mock.patch.object(Aside, "_write", return_value=False):
        stage.send(1, CONTENT[500:600])
        stage.lanes.bring()
        stage.send(0, CONTENT[:100])
        stage.lanes.bring()

    assert stage.told("failed") == [(1, False)]
    assert stage.told("no ranges") == [(0,)]
    assert stage.transfer.got == CONTENT[:100]
    assert stage.lanes.failure.transient


def test_a_disk_that_cannot_withhold_ends_all_at_once(stage: Stage) -> None:
    """No connection helps; asked anew, the host would be blamed as long as patience lasts."""
    stage.open(1, 500, 1000)
    full = OSError(errno.ENOSPC, "No space left on device")
    stage.plan.todo.append(Open(2, 0, 100, 500, False))
    stage.send(0, CONTENT[:100])
    with mock.patch.object(Transfer, "accept", side_effect=full):
        stage.lanes.bring()
    stage.lanes.bring()

    assert stage.lanes.failure.kind is Kind.DISK
    assert not stage.lanes.alive
    assert len(stage.lines) == 2


# What the plan says.


def test_a_dropped_connection_is_closed(stage: Stage) -> None:
    stage.open(1, 500, 1000)
    stage.drop(1)
    stage.lines[1].server.settimeout(LONG)

    assert stage.lines[1].server.recv(1) == b""
    assert stage.lines[1].client.fileno() == -1


def test_one_that_was_read_to_its_end_is_given_back(stage: Stage) -> None:
    stage.open(1, 500, 600)
    stage.send(1, CONTENT[500:600])
    stage.plan.todo.append(Drop(1))
    stage.lanes.bring()

    assert stage.lines[1].client.fileno() != -1
    assert stage.made[1].up.released == 1


@pytest.mark.parametrize("kind", [Lane, PlainLane])
def test_an_answer_that_comes_after_the_drop_is_closed(stage: Stage, kind: type[Lane]) -> None:
    stage.go.clear()
    stage.answers = [lambda: stage.lane(500, 1000, kind)]
    stage.begin(1, 500, 1000)
    stage.drop(1)
    stage.go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("pip-resilient-"):
            thread.join(LONG)

    assert stage.lines[1].client.fileno() == -1
    assert stage.told("opened") == []


# What comes of opening.


def test_an_answer_wakes_whoever_waits(stage: Stage) -> None:
    stage.go.clear()
    stage.begin(1, 500, 1000)
    threading.Timer(0.1, stage.go.set).start()
    began = time.monotonic()
    stage.lanes.wait(None)

    assert time.monotonic() - began < LONG / 2
    stage.settle(1)
    assert stage.told("opened") == [(1, 500)]


def test_a_connection_that_answers_is_read_at_once(stage: Stage) -> None:
    """What came along with its headers lies in no socket: nothing would wake whoever waits."""

    def with_bytes() -> Lane:
        lane = stage.lane(500, 1000)
        lane._early = CONTENT[500:600]
        return lane

    stage.answers = [with_bytes]
    stage.begin(1, 500, 1000)
    opener = stage.lanes._opening[1]
    while not opener.done:
        stage.lanes.wait(None)

    assert stage.lanes.bring()
    assert stage.lanes.bring()
    assert stage.aside.known() == [(500, 600)]
    assert not stage.lanes.bring()


def test_who_does_not_answer_is_lost(stage: Stage) -> None:
    stage.answers = [Unanswered(ConnectionResetError())]
    stage.open(1, 500, 1000)

    assert stage.told("failed") == [(1, False)]
    assert stage.lanes.failure.kind is Kind.RESET


def test_who_answers_with_an_error_has_refused(stage: Stage) -> None:
    stage.answers = [Failure(Kind.STATUS, status=503)]
    stage.open(1, 500, 1000)

    assert stage.told("failed") == [(1, True)]
    assert stage.lanes.failure.status == 503


@pytest.mark.parametrize("kind", [Kind.STACK, Kind.DISK, Kind.CERTIFICATE])
def test_what_is_permanent_on_one_more_connection_does_not_end_the_others(
    stage: Stage, kind: Kind
) -> None:
    """The host itself has answered; once nobody is left it is asked anew, and that counts."""
    stage.answers = [Failure(kind)]
    stage.open(1, 500, 1000)

    assert stage.lanes.failure.transient


def test_a_mirror_that_has_nothing_is_not_asked_again(stage: Stage) -> None:
    stage.answers = [Unusable(LOST)]
    stage.open(1, 500, 1000, source=1)

    assert stage.told("gone") == [(1,)]
    stage.transfer.spares.fed_badly.assert_called_once_with("mirror", LOST)


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (Changed(Failure(Kind.CHANGED, "now")), ValueError),
        (Broken(LOST), Broken),
        (Surprise(KeyError("x")), Surprise),
        (KeyError("x"), KeyError),
        (MemoryError(), MemoryError),
    ],
)
def test_what_ends_a_body_is_raised_in_pip_s_thread(
    stage: Stage, error: BaseException, seen: type[BaseException]
) -> None:
    stage.answers = [error]
    stage.begin(1, 500, 1000)

    with pytest.raises(seen):
        stage.settle(1)


def test_the_whole_is_taken_at_the_front(stage: Stage) -> None:
    """Its beginning is skipped, and the plan knows where it begins."""
    stage.send(0, CONTENT[:100])
    stage.lanes.bring()
    stage.answers = [lambda: stage.lane(0, SIZE)]
    stage.open(1, 100, SIZE, beside=0)
    stage.send(1, CONTENT[:200])
    stage.lanes.bring()

    assert stage.told("opened") == [(1, 0)]
    assert stage.transfer.got == CONTENT[:200]
    stage.transfer.exchange.healing.overtaken.assert_called_once_with(100, 0)


def test_no_more_is_said_to_be_saved_than_has_come(stage: Stage) -> None:
    """Where a connection stood says nothing of the bytes before it: others may yet bring them."""
    healing = stage.transfer.exchange.healing
    stage.open(1, 500, 1000)
    stage.send(0, CONTENT[:100])
    stage.send(1, CONTENT[500:600])
    stage.lanes.bring()
    stage.open(2, 600, 1000, beside=1)
    stage.send(2, CONTENT[600:650])
    stage.lanes.bring()

    healing.overtaken.assert_called_once_with(600, 200)
    stage.lines[2].server.close()
    stage.lanes.bring()
    healing.lost_one.assert_called_once_with(mock.ANY, 650, 250)


@pytest.mark.parametrize("source", [0, 1])
def test_the_whole_for_a_part_elsewhere_is_refused(stage: Stage, source: int) -> None:
    """It would bring again what others bring."""
    stage.answers = [lambda: stage.lane(0, SIZE)]
    stage.open(1, 500, 1000, source=source)

    assert stage.told("no ranges") == [(source,)]
    assert stage.told("failed") == [(1, True)]
    assert stage.lines[1].client.fileno() == -1


def test_a_connection_without_a_socket_has_nobody_beside_it(stage: Stage) -> None:
    """While it is read, nobody can look at the others."""
    stage.answers = [lambda: stage.lane(500, 1000, PlainLane)]
    stage.open(1, 500, 1000)

    assert stage.told("failed") == [(1, True)]
    assert stage.lines[1].client.fileno() == -1


def test_a_connection_without_a_socket_may_be_the_only_one(stage: Stage) -> None:
    def answer() -> Lane:
        made = stage.lane(0, SIZE, PlainLane)
        stage.send(1, CONTENT)
        return made

    stage.drop(0)
    stage.answers = [answer]
    stage.open(1, 0, SIZE)
    stage.bring_all()

    assert stage.transfer.got == CONTENT


# What breaks.


def test_one_that_breaks_is_closed_and_the_others_go_on(stage: Stage) -> None:
    stage.open(1, 500, 1000)
    stage.lines[1].server.close()
    assert stage.lanes.bring()
    stage.send(0, CONTENT[:100])
    stage.lanes.bring()

    assert stage.told("failed") == [(1, False)]
    assert stage.lines[1].client.fileno() == -1
    assert stage.lanes.failure.kind is Kind.TRUNCATED
    assert stage.transfer.got == CONTENT[:100]


def test_a_second_one_that_breaks_says_nothing_of_the_first(stage: Stage) -> None:
    stage.lanes.failure = LOST
    stage.answers = [Failure(Kind.STATUS, status=503)]
    stage.open(1, 0, SIZE, beside=0)

    assert stage.lanes.failure == LOST


def test_all_can_be_given_up_at_once(stage: Stage) -> None:
    stage.open(1, 500, 700)
    stage.go.clear()
    stage.begin(2, 700, 1000)
    stage.lanes.kill_all(LOST)

    assert sorted(stage.told("failed")) == [(0, False), (1, False), (2, False)]
    assert stage.lanes.failure == LOST
    assert all(line.client.fileno() == -1 for line in stage.lines)
    stage.lanes.continued(stage.lane(0, SIZE))
    stage.send(2, CONTENT)
    stage.bring_all()

    assert stage.transfer.got == CONTENT


def test_one_opened_by_patience_that_repeats_the_beginning_says_so(stage: Stage) -> None:
    """Otherwise the next known stretch would end it, and the whole would be asked for again."""
    stage.send(0, CONTENT[:100])
    stage.lanes.bring()
    stage.lanes.kill_all(LOST)
    stage.lanes.continued(stage.lane(0, SIZE))

    assert stage.told("no ranges") == [(0,)]


# The end.


def _nothing(stage: Stage) -> None:
    pass


def _opening(stage: Stage) -> None:
    stage.go.clear()
    stage.begin(1, 500, 1000)


def _answered(stage: Stage) -> None:
    stage.begin(1, 500, 1000)
    until = time.monotonic() + LONG
    while not stage.lanes._opening[1].done and time.monotonic() < until:
        time.sleep(0.001)  # noqa: TID251


def _open(stage: Stage) -> None:
    stage.open(1, 500, 1000)


def _broken(stage: Stage) -> None:
    _open(stage)
    stage.lines[1].server.close()


def _killed(stage: Stage) -> None:
    _open(stage)
    stage.lanes.kill_all(LOST)


def _raised(stage: Stage) -> None:
    stage.answers = [KeyError("x")]
    stage.begin(1, 500, 1000)
    with pytest.raises(KeyError):
        stage.settle(1)


def _closed(stage: Stage) -> None:
    _open(stage)
    stage.lanes.close()


@pytest.mark.parametrize(
    "state", [_nothing, _opening, _answered, _open, _broken, _killed, _raised, _closed]
)
def test_closed_in_any_state_nothing_is_left(state: Callable[[Stage], None]) -> None:
    """No socket, and no thread."""
    with nothing_left():
        with contextlib.closing(Stage()) as stage:
            state(stage)
        assert stage.transfer.run.widest == {"host.test": 3}
        assert all(line.client.fileno() == -1 for line in stage.lines)
        del stage
