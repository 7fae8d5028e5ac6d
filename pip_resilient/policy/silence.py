"""When has one connection's time come to an end, and when does a body only crawl?

The rule: a body's own rhythm sets the measure; moments are handed in, no
clock is read.
"""

from __future__ import annotations

from pip_resilient.policy.patience import SLOW_FOR, SPARE_STALL, is_crawl, stall_after

_CALM = 0.25
"""Seconds in which a body shows how fast it comes."""
_SOON = 2.0
"""Seconds; what takes no longer than this is left to the one connection that brings it."""
_LONGEST_CALM = 1.0
_SHORTEST_PAUSE = 0.05
_WORTH = 192 * 1024
"""Bytes that are worth being taken; each arrival costs as much as 100 kB more in it."""
_LONGEST_GATHERING = 0.004
"""Seconds: nobody sees them, and no receive buffer is full within them."""


class Silence:
    """The rhythm of one body. All moments and spans in seconds.

    Args:
        now: The moment at which the body begins.
        offset: Offset of its first byte.
        patience: How long it may crawl.

    Attributes:
        began: When, and at which offset, it began.
        since: When its last byte came, or the wait for the next one began.
    """

    def __init__(self, now: float, offset: int, patience: float) -> None:
        self._patience = patience
        self.began = (now, offset)
        self._mark = (now, offset)
        self._slow_mark = (now, offset)
        self.since = now

    def anew(self, now: float) -> None:
        """The silence begins anew: bytes have come, new or not, or somebody waits from now on."""
        self.since = now

    def calm(self, now: float, offset: int, end: int | None) -> float:
        """Return for how long nobody but this connection is to be thought of.

        Args:
            now: This moment.
            offset: How far it has come.
            end: Offset behind the last byte; None: only silence counts.

        Returns:
            Seconds; 0 where the rest takes its time, or nothing comes at all.
        """
        calm = min(_LONGEST_CALM, stall_after(0.0, 0) / 2) - (now - self.since)
        if calm <= 0 or end is None:
            return max(0.0, calm)
        took, count = now - self.began[0], offset - self.began[1]
        if took < _CALM:
            return min(calm, _CALM - took)
        if (end - offset) * took > _SOON * count:
            return 0.0
        return max(_SHORTEST_PAUSE, calm)

    def gathering(self, now: float, offset: int, end: int | None) -> float:
        """Return for how long bytes may gather before they are taken, so that fewer times do.

        Args:
            now: This moment.
            offset: How far it has come.
            end: Offset behind the last byte; None: it may be the next one.

        Returns:
            Seconds; 0 where the end is near, or not known.
        """
        took, count = now - self.began[0], offset - self.began[1]
        if end is None or end - offset < 2 * _WORTH or count < _WORTH:
            return 0.0
        return min(_LONGEST_GATHERING, _WORTH * took / count)

    def until_spare(self, now: float) -> float | None:
        """Return the seconds until somebody else may be asked for the rest; None: it was before."""
        left = self.since + SPARE_STALL - now
        return left if left > 0 else None

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
