"""Which bytes does each connection bring, and which does the next one take?

The rule: a connection goes on until it meets bytes that are known or that
another one has begun to bring. That is all there is to know of a claim: where
one fails, the one before it goes on through its bytes by itself, as far as its
answer goes. Pieces are taken near the front, so that the known beginning of
the file grows steadily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.policy.record import Record
from pip_resilient.policy.stretches import Stretches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pip_resilient.policy.connections import Connection

MIB = 2**20
_LONGEST = 16 * MIB
_SPAN = 2.5
"""Seconds that a piece takes."""
_TRIPS = 3.0
"""How many times as long as its asking a piece takes."""
_WORTH = 1.0
"""Seconds that a rest must take for somebody else to be given a part of it at the end."""
_GAIN = 0.25
LEAST = 2**16
"""Bytes that are worth a request of their own."""
_YOUNG = 1.0


class Taker(Record):
    """What is known of a connection that is to take a piece.

    Attributes:
        speed: Bytes per second that it will probably bring, None if unknown.
        latency: Seconds until its first byte.
        sharers: How many connections share the rest, this one included.
        ahead: Seconds for which the others keep the bytes before them.
        floor: Bytes that they keep at least, and that it takes at least.
    """

    speed: float | None
    latency: float
    sharers: int
    ahead: float = 1.5
    floor: int = MIB


def _expected(one: Connection, now: float, taker: Taker) -> float:
    """Return what a connection will bring; one that has just begun, as much as others do."""
    young = one.first_at is None or now - one.first_at < _YOUNG
    return max(one.rate(now) or 0.0, (taker.speed or 0.0) if young else 0.0)


def _before(one: Connection, other: Connection) -> bool:
    """Tell whether a connection ends where the other one is: that one began there."""
    if one.position != other.position:
        return one.position < other.position
    return (other.brought, other.number) < (one.brought, one.number)


class Claims:
    """The bytes of one file: known, being brought, and free.

    Args:
        first: Offset of the first byte.
        end: Offset behind the last byte, None if unknown.
        have: Stretches that are known already.
        connections: Those that bring them, hedges aside; kept up to date by others.
    """

    def __init__(
        self,
        first: int,
        end: int | None,
        have: Iterable[tuple[int, int]],
        connections: Sequence[Connection],
    ) -> None:
        self.first = first
        self.end = end
        self.known = Stretches(have)
        self.received = self.known.end_from(first)
        self.connections = connections
        self.missing = 0 if end is None else self.known.missing(first, end)
        self._rangeless: set[int] = set()

    def no_ranges(self, source: int) -> None:
        """A source gives nothing but the whole."""
        self._rangeless.add(source)

    def came(self, one: Connection, count: int) -> None:
        """A connection brought so many bytes at its position."""
        start, one.position = one.position, one.position + count
        if self.end is not None:
            self.missing -= self.known.missing(start, one.position)
        self.known.add(start, one.position)
        self.received = self.known.end_from(self.received)
        if one.source in self._rangeless:
            # Its answer goes on through what is known: that is skipped.
            one.position = self.known.end_from(one.position)

    def stop(self, one: Connection) -> int | None:
        """Return the offset behind the last byte that is wanted of a connection."""
        return self._stop(one, self.connections)

    def reach(self, one: Connection) -> int | None:
        """Return the offset behind the last byte that is taken of a connection that comes so far.

        Whoever has brought nothing yet stops nobody who is there: it may never
        bring anything.
        """
        return self._stop(one, [other for other in self.connections if other.brought])

    def _stop(self, one: Connection, others: Sequence[Connection]) -> int | None:
        if self.end is None or one.limit is None:
            return None
        stop = one.limit
        if one.elder is not None:
            one = one.elder
        for other in others:
            if other is not one and other.position < stop and _before(one, other):
                stop = other.position
        if one.source in self._rangeless:
            gaps = list(self.known.gaps(one.position, stop))
            return gaps[-1][1] if gaps else one.position
        known = self.known.next_first(one.position)
        return stop if known is None else min(stop, known)

    @property
    def complete(self) -> bool:
        """Whether every byte is known."""
        return self.end is not None and self.received >= self.end

    def through(self) -> list[Connection]:
        """Return the connections that bring nothing more, though all others were late."""
        return [one for one in self.connections if one.position == self.reach(one)]

    def front(self) -> Connection | None:
        """Return the connection that has the first missing byte as its next."""
        at = [one for one in self.connections if one.position == self.received]
        return at[0] if at else None

    def free(self) -> Iterator[tuple[int, int]]:
        """Yield the stretches that nobody brings, in order."""
        if self.end is None:
            return
        taken = Stretches(self.known)
        for one in self.connections:
            taken.add(one.position, self.stop(one) or one.position)
        yield from taken.gaps(self.first, self.end)

    def next_piece(
        self, now: float, taker: Taker, *, to_the_end: bool, behind: int = 0
    ) -> tuple[int, int] | None:
        """Return the bytes that a further connection takes, or None.

        Args:
            now: This moment.
            taker: What is known of it.
            to_the_end: Whether it takes all that follows until somebody takes of it.
            behind: Where it begins at the earliest.
        """
        pieces = [(max(a, behind), b) for a, b in self.free() if b > behind]
        for one in self.connections:
            tail = self._tail(one, now, taker)
            if tail is not None and tail[1] > behind:
                pieces.append((max(tail[0], behind), tail[1]))
        if not pieces:
            return None
        first, end = min(pieces)
        size = self._piece(taker)
        return first, end if to_the_end or end - first < 1.25 * size else first + size

    def _piece(self, taker: Taker) -> int:
        """Return how many bytes are taken at once.

        What comes in 2.5 s, 1 to 16 MiB; towards the end less, so that all end
        together, but nothing that is asked for longer than it comes.
        """
        speed = taker.speed or 0.0
        size = min(max(int(speed * _SPAN), MIB), _LONGEST)
        least = max(MIB, int(_TRIPS * taker.latency * speed))
        rest, sharers = self.missing, max(1, taker.sharers)
        share = max(int(rest / (1.5 * sharers)), min(least, rest // sharers))
        return max(1, min(size, share))

    def _tail(self, one: Connection, now: float, taker: Taker) -> tuple[int, int] | None:
        """Return what a connection may be relieved of: what it has not come to for long."""
        stop = self.stop(one)
        own = _expected(one, now, taker)
        if stop is None or one.limit is None or one.source in self._rangeless or not own:
            return None
        rest = stop - one.position
        kept = min(max(int(taker.ahead * own), taker.floor), rest // 2)
        # An answer that is cut short costs its connection; one that goes on costs it anyway.
        long = 1.5 * _SPAN if one.limit == stop else 1.5 * taker.ahead
        return (one.position + kept, stop) if rest > long * own and rest > taker.floor else None

    def share(self, now: float, taker: Taker) -> tuple[int, int] | None:
        """Return what an idle connection takes over at the end, or None if nothing gains.

        Of the rest that takes longest it gets so much that both end together.
        """
        best: tuple[float, int, int] | None = None
        speed = taker.speed or 0.0
        for one in self.connections:
            stop = self.stop(one)
            if stop is None or one.source in self._rangeless or one.first_at is None:
                continue
            rest, own = stop - one.position, _expected(one, now, taker) or 1.0
            alone = rest / own
            together = (rest + speed * taker.latency) / (own + speed)
            if alone > _WORTH and alone - together > _GAIN and (not best or alone > best[0]):
                best = alone, one.position + max(1, int(own * together)), stop
        if best is None or best[1] + LEAST > best[2]:
            return None
        return best[1], best[2]

    def until(self, first: int) -> int | None:
        """Return where an answer that begins at an offset meets what is known, or the end."""
        known = None if self.end is None else self.known.next_first(first)
        return self.end if known is None else known
