"""What do the measurements mean?

The rule: pure. Every cause is one of `diagnosis`, in the words that the last
line of an install would use; each is told once, the first step that fails
before what only follows from it.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pip_resilient import diagnosis
from pip_resilient.cli import armed, fixes
from pip_resilient.cli.measured import CACHE, PACKAGES, TEMPORARY, Answer
from pip_resilient.exceptions import failure_of_status
from pip_resilient.messages import size
from pip_resilient.policy.dates import seconds_of_date
from pip_resilient.policy.failure import Failure, Kind, Whose
from pip_resilient.policy.origins import host_of, place_of
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pip_resilient.cli.measured import Address, Asked, Index, Measured, Room
    from pip_resilient.cli.pip_config import PipConfig, Source

CLOCK_MAY_DIFFER = 300.0
"""Seconds. What a page took and a proxy's cache may make of a Date is less."""
LEAST_ROOM = 200e6
"""Bytes; a middling scientific package, unpacked."""
SLOW = 51200.0
"""Bytes per second, as MIN_SPEED of the settings."""
BEHIND = 24 * 3600.0
_ENOUGH_TO_JUDGE = 0.5
"""Seconds that a download takes at least before its speed is believed."""
_OF_CERTIFICATE = (Kind.TOO_EARLY, Kind.EXPIRED)
_OF_ROOM = {
    TEMPORARY: "room",
    CACHE: "room_for_cache",
    PACKAGES: "room_for_packages",
}
_LOCAL = {"configuration", "no_pip", *(kind.name.lower() for kind in diagnosis.NOT_THE_NETWORK)}
"""Causes that are the same for every host: they come first."""
_SHARED = {*_LOCAL, "clock", "unreachable", "dns_temporary"}
"""Causes of this machine alone, of which more than one host says nothing more."""
_OF_THE_PROXY_ITSELF = {
    *(Kind.REFUSED, Kind.CONNECT_TIMEOUT, Kind.DNS_UNKNOWN, Kind.STACK),
    *(Kind.PROXY_AUTHENTICATION, Kind.PROXY_SCHEME),
}
"""Where one is in between: whatever host was to be reached."""


class Finding(Record):
    """A cause.

    Attributes:
        cause: Its name, for programs: `dns_unknown`, `clock`.
        place: Who is concerned: a host, or the proxy before it.
        said: One sentence.
        advice: What to do.
        grave: Whether pip will fail for it; else it is only worth knowing.
        fix: Lines to paste.
        set_by: What set the culprit, or empty.
    """

    cause: str
    place: str
    said: str
    advice: str
    grave: bool = True
    fix: tuple[str, ...] = ()
    set_by: str = ""


def findings(measured: Measured) -> list[Finding]:
    """Return every cause that can be seen, the one to begin with first."""
    config = measured.config
    found = [*_of_pip(config)]
    needed = [one for one in measured.indexes if not one.mirror and not one.links]
    for index in measured.indexes:
        told = list(_of_index(index, measured))
        # Without a page of links, pip goes on with its indexes.
        spare = index.mirror or (index.links and len(needed) > 0)
        told = [one._replace(grave=False) for one in told] if spare else told
        found += [_of_mirror(one) for one in told] if index.mirror else told
    found += [one for room in measured.rooms for one in _of_room(room)]
    found += _of_clock(measured)
    found += _of_serials(measured.indexes)
    if armed.is_on(config.text(armed.SWITCH)):
        found = [one._replace(fix=() if one.fix == fixes.ARM else one.fix) for one in found]
    once: dict[tuple[str, ...], Finding] = {}
    for one in found:
        whose = () if one.cause in _SHARED else (one.place, one.set_by)
        once.setdefault((one.cause, one.said.partition(": ")[2] or one.said, *whose), one)
    return sorted(once.values(), key=lambda one: (not one.grave, one.cause not in _LOCAL))


def _of_mirror(finding: Finding) -> Finding:
    """Say what to do about a mirror: no option of pip names it, and nobody needs it yet."""
    if finding.cause in _SHARED:
        return finding
    return finding._replace(advice=diagnosis.OF_MIRROR, fix=())


def _seen(
    cause: str, place: str, *, grave: bool = True, source: Source | None = None, **values: Any
) -> Finding:
    said, advice = diagnosis.seen(cause, place=place, set_by=_bracket(source), **values)
    return Finding(
        cause, place, said, advice, grave, fixes.of_cause(cause, source), _set_by(source)
    )


