"""Are exactly those bytes believed that were noted and are still there?

Any number of writers, crashes and damage in any order, against a model of one
byte in 65,536.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pip_resilient.store import notes
from pip_resilient.store.folder import Folder
from pip_resilient.store.notes import Note
from pip_resilient.store.partials import Partial, Partials
from tests.wall_clock import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

UNIT = 65_536
UNITS = 16
SIZE = UNIT * UNITS
CONTENT = Random(0).randbytes(SIZE).replace(b"\0", b"\1")
HEX = hashlib.sha256(CONTENT).hexdigest()


class World:
    """Writers of one file, and what must be known of it.

    Attributes:
        path: Where it lies.
        right: For every unit whether its bytes are there.
        lines: Of the notes that were appended, bytes and stretch; None: it is no note any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / f"sha256-{HEX}"
        self.side = path / f"sha256-{HEX}.notes"
        self.partials = Partials(Folder.open(str(path)), lambda: NOW)
        self.writers = [self.opened() for _ in range(3)]
        self.right = [False] * UNITS
        self.lines: list[tuple[int, tuple[int, int] | None]] = []

    def opened(self) -> Partial:
        found = self.partials.open("sha256", HEX, SIZE)

        assert found is not None
        return found

    def write(self, writer: int, first: int, count: int) -> None:
        end = min(UNITS, first + count)

        assert self.writers[writer].write(first * UNIT, CONTENT[first * UNIT : end * UNIT])
        self.right[first:end] = [True] * (end - first)

    def note(self, writer: int, first: int, count: int) -> None:
        """Note what is about to be there, or once was: whether it is will be seen."""
        self.write(writer, first, 1)
        before, end = self.side.stat().st_size, min(UNITS, first + count)
        content = CONTENT[first * UNIT : end * UNIT]
        said = hashlib.sha256(content).hexdigest()
        self.writers[writer].note(first * UNIT, end * UNIT, said)
        self.lines.append((self.side.stat().st_size - before, (first, end)))

    def crash(self, writer: int) -> None:
        self.writers[writer] = self.opened()

    def tear(self, writer: int, cut: int) -> None:
        """Crash in the midst of a note, the last one."""
        self.crash(writer)
        if self.lines and self.lines[-1][1] is not None:
            length = self.lines.pop()[0]
            cut = 2 + cut % (length - 2)  # a line break may be missing at the end
            os.truncate(self.side, self.side.stat().st_size - cut)
            self.lines.append((length - cut, None))

    def lose(self, first: int, count: int) -> None:
        """Lose bytes to zeros."""
        if self.path.exists():
            units = self.path.stat().st_size // UNIT
            with self.path.open("r+b") as file:
                for unit in range(first, min(units, first + count)):
                    file.seek(unit * UNIT)
                    file.write(bytes(UNIT))
                    self.right[unit] = False

    def cut(self, unit: int) -> None:
        if self.path.exists() and self.path.stat().st_size > unit * UNIT:
            os.truncate(self.path, unit * UNIT)
            self.right[unit:] = [False] * (UNITS - unit)

    def rubbish(self, data: bytes) -> None:
        if self.side.exists() and data:
            with self.side.open("ab") as file:
                file.write(data)
            self.lines.append((len(data), None))

    def expected(self) -> list[tuple[int, int]]:
        noted = [stretch for _, stretch in self.lines if stretch is not None]
        return joined(stretch for stretch in noted if all(self.right[slice(*stretch)]))

    def seen(self, writer: int) -> None:
        """Let one look, as the next run will."""
        found = self.writers[writer].stretches()

        assert [(one.first // UNIT, one.end // UNIT) for one in found] == self.expected()
        for first, end in found:
            assert self.writers[writer].read(first, end - first) == CONTENT[first:end]


def joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same units in as few stretches as there can be."""
    there = {unit for first, end in stretches for unit in range(first, end)}
    firsts = sorted(unit for unit in there if unit - 1 not in there)
    ends = sorted(unit + 1 for unit in there if unit + 1 not in there)
    return list(zip(firsts, ends))


writers = st.integers(0, 2)
units = st.integers(0, UNITS - 1)
counts = st.integers(1, UNITS)
steps = st.one_of(
    st.tuples(st.just("write"), writers, units, counts),
    st.tuples(st.just("note"), writers, units, counts),
    st.tuples(st.just("note"), writers, st.just(0), counts),
    st.tuples(st.just("crash"), writers),
    st.tuples(st.just("tear"), writers, st.integers(0, 200)),
    st.tuples(st.just("lose"), units, counts),
    st.tuples(st.just("cut"), units),
    st.tuples(st.just("rubbish"), st.binary(max_size=100)),
    st.tuples(st.just("seen"), writers),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40))
def test_what_is_believed_is_what_was_noted_and_is_there(
    played: list[tuple[Any, ...]],
) -> None:
    """Whatever else happened, and in whatever order."""
    with tempfile.TemporaryDirectory() as path, pytest.MonkeyPatch.context() as patch:
        # So many notes that do not match are a model's, not the world's.
        patch.setattr(notes, "_HASHED", 100)
        world = World(Path(path))
        for name, *arguments in played:
            getattr(world, name)(*arguments)
        world.writers.append(world.opened())
        world.seen(-1)


stretches = st.tuples(st.integers(0, 400), st.integers(1, 200)).map(lambda one: (one[0], sum(one)))


@settings(deadline=None)
@given(st.lists(stretches, max_size=100))
def test_notes_that_match_cost_two_readings_at_most(noted: list[tuple[int, int]]) -> None:
    """However they overlap: several processes began at several places."""
    content = CONTENT[:600]
    read: list[int] = []
    read_at = notes.read_at

    def counted(fd: int, offset: int, count: int) -> bytes:
        read.append(count)
        return read_at(fd, offset, count)

    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(content)
        file.flush()
        patch.setattr(notes, "read_at", counted)
        found = notes.matching(
            file.fileno(),
            [Note(600, *one, hashlib.sha256(content[slice(*one)]).hexdigest()) for one in noted],
        )

    assert found == joined(noted)
    assert sum(read) <= 2 * sum(end - first for first, end in found)


@given(st.binary(max_size=300))
def test_whatever_stands_there_is_read(data: bytes) -> None:
    """It gives notes or none, and no error."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        notes.append(file.fileno(), Note(10, 1, 2, "0" * 64))
        file.flush()

        assert all(note.first < note.end <= note.size for note in notes.read(file.fileno()))


@given(
    st.integers(0, 10**18), st.integers(1, 10**18), st.integers(0, 10**18), st.binary(max_size=99)
)
def test_any_note_comes_back_as_it_was(first: int, count: int, rest: int, before: bytes) -> None:
    """Behind whatever was there before it."""
    note = Note(first + count + rest, first, first + count, hashlib.sha256(before).hexdigest())
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(before)
        notes.append(file.fileno(), note)

        assert notes.read(file.fileno())[-1] == note
