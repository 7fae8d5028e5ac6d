"""Is one connection more to the same host worth it?

The rule: on a link throttled per connection a second one brings as much
again, on any other it brings nothing. So it is tried, 1, 2, 4, once the speed
is steady; kept where at least half of the possible gain came true; otherwise
it is not tried again for this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pip_resilient.policy.connections import Connection

LONG = 2.5
"""Seconds that the rest must take for another connection to be worth its opening."""

_MEASURED = 0.25
_EARLY = 0.15
_PROVEN_AFTER = 0.1
_WORTHWHILE = 2 * 2**20
"""Bytes of rest for which what has proven worth it before is opened unmeasured."""
_TRIES = 3
_PATIENCE = 1.5
"""Seconds after which a speed is judged though it still grows."""


class Growth:
    """How many connections one host gets for one file. Moments in seconds.

    Args:
        most: The most that it may have.
        widest: How many have proven worth it for it before.
        now: The moment at which the file begins.

    Attributes:
        target: How many connections are wanted now.
        widest: How many have proven worth it.
        settled: Whether no more are tried for this file.
        ahead: Seconds for which a connection keeps the bytes before it when
            others take of its rest: it must not meet them before they are judged.
    """

    def __init__(self, most: int, widest: int, now: float) -> None:
        self.most = most
        self.target = 1
        self.widest = max(1, min(widest, most))
        self.settled = most <= 1
        self.ahead = 1.5
        self._since = now
        self._before: int | None = None
        self._base = 0.0
        self._gave: dict[int, float] = {}
        self._low_since: float | None = None
        self._olds: set[int] | None = None
        self._tries = 0

    @property
    def first_step(self) -> bool:
        """Whether a second connection is on trial."""
        return self._before == 1

    def stop(self, target: int = 1) -> None:
        """Try no more; keep at most so many."""
        self.settled = True
        self._before = self._olds = None
        self.target = max(1, min(self.target, target))

    def refused(self, left: int, now: float) -> None:
        """The host does not want more than those that are left."""
        self.stop(left)
        self.most = self.target
        self.widest = min(self.widest, self.target)
        self._since = now

    def look(self, now: float, flowing: Sequence[Connection], rest: int) -> bool:
        """Measure, and decide how many connections are wanted.

        Args:
            now: This moment.
            flowing: The connections to the host that have brought bytes.
            rest: How many bytes of the file are missing.

        Returns:
            Whether there is one too many, which is to be dropped at once.
        """
        if self._olds is not None and not self._olds <= {one.number for one in flowing}:
            self._void(now)
        if len(flowing) < self.target:
            self._low_since = None
            return False
        if self.target < self.widest and not self.settled:
            if now - self._since >= _PROVEN_AFTER and rest >= _WORTHWHILE:
                self._since, self.target = now, self.widest
            return False
        began = max([self._since, *(one.first_at for one in flowing if one.first_at is not None)])
        if self._before is not None:
            return self._judge(now, flowing, began)
        if not self.settled and self.target < self.most:
            self._consider(now, flowing, began, rest)
        return self._collapsed(now, flowing, began)

    def _consider(self, now: float, flowing: Sequence[Connection], began: float, rest: int) -> None:
        if now - began < (_MEASURED if self._before is None and self.target == 1 else _EARLY):
            return
        since, speed = _measured(flowing, began, now)
        if speed is None or rest <= LONG * speed:
            return
        if now - began < _PATIENCE and _grow(flowing, since):
            return
        self._gave[self.target] = self._base = speed
        self._before, self._since = self.target, now
        if self.target == 1:
            self._olds = {one.number for one in flowing}
            self.ahead = max(self.ahead, 0.5 + 2 * (now - began))
        self.target = min(2 * self.target, self.most)

    def _void(self, now: float) -> None:
        """Go back: the one that a second is compared with came to its end before it could be."""
        self._olds = None
        if self._before is not None:
            self._tries += 1
            self.target, self._before, self._since = self._before, None, now
            self.settled = self._tries >= _TRIES

    def _judge(self, now: float, flowing: Sequence[Connection], began: float) -> bool:
        """Judge those on trial: early where they are worth it, late where not."""
        before = self._before
        if before is None or now - began < _EARLY:
            return False
        since, speed = _measured(flowing, began, now)
        late = now - began >= (_PATIENCE if speed is not None else 3 * _PATIENCE)
        if speed is None and not late:
            return False
        wanted = self._base * (1 + 0.5 * (self.target / before - 1))
        if speed is not None and speed >= wanted:
            self.widest = max(self.widest, self.target)
            self._gave[self.target] = speed
            self._before, self._olds, self._since = None, None, began
        elif late or (now - began >= _MEASURED and not _grow(flowing, since)):
            self.stop(before)
            return speed is not None and speed < 0.8 * self._base
        return False

    def _collapsed(self, now: float, flowing: Sequence[Connection], began: float) -> bool:
        """Tell whether more connections bring less than half of what fewer brought."""
        fewer = [speed for count, speed in self._gave.items() if count < len(flowing)]
        if not fewer or now - began < 1.0:
            return False
        speed = _speed_of(flowing, now - 1.0, now)
        if speed is None or speed >= 0.5 * max(fewer):
            self._low_since = None
            return False
        if self._low_since is None:
            self._low_since = now
        if now - self._low_since < 1.0:
            return False
        self._low_since = None
        self.stop(len(flowing) - 1)
        self._since = now
        return True


def _measured(
    flowing: Sequence[Connection], began: float, now: float
) -> tuple[float, float | None]:
    """Return the speed of all together, measured for as short as it can be, and since when."""
    since = max(began, now - 2 * _MEASURED)
    speed = _speed_of(flowing, since, now)
    return (since, speed) if speed is not None else (began, _speed_of(flowing, began, now))


def _speed_of(flowing: Sequence[Connection], since: float, now: float) -> float | None:
    """Return the speed of all together, or None while one of them cannot be told yet."""
    rates = [one.speed.rate(since, now, least=2) for one in flowing]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known and len(known) == len(rates) else None


def _grow(flowing: Sequence[Connection], since: float) -> bool:
    return any(one.speed.grows(since) for one in flowing)
