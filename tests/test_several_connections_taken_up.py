"""Does a download go on where one was broken off, and only with the right bytes?

A transfer is closed half-way, as when pip is interrupted, or what an earlier
run has left is made up; then the file is downloaded once more.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_resilient.events import Healed, TakenUp
from pip_resilient.store.notes import Note, append
from tests.faults import Fault, FlippedBit, RangeIgnored, RangeRefused, Reset, Silence, Status
from tests.several_connections import (
    CONTENT,
    OTHER,
    RATE,
    in_turn,
    kept,
    leave,
    nothing_left,
    outcome,
    playing,
    reading,
)
from tests.unfinished import sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = 600_000
SLACK = 0.1 * RATE + 65536
"""Bytes that a connection which is not wanted any more may have sent, at most."""

EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
CUTS = st.builds(Reset, st.integers(0, 300_000)) | st.builds(Silence, st.integers(0, 300_000))
REFUSALS = st.sampled_from([RangeIgnored(), RangeRefused(), Status(502)])


def break_off(state: str, size: int, script: list[Any], at: int) -> int:
    """Begin a download and close it where pip has read so much; return what was sent."""
    with nothing_left():
        return _break_off(state, CONTENT[:size], script, at)


def _break_off(state: str, content: bytes, script: list[Any], at: int) -> int:
    with playing(script, state) as (server, pip):
        url = server.put("/demo-1.0.whl", content)
        with reading(pip, url, sha256(content)) as response:
            got = b""
            while len(got) < at:
                got += response.raw.read(10_000)
        assert got == content[: len(got)]
        return server.bytes_sent()


@settings(EXAMPLES, max_examples=6)
@given(
    size=st.integers(200_000, 1_000_000),
    shares=st.lists(st.floats(0.1, 0.95), min_size=1, max_size=3),
    faults=st.lists(CUTS, max_size=4),
)
def test_what_came_is_not_sent_again(size: int, shares: list[float], faults: list[Fault]) -> None:
    """However often it is broken off."""
    with tempfile.TemporaryDirectory() as state:
        sent = [break_off(state, size, in_turn(faults), int(one * size)) for one in shares]
        done = outcome(size, in_turn(faults), state)

    assert done.got == CONTENT[:size]
    assert done.left == []
    opened = 4 * (len(shares) + 1) + len(faults) * (len(shares) + 1) + len(done.log)
    assert sum(sent) + done.sent <= size + opened * SLACK


def test_a_download_that_was_broken_off_late_sends_little() -> None:
    """Even once all has come, and pip has not taken it yet."""
    with tempfile.TemporaryDirectory() as state:
        for at in (600_000, 800_000, 990_000):
            break_off(state, 1_000_000, in_turn([]), at)
        done = outcome(1_000_000, in_turn([]), state)

    assert done.got == CONTENT[:1_000_000]
    assert done.left == []
    assert done.sent <= 200_000


def stretches(size: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Some stretches of a file, in order, none of which touches the next."""
    offsets = st.lists(st.integers(0, size), min_size=2, max_size=12, unique=True).map(sorted)
    return offsets.map(lambda found: list(zip(found[::2], found[1::2])))


def test_all_but_the_beginning_is_of_use(tmp_path: Path) -> None:
    """The connection that brings the beginning may be the one whose bytes were not noted."""
    leave(str(tmp_path), SIZE, [(3, SIZE)])
    done = outcome(SIZE, in_turn([]), str(tmp_path))

    assert done.got == CONTENT[:SIZE]
    assert [seen.header("Range") for seen in done.log] == ["bytes=0-2"]
    assert done.sent == 3


@settings(EXAMPLES, max_examples=10)
@given(data=st.data(), faults=st.lists(CUTS | REFUSALS, max_size=5))
def test_whatever_is_left_is_of_use(data: st.DataObject, faults: list[Fault]) -> None:
    with tempfile.TemporaryDirectory() as state:
        left = data.draw(stretches(SIZE))
        leave(state, SIZE, left)
        done = outcome(SIZE, in_turn(faults), state)

    assert done.got == CONTENT[:SIZE]
    if not faults:
        known = sum(end - first for first, end in left)
        assert done.sent <= SIZE - known + len(done.log) * SLACK


