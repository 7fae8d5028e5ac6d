"""Is another source asked because the first one is slow, and does it stay?

The rule: it is tried with one piece while the others go on. At least twice as
fast within 5 s, it stays and takes over more and more; otherwise nobody else
is asked for this file because of slowness.
"""

from __future__ import annotations

_LOOKED_AT_AFTER = 3.0
_SLOW = 30.0
"""Seconds that the rest must take for somebody else to be asked."""
AHEAD = 5.0
"""Seconds in which the present connections must not reach what is tried."""
_TRIED = 5.0
_MEASURED = 0.3
_SILENCES = 2
_MOST_SWITCHES = 3
_REST = 15.0


class Overtaking:
    """The other sources of one file. Moments in seconds, speeds in bytes per second.

    Args:
        now: The moment at which the file begins.

    Attributes:
        tried: The source on trial.
        adopted: Those that stay.
        outpaced_until: Until when the first source gets no new connections.
    """

    def __init__(self, now: float) -> None:
        self.tried: int | None = None
        self.adopted: set[int] = set()
        self.outpaced_until = float("-inf")
        self._began = now
        self._tried_at = now
        self._over = False
        self._switches = 0

    def wants(self, source: int) -> bool:
        """Tell whether a source is to have a connection."""
        return source == self.tried or source in self.adopted

    def is_due(self, now: float, rest_takes: float, silences: int) -> bool:
        """Tell whether somebody else is to be tried.

        Args:
            now: This moment.
            rest_takes: Seconds that the rest will take.
            silences: How often the first source fell silent.
        """
        if self._over or self.tried is not None or self.adopted:
            return False
        if self._switches >= _MOST_SWITCHES:
            return False
        slow = now - self._began >= _LOOKED_AT_AFTER and rest_takes > _SLOW
        return slow or silences >= _SILENCES

    def try_out(self, source: int, now: float) -> None:
        """A source has been asked for one piece."""
        self.tried, self._tried_at = source, now

    def judge(
        self, now: float, speed: float | None, first_at: float | None, theirs: float
    ) -> bool | None:
        """Judge the source on trial.

        Args:
            now: This moment.
            speed: How fast it is, if that can be told.
            first_at: When its first byte came; None once it has brought its piece.
            theirs: How fast the source of the first missing byte is.

        Returns:
            Whether it stays; None if that cannot be told yet.
        """
        measured = first_at is None or now - first_at >= _MEASURED
        if self.tried is not None and speed and measured and speed >= 2 * theirs:
            self.adopt(self.tried)
            return True
        if now - self._tried_at < _TRIED:
            return None
        self.tried, self._over = None, True
        return False

    def adopt(self, source: int) -> None:
        """A source has shown that it is better."""
        if self.tried == source:
            self.tried = None
        if source not in self.adopted:
            self._switches += 1
            self.adopted.add(source)

    def outlasted(self, source: int, now: float) -> None:
        """A source has delivered while the first was silent: that one gets a rest."""
        self.adopt(source)
        self.outpaced_until = max(self.outpaced_until, now + _REST)

    def due_in(self, now: float) -> float:
        """Return after how many seconds the source on trial must be judged."""
        if self.tried is None:
            return max(0.1, self._began + _LOOKED_AT_AFTER - now)
        return max(0.0, self._tried_at + _TRIED - now)

    def left(self, source: int) -> None:
        """A source is of no use any more."""
        if source == self.tried:
            self.tried, self._over = None, True
        self.adopted.discard(source)
        if not self.adopted:
            self.outpaced_until = float("-inf")
