"""Where may anything be kept, and how is it read and replaced?

The rule: only in a folder that belongs to this user alone, below pip's cache,
and never at the price of an error: wherever it is not safe or not possible
there is no folder, a read gives None and a write False. Another user's file,
a symbolic link and a file that others may write are as good as none.

Everything is reached through the open folder (`dir_fd`), so that nobody can
put another one in its place; where the platform has no such calls (Windows),
by path. Files are replaced by renaming, without fsync: after a power cut one
may be empty or zeros, so whoever reads must know damage when he sees it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_AT = os.open in os.supports_dir_fd and os.listdir in os.supports_fd and hasattr(os, "O_NOFOLLOW")
"""Whether files can be reached through an open folder."""

_EUID = os.geteuid() if hasattr(os, "geteuid") else None

_READ = os.O_RDONLY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
for _flag in ("O_NOFOLLOW", "O_CLOEXEC", "O_NOINHERIT", "O_BINARY", "O_NOCTTY"):
    _READ |= getattr(os, _flag, 0)
    _WRITE |= getattr(os, _flag, 0)
_READ |= getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its writer
_FOLDER = _READ | getattr(os, "O_DIRECTORY", 0)

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,135}(\.[a-z0-9]{1,6})?\Z"
"""A whole sha512 fits in, and all of it in the 143 bytes that eCryptfs allows."""

_TEMPORARY = ".writing-"
_DEAD = 3600.0
"""Seconds after which the writer of a temporary file is dead or stuck."""


COARSE = 2.0
"""Seconds by which a file system may round a file's time up (FAT)."""


class Entry(NamedTuple):
    """A file in a folder.

    Attributes:
        name: Its name.
        size: In bytes.
        mtime: Seconds since 1970.
    """

    name: str
    size: int
    mtime: float


