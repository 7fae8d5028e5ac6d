"""When is a body silent for too long, and when does it only crawl?

The rule: a body's own rhythm sets the measure; moments are handed in, no
clock is read.
"""

from __future__ import annotations

from pip_resilient.policy.patience import SLOW_FOR, SPARE_STALL, is_crawl, stall_after

_SHORTEST_PAUSE = 0.05


class Silence:
    """The gaps between the arrivals of one body. All moments and spans in seconds.

    Args:
        now: The moment at which the body begins.
        offset: Offset of its first byte.
        patience: How long it may crawl.
    """

    def __init__(self, now: float, offset: int, patience: float) -> None:
        self._patience = patience
        self._longest_gap = 0.0
        self._barren = 0
        self._asked_at = now
        self._mark = (now, offset)
        self._slow_mark = (now, offset)
        self.since = now

    def begin(self, now: float) -> None:
        """Somebody waits for bytes from now on."""
        self.since = now

    def arrived(self, now: float) -> None:
        """Bytes that are new have come."""
        self._longest_gap = max(self._longest_gap, min(now - self.since, 10.0))
        self.since = now

    def second_delivered(self) -> None:
        """The second connection was worth it."""
        self._barren = 0

    def asks_again(self, now: float) -> bool:
        """Tell whether a second connection is to be asked now; if so, it counts as asked."""
        if now - max(self.since, self._asked_at) < stall_after(self._longest_gap, self._barren):
            return False
        self._barren += 1  # taken back if it delivers
        self._asked_at = now
        return True

    def pause(self, now: float, read_timeout: float | None, until: float | None) -> float:
        """Return how long to wait for bytes before looking again.

        Args:
            now: This moment.
            read_timeout: Silence after which the connection is dead, or None.
            until: Moment at which somebody wants to look anyway, or None.
        """
        threshold = stall_after(self._longest_gap, self._barren)
        pause = max(_SHORTEST_PAUSE, max(self.since, self._asked_at) + threshold - now)
        if now < self.since + SPARE_STALL:
            pause = min(pause, self.since + SPARE_STALL - now)
        if read_timeout is not None:
            pause = min(pause, read_timeout - (now - self.since))
        if until is not None:
            pause = min(pause, until - now)
        return max(0.0, pause)

    def slowness(self, now: float, offset: int, least: float) -> float | None:
        """Return the speed, in bytes per second, where it was below `least` for `SLOW_FOR` seconds.

        Looked at anew for each such stretch; one that lasted much longer was
        not spent waiting.
        """
        began, before = self._slow_mark
        took = now - began
        if took < SLOW_FOR:
            return None
        self._slow_mark = (now, offset)
        speed = (offset - before) / took
        return speed if took < 2 * SLOW_FOR and speed < least else None

    def crawls(self, now: float, offset: int) -> bool:
        """Tell whether hardly anything has come for all the patience."""
        began, before = self._mark
        took = now - began
        if took < self._patience:
            return False
        self._mark = (now, offset)
        # Much later than looked for: the machine slept, or pip was busy elsewhere.
        return took < self._patience + 30.0 and is_crawl(offset - before, took)