def test_what_lies_behind_a_gap_counts_as_saved(tmp_path: Path) -> None:
    """Several connections leave gaps; the first of them is where it goes on."""
    leave(str(tmp_path), SIZE, [(0, 100_000), (200_000, 500_000)])
    done = outcome(SIZE, in_turn([]), str(tmp_path))

    assert done.got == CONTENT[:SIZE]
    assert [one.offset for one in done.happened if isinstance(one, TakenUp)] == [100_000]
    assert [one.saved for one in done.happened if isinstance(one, Healed)] == [400_000]


# What lies on the disk is not what was put there.

HALF = SIZE // 2


def _flip(path: Path, _: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def _forge(path: Path, notes: Path) -> None:
    """Change bytes, and the notes with them."""
    _flip(path, notes)
    data = path.read_bytes()
    notes.write_bytes(b"")
    with notes.open("ab") as file:
        append(file.fileno(), Note(SIZE, 0, len(data), hashlib.sha256(data).hexdigest()))


def _other_size(path: Path, notes: Path) -> None:
    data = path.read_bytes()
    with notes.open("ab") as file:
        append(file.fileno(), Note(SIZE + 1, 0, len(data), hashlib.sha256(data).hexdigest()))


def _smaller(path: Path, notes: Path) -> None:
    data = path.read_bytes()
    notes.write_bytes(b"")
    with notes.open("ab") as file:
        append(file.fileno(), Note(HALF, 0, HALF, hashlib.sha256(data[:HALF]).hexdigest()))


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "flipped": _flip,
    "zeros": lambda path, _: path.write_bytes(bytes(path.stat().st_size)),
    "cut": lambda path, _: os.truncate(path, HALF - 100_000),
    "empty": lambda path, _: os.truncate(path, 0),
    "longer": lambda path, _: path.write_bytes(path.read_bytes() + OTHER[:1_000_000]),
    "another": lambda path, _: path.write_bytes(OTHER[:HALF]),
    "gone": lambda path, _: path.unlink(),
    "a folder": lambda path, _: (path.unlink(), path.mkdir()),
    "a link": lambda path, _: (path.unlink(), path.symlink_to("/dev/zero")),
    "no notes": lambda _, notes: notes.unlink(),
    "empty notes": lambda _, notes: os.truncate(notes, 0),
    "cut notes": lambda _, notes: os.truncate(notes, notes.stat().st_size - 5),
    "noise for notes": lambda _, notes: notes.write_bytes(OTHER[:5000]),
    "a folder for notes": lambda _, notes: (notes.unlink(), notes.mkdir()),
    "forged": _forge,
    "another size": _other_size,
    "a smaller size": _smaller,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_never_gives_wrong_bytes(tmp_path: Path, damage: str) -> None:
    leave(str(tmp_path), SIZE, [(0, HALF)])
    data, notes = (tmp_path / "partials" / name for name in kept(str(tmp_path)))
    DAMAGES[damage](data, notes)
    done = outcome(SIZE, in_turn([], 4 * RATE), str(tmp_path))

    assert done.got == CONTENT[:SIZE]


def test_bytes_that_go_bad_while_they_are_used_are_not_given_out(tmp_path: Path) -> None:
    """The digest is that of all bytes as they were handed on, those of the disk included."""
    leave(str(tmp_path), SIZE, [(0, HALF), (HALF + 50_000, SIZE - 50_000)])
    script = in_turn([FlippedBit(HALF + 10)])
    done = outcome(SIZE, script, str(tmp_path))

    assert done.got == CONTENT[:SIZE]
    assert done.left == []
    assert any(isinstance(event, TakenUp) for event in done.happened)
