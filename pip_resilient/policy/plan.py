"""Which bytes next, from which source, on which connection?

The rule: one connection does what it can, and others come in only where they
are of use. A silent one gets a second beside it, and whoever delivers first
stays; a link throttled per connection gets more of them, while the total
still grows; a slow host is helped by a mirror that proves to be faster.

A plan is told what happened and says what is to be done. It touches no
socket and reads no clock: moments, in seconds, are handed in. Offsets are
absolute in the representation, and an end is the offset behind the last byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.policy.claims import Claims
from pip_resilient.policy.connections import MISSES, Action, Connections, Drop, Open, Source, Way
from pip_resilient.policy.growth import Growth
from pip_resilient.policy.overtaking import Overtaking
from pip_resilient.policy.patience import SPARE_STALL
from pip_resilient.policy.speed import Speed
from pip_resilient.policy.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Action", "Drop", "Open", "Plan", "Way"]

_LOOK = 0.05
"""Seconds between two looks while nothing but bytes comes."""
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
_LONGEST_GAP = 10.0
_FLOWS = 2.0
_ROUNDING = 1e-6


def _always() -> bool:
    return True


class Plan:
    """The plan of one file's download.

    Args:
        ways: The sources. Connection 0 is to the first of them; its answer is
            there already, and gives the bytes from `received` to `end`.
        first: Offset of the first byte of all.
        end: Offset behind the last one, None if unknown.
        now: This moment.
        received: Offset behind the beginning that is known already.
        have: Stretches beyond it that are known already.
        widest: How many connections have proven worth it for the first source.
        hedges: Asked when a hedge is wanted; True takes one from the run's
            allowance. False: the silent connection is asked for anew instead.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        first: int,
        end: int | None,
        now: float,
        *,
        received: int | None = None,
        have: Iterable[tuple[int, int]] = (),
        widest: int = 1,
        hedges: Callable[[], bool] = _always,
    ) -> None:
        start = first if received is None else received
        self._connections = Connections()
        self._claims = Claims(first, end, [(first, start), *have], self._connections.elders)
        self._sources = [Source(way) for way in ways]
        self._away = 0.0
        self._seen = self._heard = self._look_at = now
        self._flow = Speed()
        single = end is None or not ways[0].ranges
        self._growth = Growth(1 if single else ways[0].connections, widest, now)
        self._others = Overtaking(now)
        self._steering = Steering(
            self._claims,
            self._connections,
            self._sources,
            self._growth,
            self._others,
            self._flow,
            hedges,
        )
        for number, way in enumerate(ways):
            if not way.ranges:
                self._claims.no_ranges(number)
        self._connections.add(0, start, end, now).opened_at = now

    # What is known.

    @property
    def received(self) -> int:
        """Offset behind the bytes that are known without a gap."""
        return self._claims.received

    @property
    def done(self) -> bool:
        """Whether every byte is known."""
        return self._claims.complete

    @property
    def alive(self) -> bool:
        """Whether any connection is open or being opened."""
        return bool(self._connections)

    @property
    def front(self) -> int | None:
        """The open connection that brings the byte at `received`, if any."""
        one = self._claims.front()
        return one.number if one is not None and one.opened_at is not None else None

    @property
    def widest(self) -> int:
        """How many connections have proven worth it for the first source."""
        return self._growth.widest

    @property
    def beyond(self) -> list[tuple[int, int]]:
        """The known stretches behind the first gap."""
        return [(a, b) for a, b in self._claims.known if a > self.received]

    def stop(self, number: int) -> int | None:
        """Return the offset behind the last byte wanted of a connection, None if unknown.

        It moves both ways: asked for anew after everything that happened.
        """
        one = self._connections.get(number)
        return self.received if one is None else self._claims.reach(one)

    def position(self, number: int) -> int:
        """Return the offset of the next byte wanted of a connection.

        Where its answer is before that, the bytes between are to be skipped.
        """
        one = self._connections.get(number)
        if one is None:
            return self.received
        return one.position if one.elder is None else one.elder.position

    def silent(self, now: float) -> float:
        """Return for how many seconds nothing has come on any connection."""
        return max(0.0, now - self._away - self._heard)

    def waited(self, number: int, now: float) -> float:
        """Return for how many seconds nothing has come on a connection, 0 where it is gone."""
        one = self._connections.get(number)
        return 0.0 if one is None else max(0.0, now - self._away - one.last)

    def helped(self, now: float) -> bool:
        """Tell whether another source helps out, or soon will: nobody else needs to be found."""
        others = any(not one.gone for one in self._sources[1:])
        return others and self.silent(now) < 2 * SPARE_STALL

    def speed(self, now: float) -> float:
        """Return the bytes per second of all together, over the last 2 s or so."""
        t = now - self._away
        return self._flow.rate(t - 2.0, t) or 0.0

    # What happened.

    def opened(self, number: int, now: float, position: int | None = None) -> None:
        """Its answer's headers are there.

        Args:
            number: The connection.
            now: This moment.
            position: Where its answer begins, if lower than asked for: then it is
                the whole. What comes before `Plan.position` is skipped.
        """
        t, one = self._at(now), self._connections.get(number)
        if one is None or one.opened_at is not None:
            return
        one.opened_at = one.last = t
        source = self._sources[one.source]
        source.latency = min(source.latency or 2.0, max(0.01, t - one.asked_at))
        if position is not None and position < one.position:
            one.limit = self._claims.end
            self.no_ranges(one.source, now)

    def arrived(self, number: int, count: int, now: float) -> None:
        """So many bytes that are new and wanted came on a connection, at its position.

        None, where what came had to be skipped: that is no silence.
        """
        t, one = self._at(now), self._connections.get(number)
        if one is None:
            return
        if one.opened_at is None:
            self.opened(number, now)
        source = self._sources[one.source]
        source.longest_gap = max(source.longest_gap, min(t - one.last, _LONGEST_GAP))
        one.last = self._heard = t
        if count <= 0:
            return
        elder = self._connections.delivers(one)
        if elder is not None and elder.source != one.source != 0:
            self._others.outlasted(one.source, t)
        if one.first_at is None:
            one.first_at = t
            if one.asked_at >= source.failed_at:
                source.misses, source.suspect = 0, False
        one.brought += count
        one.speed.arrived(t, count)
        self._flow.arrived(t, count)
        self._claims.came(one, count)
        if one.position == self._claims.reach(one):
            self._look_at = t

    def failed(self, number: int, now: float, refused: bool = False) -> None:
        """It broke, or was never opened.

        Args:
            number: The connection.
            now: This moment.
            refused: Whether the source does not want another connection, or
                sent something unusable.
        """
        t, one = self._at(now), self._connections.get(number)
        self._connections.forget(number)
        if one is None:
            return
        self._look_at = t
        source = self._sources[one.source]
        source.failed_at, source.suspect = t, True
        source.speed = one.rate(t) or source.speed
        source.misses = 0 if one.brought else source.misses + 1
        wait = 0.0 if one.brought else _FIRST_WAIT * 2.0 ** min(source.misses - 1, 10)
        source.not_before = t + min(wait, _LONGEST_WAIT)
        self._connections.lose(one)
        again = source.misses >= MISSES and t - self._heard < _FLOWS
        if one.elder is None and (refused or again):
            self._steering.turned_away(one.source, t)

    def no_ranges(self, source: int, now: float) -> None:
        """A source answered the request for a part with the whole, or refuses ranges."""
        self._look_at = self._at(now)
        self._sources[source].ranges = False
        self._claims.no_ranges(source)
        if source == 0:
            self._growth.stop()
        for one in self._connections.of(source):
            if one.opened_at is None and one.position != self.received:
                self._connections.drop(one)

    def gone(self, source: int, now: float) -> None:
        """A source is not asked any more for this file."""
        self._look_at = self._at(now)
        self._sources[source].gone = True
        self._others.left(source)
        self._connections.drop_source(source)

    def resumed(self, now: float) -> None:
        """Somebody waits for bytes again: the time since the last word was nobody's silence."""
        self._away += max(0.0, now - self._away - self._seen)

    def continued(self, now: float) -> int:
        """Take note of a connection to the first source, opened because nothing was alive.

        It gives the bytes from `received` to the next known stretch, or the
        end; where the source has no ranges, to the end.

        Returns:
            Its number.
        """
        t = self._at(now)
        self._look_at = self._heard = t
        limit = self._claims.until(self.received)
        if not self._sources[0].ranges:
            limit = self._claims.end
        one = self._connections.add(0, self.received, limit, t)
        one.opened_at = t
        return one.number

    # What to do.

    def decide(self, now: float) -> list[Action]:
        """Return what is to be done now, in this order; said again at the same moment: nothing."""
        t = self._at(now)
        if t >= self._look_at - _ROUNDING:
            if self._connections:
                self._steering.look(t)
            self._look_at = t + min(_LOOK, self._steering.due_in(t))
        return self._connections.said()

    def pause(self, now: float) -> float:
        """Return after how many seconds `decide` must be asked again at the latest."""
        t = self._at(now)
        if self._connections.unsaid() or t >= self._look_at - _ROUNDING:
            return 0.0
        return self._steering.due_in(t)

    def _at(self, now: float) -> float:
        """Return the moment on the clock that stands still while nobody waits for bytes."""
        self._seen = max(self._seen, now - self._away)
        return self._seen