class Folder:
    """An open folder that belongs to this user alone. Made by `Folder.open`."""

    def __init__(self, path: str, fd: int | None) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def open(cls, path: str) -> Folder | None:
        """Open a folder, made with mode 0700 if it is missing.

        As in pip (`utils/filesystem.py`, `check_path_owner`), root keeps
        nothing below a folder of somebody else: it would not be able to
        write there any more.

        Args:
            path: An absolute path. Its parents may be links, it must not.

        Returns:
            None where it cannot be made or is not this user's alone.
        """
        try:
            path = os.path.abspath(path)
            parent = os.path.dirname(path)
            if _EUID == 0 and _owner_above(path) != 0:
                return None
            os.makedirs(parent, exist_ok=True)
            return cls._entered(path, path, None)
        except (OSError, ValueError):
            return None

    def sub(self, name: str) -> Folder | None:
        """Open a folder within this one, under the same conditions."""
        if not _is_name(name):
            return None
        try:
            return self._entered(os.path.join(self.path, name), self._at(name), self._fd)
        except OSError:
            return None

    @classmethod
    def _entered(cls, path: str, at: str, parent_fd: int | None) -> Folder | None:
        with contextlib.suppress(OSError):  # it may be there; opening it will tell
            os.mkdir(at, 0o700, dir_fd=parent_fd)
        if not _AT:
            return cls(path, None) if _is_ours(os.lstat(path), stat.S_ISDIR) else None
        fd = os.open(at, _FOLDER, dir_fd=parent_fd)
        if _is_ours(os.fstat(fd), stat.S_ISDIR):
            return cls(path, fd)
        os.close(fd)
        return None

    def __del__(self) -> None:
        if self._fd is not None:
            os.close(self._fd)

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes; None if there is none, or one of more than `most` bytes."""
        found = self.read_start(name, most + 1)
        return found if found is not None and len(found) <= most else None

    def read_start(self, name: str, most: int) -> bytes | None:
        """Return a file's first bytes, at most so many; None if there is none."""
        fd = self._opened(name, _READ)
        if fd is None:
            return None
        try:
            return _read(fd, most)
        except OSError:
            return None
        finally:
            os.close(fd)

    def open_file(self, name: str, *, make: bool, append: bool = False) -> int | None:
        """Open a file for reading and writing in place; the caller closes it.

        Processes that make one of this name at once all get the same file.

        Args:
            name: Its name.
            make: Whether to make it where there is none, or one that is not
                this user's alone, which goes.
            append: Whether every write goes to its end.

        Returns:
            A file descriptor, or None.
        """
        flags = _READ | os.O_RDWR | (os.O_CREAT if make else 0) | (os.O_APPEND if append else 0)
        fd = self._opened(name, flags)
        if fd is None and make and _is_name(name) and self._is_foreign(name):
            fd = self._opened(name, flags) if self._unlink(name) else None
        return fd

    def write(self, name: str, data: bytes, mtime: float | None = None) -> bool:
        """Put a file in the place of what was there; others see the old one or the new one.

        Args:
            name: Its name.
            data: All of it.
            mtime: Its time, seconds since 1970; None: that of the file system.

        Returns:
            Whether it was done. If not, what was there is still there.
        """
        if not _is_name(name):
            return False
        # A name of its own for every write: two writers never share a file.
        temporary = f"{_TEMPORARY}{os.getpid()}-{os.urandom(8).hex()}"
        try:
            fd = os.open(self._at(temporary), _WRITE, 0o600, dir_fd=self._fd)
        except OSError:
            return False
        try:
            try:
                _write(fd, data)
            finally:
                os.close(fd)
            if mtime is not None:
                os.utime(self._at(temporary), (mtime, mtime), dir_fd=self._fd)
            os.replace(
                self._at(temporary), self._at(name), src_dir_fd=self._fd, dst_dir_fd=self._fd
            )
        except (OSError, OverflowError, ValueError):
            self._unlink(temporary)
            return False
        return True

    def mtime(self, name: str) -> float | None:
        """Return the time of a file, seconds since 1970; None if there is none."""
        found = self._entry(name) if _is_name(name) else None
        return found.mtime if found else None

    def free(self) -> int | None:
        """Return how many bytes this user may still write to the disk; None: unknown (Windows)."""
        if not hasattr(os, "statvfs"):
            return None
        try:
            found = os.statvfs(self.path if self._fd is None else self._fd)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def touch(self, name: str, mtime: float) -> bool:
        """Give a file that is there another time; True if it was done."""
        if self.mtime(name) is None:
            return False
        try:
            os.utime(self._at(name), (mtime, mtime), dir_fd=self._fd)
        except (OSError, OverflowError, ValueError):
            return False
        return True

    def remove(self, name: str) -> bool:
        """Remove a file; True if it was there and is gone."""
        return _is_name(name) and self._unlink(name)

    def names(self) -> list[str]:
        """Return the names of all files and folders, temporary ones aside."""
        return [name for name in self._listed() if _is_name(name)]

    def entries(self) -> list[Entry]:
        """Return all files that are this user's alone, in no order."""
        found = [self._entry(name) for name in self.names()]
        return [entry for entry in found if entry is not None]

    def sweep(self, now: float) -> None:
        """Remove what dead writers have left behind."""
        for name in self._listed():
            if name.startswith(_TEMPORARY):
                entry = self._entry(name)
                if entry is None or not abs(now - entry.mtime) < _DEAD:
                    self._unlink(name)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else os.path.join(self.path, name)

    def _listed(self) -> list[str]:
        try:
            return os.listdir(self.path if self._fd is None else self._fd)
        except OSError:
            return []

    def _entry(self, name: str) -> Entry | None:
        try:
            found = os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)
        except OSError:
            return None
        if not _is_ours(found, stat.S_ISREG):
            return None
        return Entry(name, found.st_size, found.st_mtime)

    def _is_foreign(self, name: str) -> bool:
        """Tell whether something stands there that is no file of this user's alone."""
        try:
            found = os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)
        except OSError:
            return False
        return not _is_ours(found, stat.S_ISREG) or found.st_nlink > 1

    def _opened(self, name: str, flags: int) -> int | None:
        """Open a file, if it is this user's alone."""
        # Where links cannot be refused on opening, they are looked for before.
        if not _is_name(name) or (self._fd is None and self._is_foreign(name)):
            return None
        try:
            fd = os.open(self._at(name), flags, 0o600, dir_fd=self._fd)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            found = os.fstat(fd)
            # What has another name too, in a snapshot say, is not changed in place.
            if _is_ours(found, stat.S_ISREG) and (found.st_nlink <= 1 or not flags & os.O_RDWR):
                return fd
        os.close(fd)
        return None

    def _unlink(self, name: str) -> bool:
        try:
            os.unlink(self._at(name), dir_fd=self._fd)
        except OSError:
            return False
        return True


def could_be_made(path: str) -> bool:
    """Tell whether `Folder.open` could make a folder that is missing; nothing is made."""
    above = os.path.dirname(os.path.abspath(path))
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above) or not os.access(above, os.W_OK | os.X_OK):
        return False
    return _EUID != 0 or os.stat(above).st_uid == 0


def _is_name(name: str) -> bool:
    """Tell whether it names a file in the folder itself, on every platform."""
    return re.match(_NAME, name) is not None


def _owner_above(path: str) -> int:
    """Return who owns the nearest folder above that is there."""
    while True:
        parent = os.path.dirname(path)
        try:
            return os.stat(parent).st_uid
        except FileNotFoundError:
            if parent == path:
                raise
            path = parent


def _is_ours(found: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    """Tell whether it is of that kind, and nobody else's to own or to write."""
    if not is_kind(found.st_mode):
        return False
    if _EUID is None:  # Windows: the profile's access list keeps others out
        return not getattr(found, "st_reparse_tag", 0)
    return found.st_uid == _EUID and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(fd: int, most: int) -> bytes:
    """Read up to so many bytes, or to the end."""
    first = os.read(fd, most)
    if len(first) == most or not first:
        return first
    parts, left = [first], most - len(first)
    while left and (part := os.read(fd, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
