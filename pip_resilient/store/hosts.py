"""What did other processes and earlier runs learn of a host?

The rule: one small file a host, read, changed and replaced whole, without
locks: of two changes at once the later stands, and the worst that comes of it
is one request more to a dead host. Whatever is not exactly what this module
writes (damaged, foreign, another schema, from the future) is unknown. A host
that is healthy has no file, so a healthy run writes nothing.

Where there is no folder, or it takes no more, the same is remembered for this
run alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any, Callable

from pip_resilient.policy import breaker
from pip_resilient.policy.breaker import Health

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure
    from pip_resilient.store.folder import Folder

SCHEMA = 1

KEPT = 7 * 86_400.0
"""Seconds after which a file that nobody has changed is removed."""

FRESH = 1.0
"""Seconds for which what was read of a host is not read again."""

_NAME = r"[0-9a-f]{32}\.json\Z"
_MOST = 4096
_SWEPT_AT_ONCE = 100
_MOMENTS = ("failed_at", "opened_at", "probe_at", "wrong_at")


class Hosts:
    """The health of every host, shared with the processes that use the same folder.

    A *place* is the name of one host, `https://host:443` (`policy.origins.host_of`).
    It is written to disk, so no password may be part of it.

    Args:
        folder: Where it is kept; None: in memory, for this run.
        wall_clock: Gives seconds since 1970.
    """

    def __init__(self, folder: Folder | None, wall_clock: Callable[[], float]) -> None:
        self._folder = folder
        self._now = wall_clock
        self._known: dict[str, tuple[float, Health]] = {}
        self._swept = False

    def health_of(self, place: str) -> Health:
        """Return what is known of a host, by this process or another one up to 1 s ago."""
        now = self._now()
        read_at, health = self._known.get(place, (math.inf, Health()))
        if self._folder is None or 0.0 <= now - read_at < FRESH:
            return breaker.as_of(health, now)
        return self._fresh(place, now)

    def failed(self, place: str, failure: Failure, *, spare_answered: bool = False) -> None:
        """Note a failure; arguments as of `policy.breaker.failed`."""
        now = self._now()
        before = self._fresh(place, now)
        self._keep(
            place, before, breaker.failed(before, failure, now, spare_answered=spare_answered), now
        )

    def answered(self, place: str) -> None:
        """Note a sound answer. Of a host that is not known to have failed it costs nothing."""
        now = self._now()
        known = self.health_of(place)
        if known != breaker.answered(known, now):
            before = self._fresh(place, now)
            self._keep(place, before, breaker.answered(before, now), now)

    def probing(self, place: str) -> None:
        """Note that a host is about to be asked: if its breaker is half-open, by the one probe."""
        now = self._now()
        known = self.health_of(place)
        if known != breaker.probing(known, now):
            before = self._fresh(place, now)
            self._keep(place, before, breaker.probing(before, now), now)

    def served_wrong(self, place: str) -> None:
        """Note wrong bytes, a short body or a contradicting page."""
        now = self._now()
        before = self._fresh(place, now)
        self._keep(place, before, breaker.served_wrong(before, now), now)

    def known(self) -> list[tuple[str, Health]]:
        """Return every host of which something still holds, in no order; for people."""
        now, folder = self._now(), self._folder
        if folder is None:
            found = [(place, health) for place, (_, health) in self._known.items()]
        else:
            found = [_record(folder.read(name, _MOST) or b"") for name in folder.names()]
        held = [(place, breaker.as_of(health, now)) for place, health in found]
        return [(place, health) for place, health in held if health != Health()]

    def _fresh(self, place: str, now: float) -> Health:
        """Return what is known now."""
        if self._folder is None:
            health = self._known.get(place, (now, Health()))[1]
        else:
            data = self._folder.read(_file_of(place), _MOST)
            health = Health() if data is None else _parsed(data, place)
        health = breaker.as_of(health, now)
        self._known[place] = now, health
        return health

    def _keep(self, place: str, before: Health, health: Health, now: float) -> None:
        self._known[place] = now, health
        if self._folder is None or health == before:
            return
        name = _file_of(place)
        if health == Health():
            kept = self._folder.remove(name) or self._folder.mtime(name) is None
        else:
            kept = self._folder.write(name, _written(health, place), now)
            self._sweep(self._folder, now)
        if not kept:  # full or read-only: what stands there is old from now on
            self._folder = None

    def _sweep(self, folder: Folder, now: float) -> None:
        """Remove some of what is old, once a run, and only in a run that writes anyway."""
        if self._swept:
            return
        self._swept = True
        folder.sweep(now)
        own = [name for name in folder.names() if is_own(name)]
        for name in own[:_SWEPT_AT_ONCE]:
            mtime = folder.mtime(name)
            if mtime is not None and now - mtime > KEPT:
                folder.remove(name)


def is_own(name: str) -> bool:
    """Tell whether a file of this room is one of ours; the folder may be one of the user's."""
    return re.match(_NAME, name) is not None


def _file_of(place: str) -> str:
    digest = hashlib.blake2b(place.encode("utf-8", "replace"), digest_size=16)
    return f"{digest.hexdigest()}.json"


def _written(health: Health, place: str) -> bytes:
    record = {"schema": SCHEMA, "place": place, **health._asdict()}
    return json.dumps(record).encode("ascii")


def _parsed(data: bytes, place: str) -> Health:
    """Read the record of a host; whatever is wrong with it, the host is unknown."""
    found, health = _record(data)
    return health if found == place else Health()


def _record(data: bytes) -> tuple[str, Health]:
    """Read a record and whose it is; where it is not one of ours, nothing is known of nobody."""
    try:
        record: Any = json.loads(data)
    except (ValueError, RecursionError):
        return "", Health()
    place = record.get("place") if isinstance(record, dict) else None
    if not isinstance(place, str) or record.get("schema") != SCHEMA:
        return "", Health()
    values: dict[str, Any] = {name: record.get(name) for name in Health._fields}
    failures, cool_down = values["failures"], values["cool_down"]
    moments = [values[name] for name in _MOMENTS if values[name] is not None]
    sound = (
        type(failures) is int
        and 0 <= failures < 1_000_000
        and all(_is_number(value) for value in [cool_down, *moments])
    )
    return place, Health(**values) if sound else Health()


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and 0.0 <= value < 1e12  # type: ignore[operator]
