"""What is remembered between runs, and how much is it?

The rule: only looked at, with nothing made and nothing asked of the network.
What is forgotten is a whole room of it; pip's own cache is not touched, nor a
file that no room has written: the folder may be one in which the user works.
"""

from __future__ import annotations

import math
import os
import shlex
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from pip_resilient.cli import kept
from pip_resilient.policy import breaker
from pip_resilient.store import hosts, last_good, partials, runs
from pip_resilient.store.folder import Folder, could_be_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOMS = {
    "hosts": "what was learnt of hosts",
    "pages": "last good index pages, with their serials",
    "partials": "unfinished downloads",
    "runs": "runs in which something happened",
}
"""Rooms of the folder, and what is in them."""
_OWN = {
    "hosts": hosts.is_own,
    "pages": last_good.is_own,
    "partials": partials.is_own,
    "runs": runs.is_own,
}
_NOTES = ".notes"
"""Beside each unfinished download (store/partials.py); it is no thing of its own."""


class Room(NamedTuple):
    """How much there is in a room.

    Attributes:
        name: One of `ROOMS`.
        things: How many there are.
        size: Bytes of all of them.
        newest: When the last of them was written, seconds since 1970, or None.
    """

    name: str
    things: int
    size: int
    newest: float | None


class Trouble(NamedTuple):
    """A host that is out of order.

    Attributes:
        place: The host, as `https://host:443`.
        state: `open`, `half-open` or `quarantined`.
        seconds: For so long still, at most; 0.0: it is tried with the next request.
        failures: Failures in a row.
    """

    place: str
    state: str
    seconds: float
    failures: int


class Refused(NamedTuple):
    """A folder that is there and is not used.

    Attributes:
        path: The folder.
        why: Why it is not.
        advice: What to do.
    """

    path: str
    why: str
    advice: str


def usable(folder: str | None) -> bool:
    """Tell whether what stands in the folder is used, or would be made; nothing is made."""
    if folder is None:
        return False
    if os.path.isdir(folder):
        return Folder.open(folder) is not None
    return not os.path.lexists(folder) and could_be_made(folder)


def refused(folder: str | None, names: Iterable[str] = ROOMS) -> list[Refused]:
    """Return the folder that is there and is not used, or those of its rooms.

    Args:
        folder: Where things are remembered.
        names: Of the rooms to look at.
    """
    if folder is None or not os.path.lexists(folder):
        return []
    if not usable(folder):
        return [_refused(folder)]
    paths = [(name, os.path.join(folder, name)) for name in names]
    there = [(name, path) for name, path in paths if os.path.lexists(path)]
    return [_refused(path) for name, path in there if kept.room(folder, name) is None]


def _refused(path: str) -> Refused:
    found, path = os.lstat(path), kept.shown(path)
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == getattr(os, "geteuid", lambda: 0)()
    if own and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Refused(path, "others may write to it", f"chmod go-w {shlex.quote(path)}")
    advice = "set PIP_RESILIENT_STATE_DIR to a folder of your own"
    return Refused(path, "it is no folder of this user's alone", advice)


def rooms(folder: str | None) -> list[Room]:
    """Return how much is remembered, room by room."""
    return [_room(folder, name) for name in ROOMS]


def _room(folder: str | None, name: str) -> Room:
    opened = kept.room(folder, name)
    there = opened.entries() if opened is not None else []
    entries = [entry for entry in there if _OWN[name](entry.name)]
    # What has no bytes in it only marks a moment.
    things = sum(entry.size > 0 and not entry.name.endswith(_NOTES) for entry in entries)
    newest = max((entry.mtime for entry in entries), default=None)
    return Room(name, things, sum(entry.size for entry in entries), newest)


def forget(folder: str | None, name: str) -> Room:
    """Empty a room, and return what was in it."""
    before, opened = _room(folder, name), kept.room(folder, name)
    if opened is not None:
        for entry in filter(_OWN[name], opened.names()):
            opened.remove(entry)
        opened.sweep(math.inf)
    return before


def troubles(folder: str | None, now: Callable[[], float] = time.time) -> list[Trouble]:
    """Return the hosts whose breaker is not closed, or that served wrong bytes."""
    found = [
        _trouble(place, health, now())
        for place, health in hosts.Hosts(kept.room(folder, "hosts"), now).known()
    ]
    return [one for one in sorted(found) if one.state != breaker.CLOSED.value]


def _trouble(place: str, health: breaker.Health, now: float) -> Trouble:
    state, left = breaker.stands(health, now), 0.0
    if breaker.quarantined(health, now) and health.wrong_at is not None:
        left = health.wrong_at + breaker.QUARANTINE - now
        return Trouble(place, "quarantined", left, health.failures)
    if state is breaker.OPEN and health.opened_at is not None:
        left = max(0.0, health.opened_at + health.cool_down - now)
    return Trouble(place, state.value, left, health.failures)


def unfinished(folder: str | None) -> list[partials.Held]:
    """Return the unfinished downloads, the one written last at the end."""
    return partials.Partials(kept.room(folder, "partials"), time.time).held()
