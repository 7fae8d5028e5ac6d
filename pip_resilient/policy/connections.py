"""Who is asked for what, and who stands beside whom?

The rule: a connection is there from the moment it is asked for until it is
dropped or fails, and nothing is ever said of one that is not there. A hedge
has no bytes of its own: it brings those of its elder, and takes its place.
"""

from __future__ import annotations

from typing import Union

from pip_resilient.policy.record import Record
from pip_resilient.policy.speed import Speed

MISSES = 2
"""Connections in a row that brought nothing, while others flow: there is one too many."""


class Way(Record):
    """A source, as far as a plan needs to know it; number 0 is the host that pip asked.

    Attributes:
        connections: The most connections to it at once, hedges not counted.
        ranges: Whether it can be asked for a part.
    """

    connections: int = 1
    ranges: bool = True


class Open(Record):
    """Ask a source for bytes, over a connection that bears this number from now on.

    Attributes:
        number: The connection's number; each is used once.
        source: Whom to ask.
        first: Offset of the first byte.
        end: Offset behind the last byte, None where the size is not known.
        fresh: Whether it must be a new connection; else a kept-alive one is fine.
        beside: The silent connection that this one is a hedge for, if any.
    """

    number: int
    source: int
    first: int
    end: int | None
    fresh: bool
    beside: int | None = None


class Drop(Record):
    """Close a connection: nothing more is wanted of it.

    Said, too, of one that has reached its stop; if its answer is complete
    there it may be kept alive.

    Attributes:
        number: Its number.
    """

    number: int


Action = Union[Open, Drop]


class Connection:
    """One connection, being opened or open. Moments in seconds.

    Attributes:
        number: It is known by it.
        source: Whom it leads to.
        position: Offset of the next byte wanted of it.
        limit: Offset behind the last byte of its answer, None if unknown.
        asked_at: When it was asked for.
        opened_at: When its answer began, None until then.
        first_at: When its first byte came, None until then.
        last: When it was last heard of.
        brought: How many bytes it brought.
        speed: How fast.
        barren: How many hedges beside it brought nothing.
        hedged_at: When the last of them was asked.
        elder: The silent connection that it is a hedge for.
        hedge: Its own hedge.
        alone: Whether no hedge was allowed when it, or the one before, fell silent.
    """

    __slots__ = (
        *("alone", "asked_at", "barren", "brought", "elder", "first_at", "hedge", "hedged_at"),
        *("last", "limit", "number", "opened_at", "position", "source", "speed"),
    )

    def __init__(
        self, number: int, source: int, position: int, limit: int | None, now: float
    ) -> None:
        self.number = number
        self.source = source
        self.position = position
        self.limit = limit
        self.asked_at = self.last = self.hedged_at = now
        self.opened_at: float | None = None
        self.first_at: float | None = None
        self.brought = 0
        self.barren = 0
        self.alone = False
        self.elder: Connection | None = None
        self.hedge: Connection | None = None
        self.speed = Speed()

    def rate(self, now: float) -> float | None:
        """Return its bytes per second over the last 2 s, None while that cannot be told.

        One that brings hardly anything is looked at for longer.
        """
        rate = self.speed.rate(now - 2.0, now)
        if rate is None:
            rate = self.speed.rate(now - 20.0, now)
        if rate is None and self.opened_at is not None and now - self.opened_at > 1.0:
            rate = self.brought / (now - self.opened_at)
        return rate


class Source:
    """What has been seen of a source. Moments and spans in seconds.

    Attributes:
        ranges: Whether it can be asked for a part.
        gone: Whether it is not asked any more.
        longest_gap: Longest silence between two arrivals on one connection.
        silences: How many hedges its connections have needed.
        misses: How many connections in a row brought nothing.
        suspect: Whether a connection failed, and none has brought bytes since.
        failed_at: When the last one failed.
        not_before: When the next connection may be opened, if others are alive.
        speed: Bytes per second that a connection brought last.
        latency: Shortest time that one took to open.
    """

    def __init__(self, way: Way) -> None:
        self.ranges = way.ranges
        self.gone = False
        self.longest_gap = 0.0
        self.silences = 0
        self.misses = 0
        self.suspect = False
        self.failed_at = self.not_before = float("-inf")
        self.speed: float | None = None
        self.latency: float | None = None


