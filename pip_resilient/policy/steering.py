"""What is to be done now, for a file to come soon?

The rule: first whoever has brought what was wanted is let go, then whoever is
silent gets a second beside it, then it is measured whether more connections,
or another source, are worth it; last, whoever is wanted and not there is given
the bytes nearest to the front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.policy.claims import LEAST, MIB, Taker
from pip_resilient.policy.connections import MISSES
from pip_resilient.policy.overtaking import AHEAD
from pip_resilient.policy.patience import SPARE_STALL, stall_after

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pip_resilient.policy.claims import Claims
    from pip_resilient.policy.connections import Connection, Connections, Source
    from pip_resilient.policy.growth import Growth
    from pip_resilient.policy.overtaking import Overtaking
    from pip_resilient.policy.speed import Speed

_PAUSE = 1.0
_SHORTEST_PAUSE = 0.001
_SOON = 0.02
_LATENCY = 0.2
_STILL = 1.0
_ROUNDING = 1e-6
_AGAIN_AT_MOST = 60.0
_LATE = 1.0
_KEPT_WAITING = 4.0
"""Seconds; twice the silence after which another one has been asked beside it."""
_FLOWS = 1.0
_BARREN_AT_HOME = 1
"""Hedges that brought nothing before one is asked of another source."""


class Steering:
    """What steers the connections of one file. Moments and spans in seconds.

    Args:
        claims: The bytes of the file.
        connections: Its connections.
        sources: Whom they may go to.
        growth: How many may go to the first of them.
        others: Whether the others are asked because the first is slow.
        flow: The arrivals on all of them.
        hedge_allowed: Takes a hedge from the run's allowance, if there is any.
    """

    def __init__(
        self,
        claims: Claims,
        connections: Connections,
        sources: Sequence[Source],
        growth: Growth,
        others: Overtaking,
        flow: Speed,
        hedge_allowed: Callable[[], bool],
    ) -> None:
        self._claims = claims
        self._connections = connections
        self._sources = sources
        self._growth = growth
        self._others = others
        self._flow = flow
        self._hedge_allowed = hedge_allowed

    def look(self, now: float) -> None:
        """Do what is to be done at this moment."""
        for one in self._claims.through():
            source = self._sources[one.source]
            source.speed = one.rate(now) or source.speed
            self._connections.drop(one)
            if not one.brought and now - one.asked_at >= _LATE:
                self._came_too_late(one.source, now)
        if self._claims.complete:
            self._connections.drop_all()
            return
        self._free_what_is_silent(now)
        for one in list(self._connections.elders):
            if now - _silent_since(one) >= self._bears(one, now) - _ROUNDING:
                self._doubt(one, now)
        self._let_go_of_those_kept_waiting(now)
        flowing = [one for one in self._connections.of(0) if one.first_at is not None]
        if self._growth.look(now, flowing, self._claims.missing):
            self._connections.drop(max(flowing, key=lambda one: one.number))
        self._overtake(now)
        for number in sorted(range(len(self._sources)), key=self._others.wants, reverse=True):
            while self._connections.places(number) < self._wanted(number, now):
                if not self._give(number, now):
                    break

    def due_in(self, now: float) -> float:
        """Return after how many seconds there may be something to do, if nothing happens."""
        due = [_silent_since(one) + self._bears(one, now) - now for one in self._connections.elders]
        due += [one.not_before - now for one in self._sources if one.not_before > now]
        if len(self._sources) > 1:
            due.append(self._others.due_in(now))
        if not self._growth.settled:
            due.append(_SOON)
        return max(_SHORTEST_PAUSE, min([_PAUSE, *due]))

    def turned_away(self, source: int, now: float) -> None:
        """A source wants no more connections than it has."""
        if source == 0:
            self._growth.refused(len(self._connections.of(0)), now)
        else:
            self._others.left(source)

    def _came_too_late(self, source: int, now: float) -> None:
        """Another connection has brought what one was asked for and never began to bring.

        The next one gets twice the time. If that is not enough either, the
        source keeps more connections waiting than it serves.
        """
        self._growth.ahead *= 2
        self._sources[source].misses += 1
        if self._sources[source].misses >= MISSES:
            self.turned_away(source, now)

    def _let_go_of_those_kept_waiting(self, now: float) -> None:
        """Take it for a refusal if a further connection brings nothing, nor one beside it."""
        flowing = [
            one for one in self._connections.elders if now - one.last < _FLOWS and one.brought
        ]
        bears = max(_KEPT_WAITING, 2 * (self._sources[0].latency or 0.0))
        waiting = [
            one
            for one in self._connections.of(0)
            if not one.brought and one.opened_at != one.asked_at and now - one.asked_at >= bears
        ]
        if flowing and waiting:
            for one in waiting:
                self._connections.drop(one)
            self.turned_away(0, now)

    # Silence.

    def _free_what_is_silent(self, now: float) -> None:
        """Let silent connections to the first source go while another one does better."""
        if self._others.adopted and now < self._others.outpaced_until:
            for one in self._connections.of(0):
                if one.first_at is None or now - one.last > _STILL:
                    self._connections.drop(one)

    def _bears(self, one: Connection, now: float) -> float:
        """Return for how long a connection may be silent."""
        gap = self._sources[one.source].longest_gap
        if self._waits_behind(one, now):
            return float("inf")
        if one.barren == _BARREN_AT_HOME and self._elsewhere(one, now) is not None:
            return max(_STILL, SPARE_STALL - stall_after(gap, 0))
        if one.alone:
            # Nobody is kept beside it: a host that always takes longer must have its chance.
            return float(min(_AGAIN_AT_MOST, stall_after(gap, 0) * 2.0 ** min(one.barren, 6)))
        return stall_after(gap, one.barren)

    def _waits_behind(self, one: Connection, now: float) -> bool:
        """Tell whether the first gap has to be seen to before a connection further behind."""
        front = self._claims.front()
        return front is not None and front is not one and now - front.last > _STILL

    def _doubt(self, one: Connection, now: float) -> None:
        """Have the bytes of a silent connection asked for once more."""
        source = self._sources[one.source]
        if not source.ranges and one.position != self._claims.received:
            return
        stop, barren = self._claims.stop(one), one.barren + 1
        one.hedged_at, one.barren = now, barren
        source.silences += 1
        second = self._second(one, now)
        # Somebody else for one that is of no use is no hedge.
        if second != one.source or self._hedge_allowed():
            one.alone = False
            self._connections.ask_beside(one, second, stop, now)
            return
        again = one.hedge
        if again is not None and again.opened_at is not None:
            self._connections.yield_to_hedge(one)
        else:
            self._connections.drop(one)
            again = self._connections.ask(one.source, one.position, stop, now, fresh=True)
        again.hedged_at, again.barren, again.alone = now, barren, True

    def _second(self, one: Connection, now: float) -> int:
        """Return whom to ask for a hedge: somebody else, once the same was of no use."""
        elsewhere = self._elsewhere(one, now) if one.barren > _BARREN_AT_HOME else None
        return one.source if elsewhere is None else elsewhere

    def _elsewhere(self, one: Connection, now: float) -> int | None:
        """Return another source that can have a hedge for a connection, or None."""
        mine = -1 if one.hedge is None else one.hedge.source
        for number in self._able():
            room = self._growth.most if number == 0 else 1
            if self._connections.places(number) - (number == mine) < room and number != one.source:
                return number
        return None

    def _able(self) -> list[int]:
        return [at for at, one in enumerate(self._sources) if one.ranges and not one.gone]

    # Other sources.

    def _overtake(self, now: float) -> None:
        if self._others.tried is not None:
            self._judge(self._others.tried, now)
            return
        able = [one for one in self._able() if one != 0 and not self._connections.places(one)]
        total = self._total(now)
        if self._claims.end is None or not able or self._is_silent(now):
            return  # what is silent is not slow: it gets a second beside it
        if total is None:
            if not self._sources[0].silences:
                return
            total = 0.0
        takes = self._claims.missing / max(total, 1.0)
        if not self._others.is_due(now, takes, self._sources[0].silences):
            return
        behind = self._claims.received + int(AHEAD * total)
        taker = self._taker(able[0], now)
        piece = self._claims.next_piece(now, taker, to_the_end=False, behind=behind)
        if piece is not None:
            self._others.try_out(able[0], now)
            self._connections.ask(able[0], *piece, now, fresh=False)

    def _is_silent(self, now: float) -> bool:
        """Tell whether nobody brings anything."""
        heard = (one.last for one in self._connections.elders if one.first_at is not None)
        return now - max(heard, default=float("-inf")) > _STILL

    def _judge(self, tried: int, now: float) -> None:
        theirs = self._front_rate(now)
        there = self._connections.of(tried)
        first_at = there[0].first_at if there else None
        speed = there[0].rate(now) if first_at is not None else None
        if not there:
            speed = self._sources[tried].speed
        if there and first_at is None:
            first_at = now
        if self._others.judge(now, speed, first_at, theirs) is False:
            for one in there:
                self._connections.drop(one)

    def _front_rate(self, now: float) -> float:
        """Return how fast the source of the first missing byte is, or was when last told."""
        front = self._claims.front()
        source = 0 if front is None else front.source
        rates = [one.rate(now) for one in self._connections.of(source)]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known else self._sources[source].speed or 0.0

    def _total(self, now: float) -> float | None:
        """Return the speed of all together, None while it cannot be told.

        Over all connections that there were: one that has just gone is followed soon.
        """
        rate = self._flow.rate(now - 3.0, now)
        return self._flow.rate(now - 20.0, now) if rate is None else rate

    def _relieve_front(self, source: int, now: float) -> None:
        """Let go a front connection that is slower than a quarter of a better source."""
        front, speed = self._claims.front(), self._sources[source].speed
        if source not in self._others.adopted or front is None or front.source == source:
            return
        rate = front.rate(now)
        if speed is None or rate is None or rate >= speed / 4:
            return
        stop = self._claims.stop(front) or front.position
        if stop - front.position > rate:
            self._connections.drop(front)
            self._others.outpaced_until = float("inf")

    # Pieces.

    def _wanted(self, number: int, now: float) -> int:
        """Return how many connections a source is to have."""
        if self._sources[number].gone:
            return 0
        if number != 0:
            return 1 if self._others.wants(number) else 0
        if self._others.adopted and now < self._others.outpaced_until:
            return 0
        if self._claims.front() is None and self._connections:
            # Whoever goes on further behind would leave the first gap for the last.
            return min(max(self._growth.target, 2), self._growth.most)
        return self._growth.target

    def _taker(self, number: int, now: float) -> Taker:
        """Return what is known of a further connection to a source."""
        source = self._sources[number]
        rates = [one.rate(now) for one in self._connections.of(number)]
        known = [rate for rate in rates if rate]
        total = self._total(now)
        speed = max(known) if known else source.speed
        if speed is None and total:
            speed = total / max(1, len(self._connections.elders))
        mine = self._wanted(number, now) == 0
        sharers = mine + sum(self._wanted(at, now) for at in range(len(self._sources)))
        latency = _LATENCY if source.latency is None else source.latency
        floor = LEAST if number else MIB  # another source is asked since the first is slow
        return Taker(speed, latency, sharers, max(self._growth.ahead, 2 * latency), floor)

    def _give(self, number: int, now: float) -> bool:
        """Give a source a further connection, if there is something for it."""
        source = self._sources[number]
        others = bool(self._connections.elders)
        if others and (now < source.not_before - _ROUNDING or not source.ranges):
            return False
        self._relieve_front(number, now)
        taker = self._taker(number, now)
        whole = taker.sharers <= 1 or (number == 0 and self._growth.first_step)
        piece = self._claims.next_piece(now, taker, to_the_end=whole)
        if not source.ranges:
            piece = self._claims.received, self._claims.end or 0
        piece = piece or self._claims.share(now, taker)
        if piece is None:
            return False
        self._connections.ask(number, *piece, now, fresh=source.suspect)
        return True


def _silent_since(one: Connection) -> float:
    return max(one.last, one.hedged_at)
