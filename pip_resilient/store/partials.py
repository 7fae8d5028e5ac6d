"""What is kept of a download that did not reach its end?

The rule: bytes are worth what a note says that matches them. Every writer puts
the file's own bytes where they belong and notes, in a second file beside it,
the sha256 of stretches that are written; a reader hashes what is there and
believes nothing else. So writers need no lock, whatever is damaged (a power
cut, a full disk, another's hand) is as good as none, and the worst that comes
of it is that bytes are fetched again.

The whole file's digest names both files and nothing else does: the same bytes
are the same download, wherever they come from. Nothing here ever raises, and
whether the whole is right is for the caller to judge.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resilient.store import notes
from pip_resilient.store.offsets import read_at, write_at

if TYPE_CHECKING:
    from pip_resilient.store.folder import Entry, Folder

SMALLEST = 1024 * 1024
"""Bytes; a smaller file is sooner fetched again."""

MOST = 2 * 1024 * 1024 * 1024
"""Bytes for all unfinished files together; the oldest go first."""

SHARE = 10
"""They take no more than this part of what would be free without them: one in so many."""

KEPT = 7 * 86_400.0
"""Seconds after which a file that nobody has written to is removed."""

BUSY = 60.0
"""Seconds since it was last written in which a file never makes room for another one."""

_NAME = r"[a-z0-9]{1,7}-[0-9a-f]{32,128}\Z"
_NOTES = ".notes"


class Stretch(NamedTuple):
    """Some bytes of a file.

    Attributes:
        first: Offset of the first one.
        end: Offset behind the last one.
    """

    first: int
    end: int


class Held(NamedTuple):
    """An unfinished file, as it is told to people.

    Attributes:
        digest: That of the whole file, as `sha256:` and hex.
        size: Of the whole file, in bytes; 0 where no note says it.
        kept: Bytes of it that are there and noted; whether they are right is not looked at.
        mtime: When it was last written, seconds since 1970.
    """

    digest: str
    size: int
    kept: int
    mtime: float


class Partials:
    """The unfinished files of one user.

    Args:
        folder: Where they are kept; None: nothing is.
        wall_clock: Gives seconds since 1970.
        most: Bytes for all of them together.
    """

    def __init__(
        self, folder: Folder | None, wall_clock: Callable[[], float], most: int = MOST
    ) -> None:
        self._folder = folder
        self._now = wall_clock
        self._most = most

    def open(self, algorithm: str, value: str, size: int) -> Partial | None:
        """Return what is kept of a file, to be continued; makes nothing on the disk yet.

        Others that are too old are removed, and as many more, the oldest
        first, as this one needs to be kept whole.

        Args:
            algorithm: Of the digest of the whole file.
            value: The digest in lower-case hex.
            size: Of the whole file, in bytes.

        Returns:
            None where nothing can be kept, or is not worth it.
        """
        name = f"{algorithm}-{value}"
        if self._folder is None or size < SMALLEST or re.match(_NAME, name) is None:
            return None
        if not self._make_room(self._folder, name, size):
            return None
        return Partial(self._folder, name, size)

    def left_of(self, algorithm: str, value: str) -> Partial | None:
        """Return what is kept of a file whose size only its notes tell; None: nothing is."""
        digest = f"{algorithm}:{value}"
        sizes = [one.size for one in self.held() if one.digest == digest and one.kept]
        return self.open(algorithm, value, sizes[0]) if sizes else None

    def held(self) -> list[Held]:
        """Return all unfinished files, the one written last at the end."""
        if self._folder is None:
            return []
        found = sorted(_pairs(self._folder), key=lambda pair: pair.mtime)
        return [_held(self._folder, pair) for pair in found if pair.length is not None]

    def _make_room(self, folder: Folder, name: str, size: int) -> bool:
        """Remove what is too old or too much; True if a file of this size may be kept beside."""
        now, pairs, free = self._now(), _pairs(folder), folder.free()
        most = self._most
        if free is not None:  # what they take themselves would be free without them
            most = min(most, (free + _sum(pairs)) // SHARE)
        others = [pair for pair in pairs if pair.name != name]
        going = _too_many(others, now, most - size)
        fits = _sum(others) - _sum(going) <= most - size
        if not fits:  # nothing has to go for a file that is not kept
            going = _too_many(others, now, most)
        for pair in going:
            _remove(folder, pair.name)
        return fits


class Partial:
    """One unfinished file. Made by `Partials.open`.

    Attributes:
        size: Of the whole file, in bytes.
    """

    def __init__(self, folder: Folder, name: str, size: int) -> None:
        self.size = size
        self._folder = folder
        self._name = name
        # Once open they stay so: if another process finishes the file, this one goes on
        # with what nobody else sees any more.
        self._data: int | None = None
        self._side: int | None = None
        self._takes = True
        self._closed = False

    def stretches(self) -> list[Stretch]:
        """Return what is kept and matches its notes, in order; no two of them touch.

        Reads and hashes the bytes: as many as are noted, twice at most where
        notes overlap.
        """
        self._open(make=False)
        data, side = self._data, self._side
        if data is None or side is None:
            return []
        try:
            known = notes.fitting(notes.read(side), self.size, os.fstat(data).st_size)
            return [Stretch(first, end) for first, end in notes.matching(data, known)]
        except OSError:  # a disk that cannot be read
            return []

    def write(self, offset: int, data: bytes | memoryview) -> bool:
        """Put bytes where they belong in the file.

        Returns:
            Whether it was done. If not (the disk is full, the folder is gone),
            nothing is written any more; what is there can still be read.
        """
        if not self._takes:
            return False
        within = 0 <= offset <= self.size - len(data)
        if within and (self._data is None or self._side is None):
            self._open(make=True)
        self._takes = within and self._data is not None and self._side is not None
        if self._takes and self._data is not None:
            try:
                write_at(self._data, offset, data)
            except OSError:
                self._takes = False
        return self._takes

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes that were written here or are kept; fewer where some are missing."""
        self._open(make=False)
        if self._data is None:
            return b""
        try:
            return read_at(self._data, offset, min(count, self.size - offset))
        except OSError:  # a disk that cannot be read
            return b""

    def note(self, first: int, end: int, digest: str) -> None:
        """Note that the bytes [first, end) are written, so that they can be told from others.

        Notes that begin at the same byte are hashed in one go: a longer one
        costs a reader no more than what it adds to the shorter ones, and
        those remain for the case that only the end is damaged.

        Args:
            first: Offset of the first byte.
            end: Offset behind the last byte.
            digest: Their sha256 in lower-case hex.
        """
        if not self._takes or self._side is None:
            return
        try:
            notes.append(self._side, notes.Note(self.size, first, end, digest))
        except OSError:
            self._takes = False

    def remove(self) -> None:
        """Remove it: it has been given out whole, or was wrong; more of it needs another `open`."""
        self.close()
        _remove(self._folder, self._name)

    def close(self) -> None:
        """Leave what is there for another time; nothing is read or written any more."""
        self._closed, self._takes = True, False
        for fd in (self._data, self._side):
            if fd is not None:
                os.close(fd)
        self._data = self._side = None

    def __del__(self) -> None:
        self.close()

    def _open(self, *, make: bool) -> None:
        """Open what is not open yet."""
        if self._closed:
            return
        if self._data is None:
            self._data = self._folder.open_file(self._name, make=make)
        if self._side is None and self._data is not None:
            self._side = self._folder.open_file(self._name + _NOTES, make=make, append=True)


