"""Which rows has the doctor's table?

The rule: one for each step of each index, in the order in which pip takes
them, so that the first bad one is where it begins; then this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.cli.findings import ago, speed_of
from pip_resilient.cli.measured import Answer
from pip_resilient.messages import size
from pip_resilient.policy.dates import seconds_of_date
from pip_resilient.policy.failure import Failure, Kind, Whose
from pip_resilient.policy.origins import place_of
from pip_resilient.policy.record import Record
from pip_resilient.policy.spans import ContentRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pip_resilient.cli.measured import Address, Asked, Index, Measured
    from pip_resilient.cli.pip_config import PipConfig

OK, BAD, NOTE = "ok", "bad", "note"
STYLES = {OK: "good", BAD: "bad", NOTE: "note"}
# What stock pips lack, by the first release that has it (pip's NEWS, and tried on each).
_NO_RELEASE = (99,)
_LACKS = (
    ((24, 0), "retries after a 502"),
    ((24, 2), "this system's CA certificates"),
    ((25, 1), "resume"),
    ((25, 2), "resume without --resume-retries"),
    ((26, 2), "resume after a reset"),
    (_NO_RELEASE, "resume in the next run"),
    (_NO_RELEASE, "retries after a 429 or 504"),
    (_NO_RELEASE, "other sources"),
)


class Check(Record):
    """One row.

    Attributes:
        name: What was looked at.
        state: `ok`, `bad` or `note`.
        said: What was seen.
        seconds: What it took, or None.
    """

    name: str
    state: str
    said: str
    seconds: float | None = None


def checks(measured: Measured) -> list[Check]:
    """Return the rows of the table."""
    rows = [row for index in measured.indexes for row in _of_index(index, measured.now)]
    for room in measured.rooms:
        state = OK if room.failure is None else BAD
        free = "not known" if room.free is None else f"{size(room.free)} free"
        said = free if room.failure is None else room.failure.said
        rows.append(Check("disk", state, f"{room.use}: {said} in {room.path}"))
    return [*rows, _of_pip(measured.config)]


def _of_pip(config: PipConfig) -> Check:
    if config.broken:
        return Check("pip", BAD, f"does not start: {config.broken}")
    lacks = [what for since, what in _LACKS if config.release() < since]
    resume = [what for what in lacks if "resume" in what]  # the first of them says all
    told = [what for what in lacks if what not in resume[1:]]
    if not config.user_agent:
        return Check("pip", NOTE, f"{config.version}; it did not say in time what configures it")
    return Check("pip", OK, f"{config.version}; it lacks {', '.join(told)}")


def _of_index(index: Index, now: float) -> Iterator[Check]:
    what = "mirror" if index.mirror else "links" if index.links else "index"
    yield Check(what, OK if _is_sound(index) else BAD, f"{index.url} ({index.source.said})")
    if index.folder:
        return
    if index.insecure:
        yield Check("  ignored", BAD, "plain http, and not in trusted-host")
        return
    if index.proxy is not None and index.proxy_source is not None:
        yield Check("  proxy", OK, f"{index.proxy} ({index.proxy_source.said})")
    if isinstance(index.addresses, Failure):
        named = index.addresses.kind in (Kind.DNS_TEMPORARY, Kind.DNS_UNKNOWN)
        yield Check("  DNS" if named else "  set-up", BAD, index.addresses.said)
        return
    if index.addresses:
        addresses = ", ".join(one.text for one in index.addresses)
        whose = "" if index.proxy is None else " (of the proxy)"
        yield Check("  DNS", OK, addresses + whose)
    for address in index.addresses:
        yield from _of_address(address, now)
    yield from _of_answers(index, now)


def _is_sound(index: Index) -> bool:
    if index.links and not index.folder and not isinstance(index.addresses, Failure):
        return any(one.failure is None for one in index.addresses)
    return index.page is not None or (bool(index.folder) and not index.missing)


def _of_address(address: Address, now: float) -> Iterator[Check]:
    said = address.failure.said if address.failure is not None else ""
    if address.tcp is None:
        yield Check(f"  {address.family}", BAD, f"{address.text}: {said}")
        return
    yield Check(f"  {address.family}", OK, f"{address.text}: connected", address.tcp)
    shown = address.certificate
    if address.failure is not None or address.tls is not None:
        certificate = ""
        if shown is not None:
            left = shown.ends - now
            days = f"{left / 86400:.0f} days left" if left > 0 else f"ended {ago(-left)} ago"
            certificate = f'issued by "{shown.issuer}", {days}'
        state = OK if address.failure is None else BAD
        of_proxy = address.failure is not None and address.failure.kind.whose is Whose.PROXY
        name = "  tunnel" if of_proxy else "  TLS"
        yield Check(name, state, "; ".join(filter(None, [said, certificate])), address.tls)


def _of_answers(index: Index, now: float) -> Iterator[Check]:
    for address, asked in index.pages:
        yield _of_answer("  page", asked, f" by {address}" if len(index.pages) > 1 else "")
    if index.otherwise is not None:
        yield _of_answer("  other UA", index.otherwise, " to another User-Agent")
    for _, asked in index.pages[:1]:
        if isinstance(asked, Answer):
            theirs = seconds_of_date(asked.headers.get("date"))
            off = None if theirs is None else abs(now - theirs)
            said = "no Date header" if off is None else f"{ago(off)} from the server's"
            yield Check("  clock", OK if off is not None and off <= 300 else NOTE, said)
    if index.fetched is not None:
        yield _of_answer("  file", index.fetched.small, f" from {place_of(index.fetched.url)}")
        yield _of_part(index.fetched.part)
        speed = speed_of(index)
        said = "too little came to tell" if speed is None else f"{size(speed)} per second"
        yield Check("  speed", OK, said)
    if index.speed is not None:
        yield Check("  speed", OK, f"{size(index.speed)} per second")
    if index.no_speed:
        yield Check("  file", BAD, index.no_speed)
    elif index.mirror and index.page is not None and index.speed is None:
        yield Check("  speed", NOTE, "too little came in time to tell")


def _of_answer(name: str, asked: Asked, more: str) -> Check:
    if isinstance(asked, Failure):
        return Check(name, BAD, asked.said + more)
    cut = "" if asked.failure is None else f", {asked.failure.said}"
    sound = asked.status == 200 and asked.failure is None
    said = f"status {asked.status}, {size(len(asked.body))}{cut}{more}"
    return Check(name, OK if sound else BAD, said, asked.seconds)


def _of_part(asked: Asked | None) -> Check:
    if not isinstance(asked, Answer):
        return Check("  ranges", NOTE, "not known")
    got = ContentRange.parse(asked.headers.get("content-range"))
    if asked.status == 206 and got is not None and (got.first, got.last) == (10, 19):
        return Check("  ranges", OK, "honoured: downloads can be resumed")
    return Check("  ranges", NOTE, "not honoured: a broken download begins again from nothing")
