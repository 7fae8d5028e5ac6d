"""Do several connections bring exactly the file, and leave nothing behind?

What goes wrong on each of them is drawn at random; a digest is known, since
nothing else would show that parts belong together.
"""

from __future__ import annotations

import errno
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_resilient.events import GaveUp
from pip_resilient.session import aside, lane
from pip_resilient.session.transfer import Transfer
from tests.faults import (
    BadChunkHeader,
    Fault,
    Fin,
    FlippedBit,
    IfRangeIgnored,
    MissingHeaders,
    NoLastChunk,
    OtherContent,
    OtherTotal,
    Pause,
    RangeIgnored,
    RangeRefused,
    Reset,
    Silence,
    Status,
    Throttle,
    Together,
    WrongOffset,
    unavailable,
)
from tests.several_connections import CONTENT, OTHER, RATE, TICK, in_turn, leave, outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults import Resource

SIZES = st.integers(500_000, 2_000_000)
RATES = st.sampled_from([1_000_000, 2_000_000, 4_000_000])
POSITIONS = st.sampled_from([0, 1, 4096, 65536]) | st.integers(0, 400_000)
FRAMINGS = st.sampled_from([{}, {}, {}, {"chunked": True, "chunk": 10_000}])
SECONDS = st.sampled_from([0.02, 0.1, 0.3])

EXAMPLES = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class OtherBytes(Fault):
    """The server holds other bytes, so many more than those that are wanted."""

    more: int = 0
    etag: str | None = None

    def change_resource(self, resource: Resource) -> Resource:
        content = OTHER[: len(resource.content) + self.more]
        return OtherContent(content, self.etag).change_resource(resource)


def breaks() -> st.SearchStrategy[Fault]:
    """What ends a connection, or keeps it waiting, and says nothing untrue."""
    return (
        st.builds(Reset, POSITIONS)
        | st.builds(Fin, POSITIONS)
        | st.builds(Silence, POSITIONS)
        | st.builds(Pause, POSITIONS, seconds=SECONDS)
        | st.builds(Pause, st.just(0), st.just("headers"), seconds=SECONDS)
        | st.sampled_from([Reset(20, "headers"), Fin(0, "headers"), Silence(0, "headers")])
    )


def refusals() -> st.SearchStrategy[Fault]:
    """Answers that are not what was asked for, and say so."""
    return st.sampled_from(
        [
            Status(404),
            Status(502),
            unavailable(1.0),
            RangeIgnored(),
            RangeRefused(),
            WrongOffset(-1000),
            WrongOffset(1),
            OtherTotal(1),
            MissingHeaders(("Content-Range",)),
            MissingHeaders(("Content-Length",)),
            NoLastChunk(3),
            BadChunkHeader(3),
        ]
    )


def lies(size: int) -> st.SearchStrategy[Fault]:
    """Answers that vouch for wrong bytes: nothing but a digest can tell."""
    said: list[Fault] = [
        WrongOffset(-1, honest=False),
        WrongOffset(1000, honest=False),
        OtherBytes(),
        OtherBytes(5),
        OtherBytes(-5),
        OtherBytes(etag='"other"'),
        Together((IfRangeIgnored(), OtherBytes(etag='"other"'))),
    ]
    return st.sampled_from(said) | st.builds(FlippedBit, st.integers(0, size - 1))


@settings(EXAMPLES, max_examples=10)
@given(size=SIZES, rate=RATES, framing=FRAMINGS, keeps=st.booleans(), data=st.data())
def test_wrong_bytes_never_reach_pip(
    size: int, rate: float, framing: dict[str, Any], keeps: bool, data: st.DataObject
) -> None:
    faults = data.draw(st.lists(breaks() | refusals() | lies(size), max_size=8))
    with tempfile.TemporaryDirectory() as state:
        done = outcome(size, in_turn(faults, rate), state if keeps else None, **framing)

    assert isinstance(done.got, str) or done.got == CONTENT[:size]
    assert isinstance(done.got, str) or done.left == []


@settings(EXAMPLES, max_examples=10)
@given(
    size=SIZES,
    rate=RATES,
    framing=FRAMINGS,
    keeps=st.booleans(),
    faults=st.lists(breaks(), max_size=8),
)
def test_a_link_that_comes_back_heals_every_break(
    size: int, rate: float, framing: dict[str, Any], keeps: bool, faults: list[Fault]
) -> None:
    with tempfile.TemporaryDirectory() as state:
        done = outcome(size, in_turn(faults, rate), state if keeps else None, **framing)

    assert done.got == CONTENT[:size]
    assert done.left == []
    assert done.sent <= size + len(done.log) * (0.1 * rate + 65536)


def test_nothing_is_sent_twice_where_nothing_breaks() -> None:
    """A connection that is cut short may bring a little more than is wanted of it."""
    done = outcome(1_500_000, in_turn([]))

    assert done.got == CONTENT[:1_500_000]
    assert len(done.log) > 2
    assert done.sent <= 1.1 * 1_500_000