def _of_failure(index: Index, failure: Failure) -> Finding:
    place = place_of(index.url) if host_of(index.url) else "the index"
    by_proxy = _bracket(index.proxy_source) if failure.proxy else ""
    who = diagnosis.who(failure, place, by_proxy)
    source = index.proxy_source if failure.proxy else index.source
    if failure.kind is Kind.CA_PATH:
        source = index.ca_source
    if failure.kind is Kind.CLIENT_PATH:
        source = index.client_source
    if failure.kind.whose is Whose.SETTINGS and source is not index.proxy_source:
        who += _bracket(source)
    common = failure.proxy and failure.kind in _OF_THE_PROXY_ITSELF
    return Finding(
        failure.kind.name.lower(),
        failure.proxy if common and failure.proxy else place,
        f"{who}: {failure.said}",
        diagnosis.advice(failure, place, by_proxy),
        fix=fixes.of_failure(failure, source),
        set_by=_set_by(source),
    )


def _set_by(source: Source | None) -> str:
    return "" if source is None or source.kind in ("default", "built-in") else source.said


def _bracket(source: Source | None) -> str:
    set_by = _set_by(source)
    return f" ({set_by})" if set_by else ""


def _of_pip(config: PipConfig) -> Iterator[Finding]:
    for path in config.unreadable:
        yield _seen("configuration", "pip", path=path)
    if config.broken:
        yield _seen("no_pip", "pip", said=config.broken)


def _of_index(index: Index, measured: Measured) -> Iterator[Finding]:
    place = place_of(index.url)
    if index.trusted_by is not None:
        yield _seen("unverified", place, grave=False, source=index.trusted_by)
    if index.folder:
        if index.missing:
            yield _seen("no_folder", index.folder, source=index.source)
    elif index.insecure:
        yield _seen("insecure", place, source=index.source)
    elif isinstance(index.addresses, Failure):
        yield _of_failure(index, index.addresses)
    else:
        bad = [one for one in index.addresses if one.failure is not None]
        if len(bad) == len(index.addresses) and bad:
            yield _of_address(index, bad, measured.now)
        else:
            yield from _of_some_addresses(index, index.addresses, bad)
            yield from _of_pages(index)


def _of_address(index: Index, bad: list[Address], now: float) -> Finding:
    # The address that got furthest tells most: IPv6 is often not there at all.
    worst = max(bad, key=lambda one: (one.certificate is not None, one.tcp is not None))
    failure, place = worst.failure, place_of(index.url)
    if failure is None:
        failure = Failure(Kind.SILENT)
    if failure.kind is Kind.SILENT and worst.tcp is not None:
        return _seen("tls_silence", place, who=diagnosis.who(failure, place))
    off = _clock_is_off(worst.date, now)
    if failure.kind in _OF_CERTIFICATE and off is not None:
        told = _seen("clock", place, by=off)
        return told._replace(said=f"{told.said}: {failure.said} ({place})")
    if worst.certificate is not None:
        failure = worst.certificate.explain(failure, now)
    return _of_failure(index, failure)


def _of_some_addresses(
    index: Index, addresses: Sequence[Address], bad: list[Address]
) -> Iterator[Finding]:
    place = place_of(index.url) if index.proxy is None else index.proxy
    families = {one.family for one in bad}
    sound = {one.family for one in addresses if one.failure is None}
    for one in bad[:1]:
        failure = one.failure or Failure(Kind.SILENT)
        told: dict[str, Any] = {"address": one.text, "said": failure.said}
        # No route to IPv6 costs nothing, waiting for it does.
        grave = failure.kind in (Kind.CONNECT_TIMEOUT, Kind.SILENT)
        if len(families) == 1 and not families & sound:
            other = sound.pop()
            yield _seen("one_family", place, grave=grave, family=one.family, other=other, **told)
        else:
            count: dict[str, Any] = {"bad": len(bad), "all": len(addresses)}
            yield _seen("some_addresses", place, **count, **told)


def _of_pages(index: Index) -> Iterator[Finding]:
    failed = [(address, one) for address, one in index.pages if _wrong(one) is not None]
    for address, asked in failed[:1]:
        failure = _wrong(asked) or Failure(Kind.STATUS)
        if len(failed) == len(index.pages):
            yield _of_failure(index, failure)
            return
        count: dict[str, Any] = {"bad": len(failed), "all": len(index.pages)}
        place = place_of(index.url)
        yield _seen("some_addresses", place, address=address, said=failure.said, **count)
    answers = [one for _, one in index.pages if isinstance(one, Answer) and _wrong(one) is None]
    if answers:
        yield from _of_answer(index, answers[0])


def _wrong(asked: Asked | None) -> Failure | None:
    if asked is None or isinstance(asked, Failure):
        return asked
    return asked.failure or failure_of_status(asked.status, asked.headers, None)


