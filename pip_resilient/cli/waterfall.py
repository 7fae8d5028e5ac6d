"""What became of each request, and when?

The rule: a row for each request, made of its records alone: stretches in which
it waited for an answer, got bytes, stood still before the next attempt or was
served by somebody else, and marks where something happened. Seconds since the
run began; no drawing is done here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from pip_resilient import events as told
from pip_resilient.accounts import AboutRun, Brought, Requested

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pip_resilient.events import Event

ASKED, BODY, WAIT, ELSEWHERE = "asked", "body", "wait", "elsewhere"
FAILED, RESUMED, SWITCHED, MORE, GAVE_UP = "failed", "resumed", "switched", "more", "gave up"
_MARKS: dict[type[Event], str] = {
    told.Retried: FAILED,
    told.LostOne: FAILED,
    told.SourceFailed: FAILED,
    told.RightBytesAgain: FAILED,
    told.Quarantined: FAILED,
    told.Resumed: RESUMED,
    told.TakenUp: RESUMED,
    told.AskedElsewhere: SWITCHED,
    told.PageElsewhere: SWITCHED,
    told.SecondConnection: MORE,
    told.Overtaken: MORE,
    told.Widened: MORE,
    told.GaveUp: GAVE_UP,
}
_BACK = (told.SourceFailed, told.Quarantined, told.PageElsewhere, told.ServedElsewhere)
"""After these nobody else is asked any more."""
_SAME = 0.001
"""Seconds to which moments are rounded."""
_NOT_THERE = (404, 410)
"""That is an answer: one of several indexes does not have it."""


class Stretch(NamedTuple):
    """One stretch of a request.

    Attributes:
        kind: `asked`: nothing comes; `body`: bytes come; `wait`: nothing until
            the next attempt; `elsewhere`: somebody else is asked.
        place: The host.
    """

    begin: float
    end: float
    kind: str
    place: str


class Mark(NamedTuple):
    """Something that happened."""

    at: float
    kind: str
    event: Event


class Row(NamedTuple):
    """One request.

    Attributes:
        name: Of the file, or of the project whose page it is.
        place: The host that was asked.
        failures: How many attempts, connections and sources failed.
        waited: Seconds between attempts.
        length: Bytes that came.
        result: What became of it, in a few words.
        good: Whether it ended well.
        troubled: Whether anything went wrong on the way.
        sources: Other sources that served it.
        events: All that happened to it.
    """

    name: str
    place: str
    begin: float
    end: float
    stretches: tuple[Stretch, ...]
    marks: tuple[Mark, ...]
    failures: int
    waited: float
    length: int
    result: str
    good: bool
    troubled: bool
    sources: tuple[str, ...]
    events: tuple[Event, ...]


def rows(about: AboutRun, events: Sequence[Event]) -> list[Row]:
    """Return what became of each request, in the order in which they began."""
    end = max([about.duration, *(event.at for event in events)])
    grouped = _grouped(events)
    return [_row(request, mine, end) for request, mine in grouped]


def name_of(url: str) -> str:
    """Return what a URL is called in a report: the last word of its path, never more of it."""
    path = re.sub(r"[?#].*", "", url.partition("://")[2])
    words = [word for word in path.split("/")[1:] if word]
    return unquote(words[-1]) if words else "/"


def _grouped(events: Sequence[Event]) -> list[tuple[Requested, list[Event]]]:
    """Return the requests, each with what happened to it; one that is not known is made up."""
    requests: dict[str, list[tuple[Requested, list[Event]]]] = {}
    for event in events:
        if isinstance(event, Requested):
            requests.setdefault(event.url, []).append((event, []))
    for event in events:
        url = getattr(event, "url", None)
        if url is None or isinstance(event, Requested):
            continue
        known = requests.setdefault(url, [])
        if not known:
            # Of a child, or one more than are remembered.
            made = Requested(event.at, _asked_place(event), url, "GET", None, None, None, 0, False)
            known.append((made, []))
        before = [one for one in known if one[0].at <= event.at + _SAME]
        _, mine = before[-1] if before else known[0]
        mine.append(event)
    return sorted((one for known in requests.values() for one in known), key=lambda one: one[0].at)


def _asked_place(event: Event) -> str:
    return str(getattr(event, "place", ""))


def _row(request: Requested, mine: list[Event], run_end: float) -> Row:
    end = _end(request, mine, run_end)
    stretches = tuple(_stretches(request, mine, end))
    marks = tuple(Mark(e.at, _MARKS[type(e)], e) for e in mine if type(e) in _MARKS)
    sources = tuple(
        dict.fromkeys(
            event.source
            for event in mine
            if isinstance(event, (told.ServedElsewhere, told.PageElsewhere)) and event.source
        )
    )
    result, good = _result(request, mine, sources)
    return Row(
        name_of(request.url),
        request.place,
        request.at,
        end,
        stretches,
        marks,
        sum(mark.kind == FAILED or type(mark.event) is told.Overtaken for mark in marks),
        sum(event.wait for event in mine if isinstance(event, told.Retried)),
        max([request.length, *(e.length for e in mine if isinstance(e, told.ServedElsewhere))]),
        result,
        good,
        any(not isinstance(mark.event, told.Widened) for mark in marks),
        sources,
        tuple(mine),
    )


def _end(request: Requested, mine: list[Event], run_end: float) -> float:
    given_up = [event.at for event in mine if isinstance(event, told.GaveUp)]
    last = [event.at for event in mine]
    if request.ended is not None:
        return max(request.at, request.ended, *last)
    return max([request.at, *last]) if given_up else max(request.at, run_end)


def _stretches(request: Requested, mine: list[Event], end: float) -> Iterator[Stretch]:
    """Walk from one change to the next; what lies between is one stretch."""
    at, kind, place = request.at, ASKED, request.place
    for moment, to, whose in (*_changes(request, mine), (end, "", "")):
        moment = min(max(moment, at), end)  # noqa: PLW2901
        if moment > at:
            yield Stretch(at, moment, kind, place)
        at, kind, place = moment, to, whose or request.place


def _changes(request: Requested, mine: list[Event]) -> list[tuple[float, str, str]]:
    """Return (moment, kind of what follows, whose)."""
    changes: list[tuple[float, str, str]] = []
    if request.answered is not None:
        changes.append((request.answered, BODY, ""))
    for event in mine:
        if isinstance(event, told.Retried):
            changes.append((event.at, WAIT, ""))
            changes.append((event.at + event.wait, ASKED, ""))
        elif isinstance(event, told.Resumed):
            changes.append((event.at, BODY, ""))
        elif isinstance(event, told.SecondConnection):
            changes.append((event.at - event.silent, ASKED, ""))
            changes.append((_overtaken(mine, event.at), BODY if event.offset else ASKED, ""))
        elif isinstance(event, told.AskedElsewhere):
            changes.append((event.at, ELSEWHERE, event.host or event.source))
        elif isinstance(event, _BACK):
            served = isinstance(event, told.ServedElsewhere)
            changes.append((event.at, BODY if served else ASKED, ""))
    return sorted(changes, key=lambda change: change[0])


def _overtaken(mine: list[Event], since: float) -> float:
    """Return when a second connection delivered; where it never did, when it was asked."""
    later = [e.at for e in mine if isinstance(e, told.Overtaken) and e.at >= since]
    return min(later, default=since)


def _result(request: Requested, mine: list[Event], sources: tuple[str, ...]) -> tuple[str, bool]:
    given_up = [event for event in mine if isinstance(event, told.GaveUp)]
    wrong = [event for event in mine if isinstance(event, told.RightBytesAgain) and event.final]
    own = [e for e in mine if isinstance(e, told.PageElsewhere) and not e.source]
    if sources:
        said, good = f"served by {', '.join(sources)}", True
    elif own:
        said, good = "its last good page", True
    elif given_up:
        said, good = given_up[-1].failure.said, False
    elif wrong:
        said, good = "wrong bytes", False
    elif request.status is not None and request.status >= 400:
        said, good = f"HTTP {request.status}", request.status in _NOT_THERE
    elif any(isinstance(event, told.Healed) for event in mine):
        said, good = "healed", True
    elif request.cached:
        said, good = "from pip's cache", True
    elif request.answered is None:
        said, good = "no answer", False
    elif request.ended is None:
        said, good = "not finished", False
    else:
        said, good = "fine", True
    return said, good


class Totals(NamedTuple):
    """A run in numbers; bytes and seconds.

    Attributes:
        requests: How many.
        failures: Attempts, connections and sources that failed.
        given_up: Requests that failed for good.
        waited: Between attempts, all requests together.
        brought: By host.
        saved: Not downloaded again.
        switches: Things served by somebody else.
    """

    requests: int
    failures: int
    given_up: int
    waited: float
    brought: dict[str, int]
    saved: int
    switches: int


def totals(about: AboutRun, events: Sequence[Event], made: Sequence[Row]) -> Totals:
    """Return a run in numbers."""
    brought: dict[str, int] = {}
    for event in _of(events, Brought):
        brought[event.place] = brought.get(event.place, 0) + event.length
    return Totals(
        max(about.requests, len(made)),
        sum(row.failures for row in made),
        sum(1 for _ in _of(events, told.GaveUp)),
        sum(row.waited for row in made),
        dict(sorted(brought.items(), key=lambda one: -one[1])),
        sum(event.saved for event in _of(events, told.Healed)),
        sum(len(row.sources) for row in made),
    )


def _of(events: Iterable[Event], cls: Any) -> Iterator[Any]:
    return (event for event in events if isinstance(event, cls))
