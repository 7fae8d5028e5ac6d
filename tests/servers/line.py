"""When may the next bytes of a body go out?

Two ways to be slow: a `Pace` says one piece and then a wait, whatever the time;
a `Line` says how many bytes a second get through, for one connection or for all
that share it. The rule of a line: what went out late is caught up with, as far
as a router would have kept it; what was not asked for is lost.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Callable, Protocol

TICK = 0.02
"""Seconds between two pieces of a line: shorter than anybody's measurement of speed."""
KEPT = 0.1
"""Seconds that a line may be behind and still catch up."""


class Pacing(Protocol):
    """What a body's sender asks before each piece."""

    def size_after(self, sent: int) -> int:
        """Return the bytes of the next piece, after so many of this body."""

    def wait_for(self, size: int, sent: int) -> float:
        """Return the seconds until that piece may go out; to ask is to take."""


@dataclass(frozen=True)
class Pace:
    """The same wait after each piece.

    Attributes:
        piece: Bytes in one go.
        tick: Seconds between two pieces.
        first: Bytes in the first go.
    """

    piece: int
    tick: float
    first: int

    def size_after(self, sent: int) -> int:
        return self.piece if sent else self.first

    def wait_for(self, size: int, sent: int) -> float:
        return self.tick if sent else 0.0


class Line:
    """So many bytes per second, whoever asks; thread-safe.

    Args:
        rate: Bytes per second.
        tick: Seconds that one piece takes.
        clock: Seconds, of a clock that never goes back.
    """

    def __init__(
        self, rate: float, tick: float = TICK, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._piece = max(1, int(rate * tick))
        self._clock = clock
        self._lock = threading.Lock()
        self._free = -math.inf

    def size_after(self, sent: int) -> int:
        return self._piece

    def wait_for(self, size: int, sent: int) -> float:
        with self._lock:
            now = self._clock()
            begin = now if self._free < now - KEPT else self._free
            self._free = begin + size / self._rate
            return max(0.0, self._free - now)