def is_own(name: str) -> bool:
    """Tell whether a file of this room is one of ours; the folder may be one of the user's."""
    return re.match(_NAME, name.removesuffix(_NOTES)) is not None


class _Pair(NamedTuple):
    """A file and its notes.

    Attributes:
        name: That of the file.
        size: Bytes of both together.
        mtime: When either was last written.
        length: Bytes of the file itself; None where there are only notes.
    """

    name: str
    size: int
    mtime: float
    length: int | None


def _pairs(folder: Folder) -> list[_Pair]:
    found: dict[str, list[Entry]] = {}
    for entry in folder.entries():
        name = entry.name.removesuffix(_NOTES)
        if re.match(_NAME, name):
            found.setdefault(name, []).append(entry)
    return [
        _Pair(
            name,
            sum(one.size for one in both),
            max(one.mtime for one in both),
            next((one.size for one in both if one.name == name), None),
        )
        for name, both in found.items()
    ]


def _sum(pairs: list[_Pair]) -> int:
    return sum(pair.size for pair in pairs)


def _too_many(pairs: list[_Pair], now: float, room: int) -> list[_Pair]:
    """Return what has to go: old ones (or of a clock that was wrong), and what is above the cap."""
    total = _sum(pairs)
    found = []
    for pair in sorted(pairs, key=lambda one: abs(now - one.mtime), reverse=True):
        age = abs(now - pair.mtime)
        if age > KEPT or (total > room and age > BUSY):
            found.append(pair)
            total -= pair.size
    return found


def _remove(folder: Folder, name: str) -> None:
    """Remove a file and its notes."""
    folder.remove(name)
    folder.remove(name + _NOTES)


def _held(folder: Folder, pair: _Pair) -> Held:
    fd, known = folder.open_file(pair.name + _NOTES, make=False), list[notes.Note]()
    if fd is not None:
        try:
            known = notes.read(fd)
        except OSError:
            known = []
        finally:
            os.close(fd)
    size = known[-1].size if known else 0
    kept = reached = 0
    for note in sorted(notes.fitting(known, size, pair.length or 0), key=lambda note: note.first):
        kept += max(0, note.end - max(note.first, reached))
        reached = max(note.end, reached)
    return Held(pair.name.replace("-", ":"), size, kept, pair.mtime)
