"""Which request meets which fault?

A script is a list of faults, each with its conditions. The rule: the first
fault of the script that wants a request (or a connection) gets it, and only
that one; so the script reads like a play, and `Together` is the way to have two
at once. Counting ("the first two") counts only what a fault has been given.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Callable, Union

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.servers.answers import Answer, Request, Resource
    from tests.servers.delivery import Plan
    from tests.servers.wire import Wire

Numbers = Callable[[int], bool]


def numbers(*wanted: int) -> Numbers:
    """Say yes to these numbers; requests and connections count from 1."""
    return set(wanted).__contains__


def all_but_each(n: int) -> Numbers:
    """Say yes to all but each `n`-th: `all_but_each(3)` to 1, 2, 4, 5, 7 …."""
    return lambda number: number % n != 0


def each(n: int) -> Numbers:
    """Say yes to each `n`-th: `each(3)` to 3, 6, 9 …."""
    return lambda number: number % n == 0


@dataclass(frozen=True)
class When:
    """The conditions of a fault; all of them must hold.

    Attributes:
        path: A glob for the whole path or its last part ("demo*.whl"), or
            without wildcards a part of the path.
        method: "GET", "HEAD"; None: any.
        first: How many requests (connections, for a fault of the connection)
            the fault is given; None: all that fit.
        ranged: Whether the request asks for a range; None: either.
        requests: Asked with the number of the request, of the whole server.
        connections: Asked with the number of the connection.
        matching: Asked with the request.
        until: The fault is over once this event is set.
        since: The fault begins once this event is set.
    """

    path: str = "*"
    method: str | None = None
    first: int | None = None
    ranged: bool | None = None
    requests: Numbers | None = None
    connections: Numbers | None = None
    matching: Callable[[Request], bool] | None = None
    until: threading.Event | None = None
    since: threading.Event | None = None

    def fits(self, request: Request, given: int) -> bool:
        """Say whether a fault that was `given` requests so far gets this one too."""
        return (
            (self.first is None or given < self.first)
            and self.method in {None, request.method}
            and self.ranged in {None, request.range is not None}
            and _matches(self.path, request.path)
            and (self.requests is None or self.requests(request.number))
            and (self.connections is None or self.connections(request.connection))
            and (self.matching is None or self.matching(request))
            and (self.until is None or not self.until.is_set())
            and (self.since is None or self.since.is_set())
        )

    @property
    def needs_request(self) -> bool:
        """Whether a connection without a request cannot be judged."""
        asked = (self.method, self.ranged, self.requests)
        return self.path != "*" or any(item is not None for item in asked)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. A fault of no kind at all: use it to let requests pass.

    A fault changes one of the stages which an answer goes through, and leaves
    the others as they are.
    """

    def when(self, path: str = "*", **conditions: Any) -> Scripted:
        """Return the fault with its conditions, those of `When`."""
        return Scripted(self, When(path, **conditions))

    def change_request(self, request: Request) -> Request:
        """Return the request as this server understands it."""
        return request

    def change_resource(self, resource: Resource) -> Resource:
        """Return what this server takes for the resource."""
        return resource

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        """Return what this server says."""
        return answer

    def change_plan(self, plan: Plan) -> Plan:
        """Return how this server says it."""
        return plan


@dataclass(frozen=True)
class Together(Fault):
    """Several faults of requests at once, applied in this order."""

    faults: tuple[Fault, ...]

    def change_request(self, request: Request) -> Request:
        return functools.reduce(
            lambda value, fault: fault.change_request(value), self.faults, request
        )

    def change_resource(self, resource: Resource) -> Resource:
        return functools.reduce(
            lambda value, fault: fault.change_resource(value), self.faults, resource
        )

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        for fault in self.faults:
            answer = fault.change_answer(answer, request, resource)
        return answer

    def change_plan(self, plan: Plan) -> Plan:
        return functools.reduce(lambda value, fault: fault.change_plan(value), self.faults, plan)


@dataclass(frozen=True)
class ConnectionFault(Fault):
    """A fault that happens before any request can be read."""

    def meet(self, wire: Wire) -> None:
        """Do it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scripted:
    """A fault with its conditions."""

    fault: Fault
    when: When = dataclasses.field(default_factory=When)


Entry = Union[Fault, Scripted]


class Script:
    """The faults of a server, and how often each was given something; thread-safe."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple(
            Scripted(entry) if isinstance(entry, Fault) else entry for entry in entries
        )
        self._given = [0] * len(self.entries)
        self._lock = threading.Lock()
        for entry in self.entries:
            if isinstance(entry.fault, ConnectionFault) and entry.when.needs_request:
                raise ValueError(f"there is no request yet when {entry.fault} happens")

    def fault_of_request(self, request: Request) -> Fault:
        """Return the fault that gets this request; one of no kind if none does."""
        return self._first(request, of_connection=False)

    def fault_of_connection(self, request: Request) -> ConnectionFault | None:
        """Return the fault that gets this connection, described by an empty request."""
        fault = self._first(request, of_connection=True)
        return fault if isinstance(fault, ConnectionFault) else None

    def _first(self, request: Request, *, of_connection: bool) -> Fault:
        with self._lock:
            for at, entry in enumerate(self.entries):
                if isinstance(entry.fault, ConnectionFault) is not of_connection:
                    continue
                if entry.when.fits(request, self._given[at]):
                    self._given[at] += 1
                    return entry.fault
        return Fault()


def _matches(pattern: str, path: str) -> bool:
    if any(character in pattern for character in "*?["):
        return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)
    return pattern in path
