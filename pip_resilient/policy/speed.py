"""How fast does a connection bring bytes?

The rule: measured from arrival to arrival. A server that sends a piece every
100 ms is as fast within 0.3 s as it is within a minute; what came with the
first arrival took its time before, and does not count.
"""

from __future__ import annotations

from bisect import bisect_left

_TOGETHER = 0.01
"""Seconds within which two arrivals are one."""
_KEPT = 400


class Speed:
    """The arrivals of one connection. Moments in seconds, speeds in bytes per second."""

    __slots__ = ("_samples", "_total")

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []
        self._total = 0

    def arrived(self, now: float, count: int) -> None:
        """So many bytes have come."""
        samples = self._samples
        self._total += count
        if samples and now - samples[-1][0] < _TOGETHER:
            samples[-1] = (samples[-1][0], self._total)
            return
        samples.append((now, self._total))
        if len(samples) > _KEPT:
            del samples[: _KEPT // 2]

    def rate(self, since: float, now: float, least: int = 1) -> float | None:
        """Return the speed between two moments.

        Silence counts once it is twice as long as the gaps before it.

        Args:
            since: Arrivals before this moment do not count.
            now: This moment.
            least: How many gaps there must be between arrivals.

        Returns:
            None where too little has come to tell.
        """
        start, last = self._window(since)
        if last - start < max(1, least):
            return None
        (began, before), (ended, total) = self._samples[start], self._samples[last]
        took = ended - began
        if now - ended > 2 * took / (last - start):
            took = now - began
        return (total - before) / took

    def grows(self, since: float) -> bool:
        """Tell whether the later half of the arrivals came clearly faster than the earlier."""
        start, last = self._window(since)
        if last - start < 2:
            return True
        half = (start + last) // 2
        (t0, n0), (t1, n1), (t2, n2) = (self._samples[place] for place in (start, half, last))
        return (n2 - n1) / (t2 - t1) > 1.3 * (n1 - n0) / (t1 - t0)

    def _window(self, since: float) -> tuple[int, int]:
        return bisect_left(self._samples, (since, 0)), len(self._samples) - 1
