"""What did the index say of a project when it last answered?

The rule: one file a page, a line about it and then the page as it came. The
line names length and hash of the page and is hashed itself, so that damage is
noticed. Anything damaged, too old or from the future is no page. Whether a
page may be kept and used at all is for the caller: only the origin over
verified TLS writes here, and nothing that needs credentials is kept.

The file's time says when the page was last known to be good. The highest
serial ever seen (PyPI's X-PyPI-Last-Serial) outlives the page by half a year,
since a mirror that shows an older one has fallen behind, or wants us back.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Callable, NamedTuple

from pip_resilient.policy.numbers import number
from pip_resilient.store.folder import COARSE

if TYPE_CHECKING:
    from pip_resilient.store.folder import Entry, Folder

SCHEMA = 1

LARGEST = 16 * 1024 * 1024
"""Bytes; a larger page is not kept."""

OLDEST = 7 * 86_400.0
"""Seconds after which a page is none any more."""

MARKS_KEPT = 180 * 86_400.0
"""Seconds after the last answer for which a serial is remembered."""

MOST = 256 * 1024 * 1024
"""Bytes for all pages together; the oldest go first."""

_NAME = r"[0-9a-f]{32}\Z"
_LINE = 1024
_SWEEP_EVERY = 86_400.0
_SWEPT = "swept"
_SWEPT_AT_ONCE = 1000


class Kept(NamedTuple):
    """A page that was good.

    Attributes:
        content: Its bytes.
        content_type: Its Content-Type.
        fetched_at: When it was last known to be good, seconds since 1970.
        serial: Its serial, or None.
    """

    content: bytes
    content_type: str
    fetched_at: float
    serial: int | None


class _About(NamedTuple):
    """What the line says; `digest` is empty where the page is gone and only the mark is left."""

    digest: str
    length: int
    content_type: str
    serial: int | None
    mark: int | None


class LastGood:
    """The last good page of every project, by index.

    Args:
        folder: Where they are kept; None: nothing is.
        wall_clock: Gives seconds since 1970.
        most: Bytes for all pages together.
    """

    def __init__(
        self, folder: Folder | None, wall_clock: Callable[[], float], most: int = MOST
    ) -> None:
        self._folder = folder
        self._now = wall_clock
        self._most = most
        self._swept = False

    def keep(
        self,
        index_url: str,
        project: str,
        content: bytes,
        content_type: str,
        serial: int | None = None,
    ) -> None:
        """Keep a page that has just come; one that is kept already only gets a new time.

        Args:
            index_url: The index, without userinfo.
            project: The project's normalised name (PEP 503).
            content: The page, decoded.
            content_type: Its Content-Type.
            serial: Its serial, where the index names one.
        """
        folder, now = self._folder, self._now()
        if folder is None:
            return
        name = _file_of(index_url, project)
        before = _about(folder, name)
        known = [one for one in (serial, before and before.mark) if one is not None]
        mark = max(known, default=None)
        about = _About(_digest(content), len(content), content_type, serial, mark)
        if len(content) > LARGEST or len(_line(name, about)) > _LINE:
            # The page before it is no longer the last one.
            about, content = _About("", 0, "", None, mark), b""
        if about == before and folder.touch(name, now):
            return
        self._sweep(folder, now)
        folder.write(name, _line(name, about) + content, now)

    def get(self, index_url: str, project: str) -> Kept | None:
        """Return the last good page, if there is one of the last 7 days."""
        folder, now = self._folder, self._now()
        if folder is None:
            return None
        name = _file_of(index_url, project)
        fetched_at = folder.mtime(name)
        if fetched_at is None or not -COARSE <= now - fetched_at <= OLDEST:
            return None
        data = folder.read(name, _LINE + LARGEST)
        line, _, content = (data or b"").partition(b"\n")
        about = _parsed(name, line)
        if about is None or len(content) != about.length or _digest(content) != about.digest:
            return None
        return Kept(content, about.content_type, min(fetched_at, now), about.serial)

    def mark(self, index_url: str, project: str) -> int | None:
        """Return the highest serial that the index ever named for a project, or None."""
        if self._folder is None:
            return None
        about = _about(self._folder, _file_of(index_url, project))
        return about.mark if about else None

    def _sweep(self, folder: Folder, now: float) -> None:
        """Remove what is too old or too much: once a day, when a page is written anyway."""
        if self._swept:
            return
        self._swept = True
        swept_at = folder.mtime(_SWEPT)
        if swept_at is not None and abs(now - swept_at) < _SWEEP_EVERY:
            return
        folder.write(_SWEPT, b"", now)
        folder.sweep(now)
        entries = [entry for entry in folder.entries() if re.match(_NAME, entry.name)]
        for entry in _too_many(entries, now, self._most)[:_SWEPT_AT_ONCE]:
            _shed(folder, entry, now)


def is_own(name: str) -> bool:
    """Tell whether a file of this room is one of ours; the folder may be one of the user's."""
    return name == _SWEPT or re.match(_NAME, name) is not None


def _too_many(entries: list[Entry], now: float, most: int) -> list[Entry]:
    """Return the files to shed, oldest first: old ones, and what is above the cap."""
    total = sum(entry.size for entry in entries)
    found = []
    for entry in sorted(entries, key=lambda one: one.mtime):
        age = now - entry.mtime
        old = age > (OLDEST if entry.size > _LINE else MARKS_KEPT)
        if old or total > most:
            found.append(entry)
            total -= entry.size
    return found


def _shed(folder: Folder, entry: Entry, now: float) -> None:
    """Remove a page, and leave its mark where that is not too old itself."""
    about = _about(folder, entry.name)
    if about is None or about.mark is None or now - entry.mtime > MARKS_KEPT:
        folder.remove(entry.name)
        return
    only_mark = _About("", 0, "", None, about.mark)
    folder.write(entry.name, _line(entry.name, only_mark), entry.mtime)


def _file_of(index_url: str, project: str) -> str:
    return _digest(f"{index_url}\n{project}".encode("utf-8", "replace"))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _line(name: str, about: _About) -> bytes:
    said = json.dumps([SCHEMA, *about]).encode("ascii")
    return _seal(name, said) + b" " + said + b"\n"


def _seal(name: str, said: bytes) -> bytes:
    return _digest(name.encode("ascii") + said).encode("ascii")


def _about(folder: Folder, name: str) -> _About | None:
    """Read the line alone."""
    start = folder.read_start(name, _LINE)
    return None if start is None else _parsed(name, start.partition(b"\n")[0])


def _parsed(name: str, line: bytes) -> _About | None:
    """Read the line; None unless this module wrote it for a file of this name."""
    seal, _, said = line.partition(b" ")
    if seal != _seal(name, said):
        return None
    try:
        schema, *values = json.loads(said)
        about = _About(*values)
    except (ValueError, TypeError, RecursionError):  # another version's
        return None
    digest, length, content_type, *counts = about
    sound = all(isinstance(one, str) for one in (digest, content_type))
    sound = sound and all(number(one) is not None for one in (length, *counts) if one is not None)
    return about if sound and schema == SCHEMA else None