def _of_answer(index: Index, answer: Answer) -> Iterator[Finding]:
    place = place_of(index.url)
    values: dict[str, Any] = {"status": answer.status, "url": answer.url}
    if isinstance(index.otherwise, Answer) and index.otherwise.status == 200:
        yield _seen("user_agent", place, source=index.source, **values)
    elif answer.status == 404:
        if not index.listed:
            yield _seen("no_index", place, source=index.source, **values)
    elif answer.status != 200:
        yield _seen("refusal", place, source=index.source, **values)
    elif index.junk and index.title:
        yield _of_failure(index, Failure(Kind.INTERCEPTED, index.title))
    elif index.junk:
        yield _seen("no_page", place, source=index.source, url=answer.url, why=index.junk)
    else:
        yield from _of_files(index)
        yield from _of_age(index, answer)


def _of_files(index: Index) -> Iterator[Finding]:
    if index.fetched is None:
        return
    at_files = index._replace(url=index.fetched.url)
    place = place_of(index.fetched.url)
    for asked in (index.fetched.small, index.fetched.large):
        failure = _wrong(asked)
        if failure is not None:
            yield _of_failure(at_files, failure)
            return
        if isinstance(asked, Answer) and asked.status != 200:
            yield _seen("refusal", place, status=asked.status, url=asked.url)
            return
    speed = speed_of(index)
    if speed is not None and speed < SLOW:
        yield _seen("slow", place, speed=f"{size(speed)} per second")


def speed_of(index: Index) -> float | None:
    """Return the bytes per second of an index's files, None where too little came to tell."""
    large = None if index.fetched is None else index.fetched.large
    if not isinstance(large, Answer) or not large.body:
        return None
    enough = large.body_seconds >= _ENOUGH_TO_JUDGE or len(large.body) >= 500_000
    return len(large.body) / max(large.body_seconds, 1e-6) if enough else None


def _of_age(index: Index, answer: Answer) -> Iterator[Finding]:
    """Judge a mirror by the date of its last synchronisation, against its own clock (PEP 381)."""
    then = seconds_of_stamp(index.last_modified)
    now = seconds_of_date(answer.headers.get("date"))
    if then is not None and now is not None and now - then > BEHIND:
        by = f"last synchronised {ago(now - then)} ago"
        yield _seen("stale", place_of(index.url), source=index.source, by=by)


def _of_serials(indexes: Sequence[Index]) -> Iterator[Finding]:
    known = [(one, one.page.serial) for one in indexes if one.page and one.page.serial]
    newest = max((serial for _, serial in known), default=0)
    for index, serial in known:
        if serial < newest:
            by = f"serial {serial}, elsewhere {newest}"
            yield _seen("stale", place_of(index.url), grave=not index.mirror, by=by)


def seconds_of_stamp(stamp: str | None) -> float | None:
    """Read PEP 381's `20240131T12:00:00` (UTC) as seconds since 1970; None where it is none."""
    try:
        moment = datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H:%M:%S%z")
    except ValueError:
        return None
    return moment.timestamp()


def _of_room(room: Room) -> Iterator[Finding]:
    if room.failure is not None:
        advice = diagnosis.advice(room.failure, room.path)
        said = f"{room.path}: {room.failure.said}"
        fix = fixes.of_failure(room.failure, room.source)
        cause = room.failure.kind.name.lower()
        yield Finding(cause, room.path, said, advice, True, fix, _set_by(room.source))
    elif room.free is not None and room.free < LEAST_ROOM:
        told = {"free": size(room.free), "path": room.path}
        grave = room.use != CACHE
        yield _seen(_OF_ROOM[room.use], room.path, grave=grave, source=room.source, **told)


def _of_clock(measured: Measured) -> Iterator[Finding]:
    for index in measured.indexes:
        for _, asked in index.pages:
            date = asked.headers.get("date") if isinstance(asked, Answer) else None
            off = _clock_is_off(date, measured.now)
            if off is not None:
                yield _seen("clock", place_of(index.url), by=off)
                return


def _clock_is_off(date: str | None, now: float) -> str | None:
    theirs = seconds_of_date(date)
    if theirs is None or abs(now - theirs) <= CLOCK_MAY_DIFFER:
        return None
    word = "behind" if now < theirs else "ahead"
    return f"{ago(abs(now - theirs))} {word}, by the server's Date of {date}"


def ago(seconds: float) -> str:
    """Write a span of time in the unit that fits."""
    for unit, worth in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0)):
        count = math.floor(seconds / worth)
        if count >= 1:
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "less than a second"
