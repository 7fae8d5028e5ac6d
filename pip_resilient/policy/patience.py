"""Try again, after how long, and when is it enough?

The rule: patience is *time without progress*, kept per host for the whole
run. Attempts are not counted, so a link that drops every second but always
brings bytes gets through, and a dead host is waited for once and not once
per package. This module reads no clock and draws no number by itself.

Backoff is decorrelated jitter: each wait is drawn between a floor and three
times the wait before, up to a ceiling, so that clients cut off together do
not come back together. The ceiling grows with the outage: who has waited for
a short while is not late by a long one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from random import Random

    from pip_resilient.policy.failure import Failure

SLEPT = 10.0
"""A wait this many seconds longer than asked means that the machine slept."""

WHOLE_FETCHES = 5
"""How often one body may be fetched from its first byte."""

CRAWL_RATE = 1024
"""Bytes per second; a body slower than this for all the patience has failed."""

STANDSTILL_RATE = 64
"""Bytes per second; who brings less than this, over all the patience, is given up."""

_HEDGED = 0.05
_WORTH_A_CONNECTION = 4096
"""Bytes; who brings less on one is not asked again at once."""
_SHARE = 0.3
"""A wait is at most this part of the time that has brought nothing, and so is what it is late.

Three times the first wait is never too long; what a server asks for is not bounded by it.
"""


class Limits(Record):
    """What a request may cost. All times in seconds.

    Attributes:
        patience: Longest time without progress.
        offline: The same where every address is unreachable.
        retry_after_cap: Longest wait that a server can ask for.
        retries: Attempts beyond the first that must be granted whatever
            patience says (`--retries N`); 0 means one attempt and no more;
            None leaves it to patience.
        deadline_at: Moment after which nothing new starts, or None.
        first_wait: Longest first wait after a failure, and shortest later one.
        resume_wait: Longest wait after an attempt that brought something.
        longest_wait: Longest wait that no server has asked for.
    """

    patience: float = 150.0
    offline: float = 20.0
    retry_after_cap: float = 60.0
    retries: int | None = None
    deadline_at: float | None = None
    first_wait: float = 0.5
    resume_wait: float = 0.1
    longest_wait: float = 10.0


class Retry(Record):
    """Wait, then ask again on a new connection.

    Attributes:
        wait: Seconds.
        left: Seconds of patience that remain after the wait.
        asked_by_server: Whether the wait is the server's Retry-After.
    """

    wait: float
    left: float
    asked_by_server: bool = False


class GiveUp(Record):
    """Nothing more is tried.

    Attributes:
        why: `permanent`, `once`, `patience` or `deadline`.
        spent: Seconds without progress.
    """

    why: str
    spent: float


Decision = Union[Retry, GiveUp]


class Hedges:
    """A run's allowance of second connections beside silent ones.

    One, and one more for every twenty requests: of a service's slowest
    requests most are helped by 5 % more load (Dean and Barroso, "The Tail at
    Scale").
    """

    def __init__(self) -> None:
        self._taken = 0

    def take(self, requests: int) -> bool:
        """Take one, if there is one left after so many requests."""
        if self._taken > requests * _HEDGED:
            return False
        self._taken += 1
        return True


class Patience:
    """One host's patience: how long it has brought nothing."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = 0.0
        self._wait = 0.0
        self._used_up = False

    def progress(self, gained: int | None = None) -> bool:
        """An answer that pip can use has come, or bytes beyond all before them.

        Bytes make up for time at `STANDSTILL_RATE`: else a host that brings a few
        now and then would never be given up.

        Args:
            gained: How many bytes; None: an answer.

        Returns:
            Whether all the time that has brought nothing is made up for.
        """
        self.spent = 0.0 if gained is None else max(0.0, self.spent - gained / STANDSTILL_RATE)
        if self.spent:
            return False
        self._wait = 0.0
        self._used_up = False
        return True

    def spend(self, took: float, bound: float | None = None) -> None:
        """Count seconds without progress.

        Args:
            took: How long it took.
            bound: The longest that it could have taken, if known. Much more
                means that the machine slept, and patience starts afresh.
        """
        if bound is not None and took > bound + SLEPT:
            self.spent = 0.0
        else:
            self.spent += max(0.0, took)

    def decide(
        self, failure: Failure, attempt: int, now: float, jitter: Random, gained: int = 0
    ) -> Decision:
        """Decide what follows attempt number `attempt`, the first being 1.

        Args:
            failure: What the attempt brought.
            attempt: How many attempts this request has had.
            now: The moment, on the clock of `Limits.deadline_at`.
            jitter: Source of randomness.
            gained: How many bytes this attempt brought before it failed.
        """
        limits = self.limits
        if not failure.transient:
            return GiveUp("permanent", self.spent)
        if limits.retries == 0:
            return GiveUp("once", self.spent)
        granted = attempt <= (limits.retries or 0)
        limit = limits.offline if failure.offline else limits.patience
        if (self._used_up or self.spent >= limit) and not granted:
            self._used_up = True
            return GiveUp("patience", self.spent)
        wait = self._next_wait(failure, jitter, gained)
        if not granted:
            # The last attempt comes when patience ends, not a backoff later.
            wait = min(wait, limit - self.spent)
        if limits.deadline_at is not None and now + wait >= limits.deadline_at:
            return GiveUp("deadline", self.spent)
        left = max(0.0, limit - self.spent - wait)
        return Retry(wait, left, asked_by_server=failure.retry_after is not None)

    def _next_wait(self, failure: Failure, jitter: Random, gained: int) -> float:
        limits = self.limits
        if failure.retry_after is not None:
            asked = min(failure.retry_after, limits.retry_after_cap)
            return asked + jitter.uniform(0.0, 1.0)
        if gained >= _WORTH_A_CONNECTION:
            return jitter.uniform(0.0, limits.resume_wait)
        if not self._wait:
            self._wait = limits.first_wait
            return jitter.uniform(0.0, limits.first_wait)
        most = min(limits.longest_wait, max(3 * limits.first_wait, _SHARE * self.spent))
        self._wait = min(most, jitter.uniform(limits.first_wait, self._wait * 3))
        return self._wait


def is_crawl(gained: int, took: float) -> bool:
    """Tell whether a body that gained so many bytes in all its patience has failed."""
    return gained < CRAWL_RATE * took


def stall_after(longest_gap: float, barren: int) -> float:
    """Return how long a body may be silent before a second connection is asked.

    Four times the longest gap seen on this body, at least 2 s; doubled for
    each second connection that brought nothing, up to 10 s, so that the end
    of an outage is noticed within that time.

    Args:
        longest_gap: Longest silence between two arrivals so far, in seconds.
        barren: How many second connections brought nothing since the last byte.
    """
    doubled = max(2.0, 4.0 * longest_gap) * 2.0 ** min(barren, 4)
    return float(min(10.0, doubled))


ANSWER_SILENCE = 8.0
"""Seconds without the first byte of an answer before a second connection is asked."""

SPARE_SILENCE = 3.0
"""Seconds without an answer, or a connection, after which a spare is asked."""

SPARE_STALL = 4.0
"""Seconds of silence in the midst of a body after which a spare is asked for the rest.

Longer than `SPARE_SILENCE`: a second connection to the same host comes first.
"""

SLOW_FOR = 20.0
"""Seconds below MIN_SPEED after which a spare is asked for the rest of a body."""