# A host that sends the whole, whatever it is asked for.

SIZE = 500_000
GAPS = ((100_000, 120_000), (150_000, 200_000), (250_000, 260_000), (300_000, 350_000))
BEGINNING = ((0, 75_000), *GAPS[1:])


@pytest.mark.parametrize("stretches", [(), GAPS, BEGINNING], ids=["new", "gaps", "beginning"])
@pytest.mark.parametrize("honest", [0, 2])
@pytest.mark.parametrize("fault", [RangeIgnored(), RangeRefused()])
def test_the_whole_goes_on_through_what_is_known(
    tmp_path: Path, stretches: tuple[tuple[int, int], ...], honest: int, fault: Fault
) -> None:
    """It would be asked for anew behind each known stretch, and given up at the fifth time."""
    leave(str(tmp_path), SIZE, stretches)
    slow = Throttle(2 * RATE, TICK)
    refuses = Together((fault, slow)).when(ranged=True)
    script = [slow.when(ranged=True, first=honest), refuses, slow]
    done = outcome(SIZE, script, str(tmp_path))

    assert done.got == CONTENT[:SIZE]
    assert done.left == []
    assert done.sent <= 2.5 * SIZE


def test_what_is_skipped_is_no_silence() -> None:
    """A connection that has to repeat a long beginning would be cut as silent, again and again."""
    script = [Reset(450_000), *[RangeIgnored()] * 3]
    done = outcome(SIZE, in_turn(script, RATE // 2))

    assert done.got == CONTENT[:SIZE]
    assert len(done.log) <= 4  # two of them were to help


@pytest.mark.parametrize("status", [400, 403, 404, 410, 501])
def test_a_refusal_of_a_part_is_no_answer_to_pip(tmp_path: Path, status: int) -> None:
    """pip has asked for the whole, and a plain pip would have got it."""
    leave(str(tmp_path), SIZE, BEGINNING)
    done = outcome(SIZE, in_turn([Status(status)], 4 * RATE), str(tmp_path))

    assert done.got == CONTENT[:SIZE]


# The disk, and a stack that shows no socket.


@pytest.mark.parametrize("room", [0, 100_000, 400_000])
@pytest.mark.parametrize("stretches", [(), GAPS, BEGINNING], ids=["new", "gaps", "beginning"])
def test_a_full_disk_ends_nothing(
    tmp_path: Path, stretches: tuple[tuple[int, int], ...], room: int
) -> None:
    leave(str(tmp_path), SIZE, stretches)
    with mock.patch.object(aside.Aside, "_write", _full_after(room)):
        done = outcome(SIZE, in_turn([], 2 * RATE), str(tmp_path))

    assert done.got == CONTENT[:SIZE]


def test_no_room_for_what_is_withheld_is_told_at_once() -> None:
    """Nobody can bring what does not fit; the host would be asked until patience ends."""
    really = Transfer.accept

    def accept(self: Transfer, *data: Any, **more: Any) -> None:
        if self._lanes is not None and self.received > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        really(self, *data, **more)

    with mock.patch.object(Transfer, "accept", accept):
        done = outcome(SIZE, in_turn([]))

    assert "no space left on disk" in str(done.got)
    assert len(done.log) <= 8


def _full_after(room: int) -> Callable[..., bool]:
    really, written = aside.Aside._write, [0]

    def write(self: aside.Aside, offset: int, data: bytes | memoryview) -> bool:
        written[0] += len(data)
        return written[0] <= room and really(self, offset, data)

    return write


@settings(EXAMPLES, max_examples=4)
@given(room=st.integers(0, 600_000), faults=st.lists(breaks(), max_size=4))
def test_a_full_disk_and_a_bad_link_end_nothing(room: int, faults: list[Fault]) -> None:
    with mock.patch.object(aside.Aside, "_write", _full_after(room)):
        done = outcome(SIZE, in_turn(faults))

    assert done.got == CONTENT[:SIZE]


@pytest.mark.parametrize("stretches", [(), GAPS, BEGINNING], ids=["new", "gaps", "beginning"])
@pytest.mark.parametrize("faults", [[], [Reset(10_000)], [Fault(), Reset(10_000)]])
def test_without_a_socket_one_connection_brings_it(
    tmp_path: Path, stretches: tuple[tuple[int, int], ...], faults: list[Fault]
) -> None:
    """Through a proxy that is itself spoken to in TLS."""
    leave(str(tmp_path), SIZE, stretches)
    with mock.patch.object(lane.Lane, "_take_over", return_value=None):
        done = outcome(SIZE, in_turn(faults, 4 * RATE), str(tmp_path))

    assert done.got == CONTENT[:SIZE]
    assert not any(isinstance(event, GaveUp) for event in done.happened)
