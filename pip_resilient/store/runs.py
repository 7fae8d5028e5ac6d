"""What was written down of the last runs in which something happened?

The rule: a file of lines for each, the last 20 of them, none larger than 1 MiB
and all together no larger than 4 MiB. Of a run that is larger the middle is
left out: how it began and how it ended says most. What may stand in a line is
for those to see to who write it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pip_resilient.store.folder import COARSE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pip_resilient.store.folder import Folder

KEPT = 20
LARGEST = 1 << 20
"""Bytes of one run."""
MOST = 4 << 20
"""Bytes of all runs together."""
_END = ".ndjson"
_NAME = r"[0-9]{1,15}-[0-9a-f]{6}\.ndjson\Z"
"""When the run began, and a word to tell it from others of that second."""


class Runs:
    """The runs that are kept.

    Args:
        folder: Where they are kept, or None: nowhere.
        wall_clock: Gives the seconds since 1970.
    """

    def __init__(self, folder: Folder | None, wall_clock: Callable[[], float]) -> None:
        self._folder = folder
        self._now = wall_clock

    def keep(self, name: str, lines: Sequence[str]) -> bool:
        """Keep a run, and let the oldest ones go; True if it was done.

        Args:
            name: Of the run, as `names` gives it.
            lines: Its records in ASCII, without the ends of lines; the first one always stays.
        """
        folder, now = self._folder, self._now()
        if folder is None:
            return False
        folder.sweep(now)
        data = "".join(line + "\n" for line in _within(lines, LARGEST))
        done = folder.write(name + _END, data.encode("ascii", "backslashreplace"), now)
        self._let_go(folder)
        return done

    def names(self) -> list[str]:
        """Return the names of the runs that are kept, the newest first.

        Those from the future are of a clock that was wrong, and come last.
        """
        if self._folder is None:
            return []
        latest = self._now() + COARSE
        entries = [entry for entry in self._folder.entries() if is_own(entry.name)]
        entries.sort(key=lambda one: (one.mtime <= latest, one.mtime, one.name), reverse=True)
        return [entry.name[: -len(_END)] for entry in entries]

    def read(self, name: str) -> list[str] | None:
        """Return the lines of a run, or None where there is no such run."""
        data = None if self._folder is None else self._folder.read(name + _END, LARGEST)
        return None if data is None else data.decode("ascii", "replace").splitlines()

    def _let_go(self, folder: Folder) -> None:
        sizes = {entry.name: entry.size for entry in folder.entries()}
        room = MOST
        for place, name in enumerate(self.names()):
            room -= sizes.get(name + _END, 0)
            if place >= KEPT or room < 0:
                folder.remove(name + _END)


def is_own(name: str) -> bool:
    """Tell whether a file of this room is one of ours; the folder may be one of the user's."""
    return re.match(_NAME, name) is not None


def _within(lines: Sequence[str], most: int) -> list[str]:
    """Return the lines, without their middle where they are more than so many bytes."""
    sizes = [len(line) + 1 for line in lines]
    left = most - sum(sizes[:1])
    if sum(sizes[1:]) <= left:
        return list(lines)
    first, last = 1, len(lines)
    begin = left // 2
    while first < last and sizes[first] <= begin:
        begin -= sizes[first]
        left -= sizes[first]
        first += 1
    while first < last and sizes[last - 1] <= left:
        last -= 1
        left -= sizes[last]
    return [*lines[:first], *lines[last:]]
