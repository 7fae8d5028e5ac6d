"""What is remembered of every request, in case something happens?

The rule: next to nothing, since nearly all of it is thrown away: when a request
began, was answered and ended, and which host brought how many bytes when. Only
a run in which something happens makes records of it (`account`).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_TRACES = 2000
_FINEST = 0.25
"""Seconds; stretches are that wide as long as there are not too many of them."""
_MOST_STRETCHES = 512


class Trace:
    """One request; moments in seconds since the run began, None: not yet."""

    answered: float | None = None
    ended: float | None = None
    status: int | None = None
    length = 0
    body = False
    cached = False

    def __init__(self, began: float, method: str, url: str) -> None:
        self.began = began
        self.method = method
        self.url = url

    def opened(self, at: float) -> None:
        """Note that the headers have come, and that a body follows."""
        self.answered, self.ended, self.body = at, None, True

    def closed(self, at: float, length: int) -> None:
        """Note that a body is done with, after so many bytes; what follows says nothing new."""
        if self.ended is None:
            self.ended, self.length = at, length

    def handed(self, at: float, status: int, cached: bool) -> None:
        """Note the answer that pip gets."""
        self.status, self.cached = status, cached
        if cached or not self.body:
            self.answered = self.ended = at


class Track:
    """The requests of one run, and what they brought.

    Args:
        at: Gives the seconds since the run began.

    Attributes:
        name: The run's, to tell it from others.
        started: When it began, in seconds since 1970.
        made_by: pip's command, or nothing, and the versions of plugin and pip.
        count: How many requests there were.
        traces: The first of them.
        width: Seconds of one stretch.
        brought: Bytes by host and number of the stretch.
    """

    def __init__(self, at: Callable[[], float]) -> None:
        self._at = at
        self.started = time.time()
        self.name = f"{self.started:.0f}-{os.urandom(3).hex()}"
        self.made_by = ("", "", "")
        self.count = 0
        self.traces: list[Trace] = []
        self.width = _FINEST
        self.brought: dict[tuple[str, int], int] = {}

    def begun(self, method: str, url: str) -> Trace:
        """Note that a request begins."""
        self.count += 1
        trace = Trace(self._at(), method, url)
        if self.count <= _MOST_TRACES:
            self.traces.append(trace)
        return trace

    def came(self, place: str, count: int) -> None:
        """Note that a host has brought so many bytes."""
        key = (place, int(self._at() / self.width))
        self.brought[key] = self.brought.get(key, 0) + count
        if len(self.brought) > _MOST_STRETCHES:
            self._widen()

    def _widen(self) -> None:
        """Make stretches twice as wide, so that a long run is remembered no larger."""
        self.width *= 2
        before, self.brought = self.brought, {}
        for (place, number), count in before.items():
            key = (place, number // 2)
            self.brought[key] = self.brought.get(key, 0) + count
