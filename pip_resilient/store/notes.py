"""Which bytes of an unfinished file are what they were when they were written?

The rule: those for which there is a note, a line with the sha256 of a stretch,
that matches what is there now. Nothing else is believed, neither the length of
the file nor that somebody wrote to it; a line that is no note, and a note that
does not match, are as good as none. Notes are only ever appended, by any
number of processes at once.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import re
from typing import NamedTuple

from pip_resilient.store.offsets import read_at

_LINE = rb"(?m)^1 (\d{1,19}) (\d{1,19}) (\d{1,19}) ([0-9a-f]{64})$"
"""Schema and what a `Note` says."""
_READ = 1024 * 1024
"""Bytes of notes that are read, the last ones; of a file of 2 GiB come a fifth of that."""
_PIECE = 256 * 1024
_HASHED = 4
"""How often the file's size is hashed at most: 2 is enough for notes that match."""


class Note(NamedTuple):
    """What was said of a stretch.

    Attributes:
        size: Of the whole file, in bytes.
        first: Offset of the stretch's first byte.
        end: Offset behind its last byte.
        digest: The sha256 of its bytes in lower-case hex.
    """

    size: int
    first: int
    end: int
    digest: str


def append(fd: int, note: Note) -> None:
    """Write a note to the end of a file opened for appending, in one go.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    # A line break before it as well: what a full disk has cut off, or a power cut made
    # zeros, is a line of its own.
    os.write(fd, f"\n1 {note.size} {note.first} {note.end} {note.digest}\n".encode("ascii"))


def read(fd: int) -> list[Note]:
    """Return the notes in a file, only the last ones if that is larger than notes make it.

    Raises:
        OSError: The disk cannot be read.
    """
    data = read_at(fd, max(0, os.fstat(fd).st_size - _READ), _READ)
    found = [
        Note(int(size), int(first), int(end), digest.decode("ascii"))
        for size, first, end, digest in re.findall(_LINE, data)
    ]
    return [note for note in found if note.first < note.end <= note.size]


def fitting(notes: list[Note], size: int, length: int) -> list[Note]:
    """Return the notes on a file of that size that speak of its first `length` bytes alone."""
    return [note for note in notes if note.size == size and note.end <= length]


def matching(fd: int, notes: list[Note]) -> list[tuple[int, int]]:
    """Return the stretches (first byte, behind the last) for which there are notes that match.

    Of all that begin where sound bytes are or end, the one that is said to
    reach farthest is looked at first. So no byte is hashed more than twice
    as long as notes match; what notes that do not match may cost is bounded.

    Args:
        fd: The file.
        notes: Those that are fitting.

    Returns:
        In order; no two of them overlap or touch.

    Raises:
        OSError: The disk cannot be read.
    """
    chains: dict[int, set[tuple[int, str]]] = {}
    for note in notes:
        chains.setdefault(note.first, set()).add((note.end, note.digest))
    reader = _Reader(fd, _HASHED * max((note.size for note in notes), default=0))
    firsts = sorted(chains, reverse=True)
    within: list[tuple[int, int]] = []
    found: list[tuple[int, int]] = []
    start = end = 0
    while firsts or within:
        if not within and firsts[-1] > end:
            found.append((start, end))
            start = end = firsts[-1]
        while firsts and firsts[-1] <= end:
            first = firsts.pop()
            heapq.heappush(within, (-max(chains[first])[0], first))
        farthest, first = heapq.heappop(within)
        if -farthest > end:
            end = max(end, reader.reach(first, chains[first]))
    found.append((start, end))
    return [(start, end) for start, end in found if start < end]


class _Reader:
    """Hashes what is there, and not for ever.

    Args:
        fd: The file.
        most: Bytes to be read at most.
    """

    def __init__(self, fd: int, most: int) -> None:
        self._fd = fd
        self._left = most

    def reach(self, first: int, ends: set[tuple[int, str]]) -> int:
        """Return the farthest end whose digest matches; `first` where none does."""
        hashed, position, reached = hashlib.sha256(), first, first
        for end, digest in sorted(ends):
            while position < end:
                piece = read_at(self._fd, position, min(_PIECE, end - position, self._left))
                if not piece:
                    return reached
                hashed.update(piece)
                position += len(piece)
                self._left -= len(piece)
            if hashed.hexdigest() == digest:
                reached = end
        return reached