class Connections:
    """All connections of one file, hedges included, and what is still to be said of them.

    Attributes:
        elders: Those that are no hedges.
    """

    def __init__(self) -> None:
        self.elders: list[Connection] = []
        self._all: dict[int, Connection] = {}
        self._next = 0
        self._todo: list[Action] = []

    def __bool__(self) -> bool:
        return bool(self._all)

    def __contains__(self, one: Connection) -> bool:
        return one.number in self._all

    def get(self, number: int) -> Connection | None:
        """Return a connection, None if it is gone."""
        return self._all.get(number)

    def of(self, source: int) -> list[Connection]:
        """Return those to one source, hedges aside."""
        return [one for one in self.elders if one.source == source]

    def places(self, source: int) -> int:
        """Return how many connections a source has, once every hedge to it has won."""
        return len(self.of(source)) + sum(
            one.source == source and one.elder is not None and one.elder.source != source
            for one in self._all.values()
        )

    def said(self) -> list[Action]:
        """Return what has not been said yet."""
        said, self._todo = self._todo, []
        return said

    def unsaid(self) -> bool:
        """Tell whether there is something to be said."""
        return bool(self._todo)

    def add(self, source: int, first: int, limit: int | None, now: float) -> Connection:
        """Take in a connection that is there already."""
        one = Connection(self._next, source, first, limit, now)
        self._next += 1
        self._all[one.number] = one
        self.elders.append(one)
        return one

    def ask(
        self, source: int, first: int, end: int | None, now: float, *, fresh: bool
    ) -> Connection:
        """Have a connection opened."""
        one = self.add(source, first, end, now)
        self._todo.append(Open(one.number, source, first, end, fresh))
        return one

    def ask_beside(self, elder: Connection, source: int, end: int | None, now: float) -> None:
        """Have a hedge opened; it replaces the one before."""
        if elder.hedge is not None:
            self.drop(elder.hedge)
        hedge = Connection(self._next, source, elder.position, end, now)
        self._next += 1
        self._all[hedge.number] = hedge
        elder.hedge, hedge.elder = hedge, elder
        self._todo.append(Open(hedge.number, source, hedge.position, end, True, elder.number))

    def drop(self, one: Connection) -> None:
        """Have a connection closed, and its hedge with it."""
        if one.hedge is not None:
            self.drop(one.hedge)
        self._remove(one)
        self._todo.append(Drop(one.number))

    def drop_all(self) -> None:
        """Have every connection closed."""
        for one in list(self.elders):
            self.drop(one)

    def drop_source(self, source: int) -> None:
        """Have every connection to a source closed; hedges to others take their places."""
        for one in list(self._all.values()):
            if one.source == source and one.number in self._all:
                self.yield_to_hedge(one)

    def yield_to_hedge(self, one: Connection) -> None:
        """Have a connection closed; if its hedge is open, that one takes its place."""
        self.lose(one)
        self._todo.append(Drop(one.number))

    def lose(self, one: Connection) -> None:
        """Take note that a connection is gone; a hedge that is open takes its place."""
        hedge, one.hedge = one.hedge, None
        self._remove(one)
        if hedge is None:
            return
        if hedge.opened_at is None:
            self.drop(hedge)
        else:
            self._promote(hedge, one)

    def forget(self, number: int) -> None:
        """Say nothing more of a connection: it is gone."""
        self._todo = [said for said in self._todo if said.number != number]

    def delivers(self, one: Connection) -> Connection | None:
        """End the race between a connection and its hedge, or its elder.

        Returns:
            The elder whose place it takes, if it does.
        """
        if one.hedge is not None:
            self.drop(one.hedge)
        elder = one.elder
        if elder is not None:
            elder.hedge = None
            self._remove(elder)
            self._todo.append(Drop(elder.number))
            self._promote(one, elder)
        return elder

    def _promote(self, hedge: Connection, elder: Connection) -> None:
        hedge.elder = None
        hedge.position = max(hedge.position, elder.position)
        self.elders.append(hedge)

    def _remove(self, one: Connection) -> None:
        self._all.pop(one.number, None)
        if one in self.elders:
            self.elders.remove(one)
        if one.elder is not None:
            one.elder.hedge = None
