"""Which source is asked first?

The rule: a circuit breaker changes the *order* of sources and nothing else.
Where there is no other source, attempts go on as `patience` says. What is
known of a host is a `Health`, a plain value that outlives the process
(`store/hosts.py`); the moment is handed in, in seconds since 1970, because
other processes and the next run read it too.

An open breaker cools down for 30 s, then 60 s and never longer. After that
one asker takes the half-open probe; for the origin that means being asked
first, and so it is the first choice again within 65 s of its healing.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Callable, NamedTuple, TypeVar

from pip_resilient.policy.answers import TRANSIENT_STATUSES
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

ROW = 3
"""So many connection-class failures in a row open a breaker."""

COOL_DOWNS = (30.0, 60.0)
"""Seconds: the first cool-down, and every later one."""

PROBE = 10.0
"""Seconds for which a probe is waited for; one that brought nothing until then is forgotten."""

FORGOTTEN = 600.0
"""Seconds after the last failure: older ones say nothing about now, and no row is made of them."""

QUARANTINE = 86_400.0
"""Seconds for which a source that served wrong bytes is not asked."""

CONNECTION_CLASS = frozenset(
    {
        # Nobody is there, or nobody answers: the next request would wait as long.
        Kind.REFUSED,
        Kind.CONNECT_TIMEOUT,
        Kind.SILENT,
        Kind.DNS_UNKNOWN,
        # Somebody is there and cuts: a middlebox or a sick node, likely for a while.
        Kind.RESET,
        Kind.TRUNCATED,
        Kind.CRAWL,
        Kind.TLS_EOF,
        Kind.TLS_DAMAGED,
        # Somebody else is there, or speaks something else.
        Kind.GARBLED,
        Kind.CERTIFICATE,
        Kind.TOO_EARLY,
        Kind.EXPIRED,
        Kind.OTHER_HOST,
        Kind.AGAINST_RULES,
        Kind.TLS_PROTOCOL,
        Kind.TLS_REFUSED,
        # Overloaded, or down behind its front: 429 and 5xx (`TRANSIENT_STATUSES`).
        Kind.STATUS,
        # The way to this one host is closed; another host's may be open.
        Kind.PROXY_FORBIDS,
    }
)
"""Kinds that speak of the host or the way to it.

The others do not: WRONG_BYTES and CHANGED came over a sound connection (the
first is for `served_wrong`); a proxy's login or scheme, the CA bundle, ssl,
SOCKS, the disk and the stack would stop every other source as well.
"""

ANYWHERE = frozenset({Kind.UNREACHABLE, Kind.DNS_TEMPORARY, Kind.INTERCEPTED})
"""Kinds that as a rule meet every host at once: offline, no resolver, a login page.

They count only where another source answered meanwhile. Otherwise a minute
without DNS would make spares the first choice for the minute after it.
"""


class State(enum.Enum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


CLOSED, OPEN, HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN


class Health(NamedTuple):
    """What is remembered of one host. Moments are seconds since 1970.

    Attributes:
        failures: Connection-class failures in a row.
        failed_at: The last of them.
        opened_at: When the breaker opened; None: closed.
        cool_down: Seconds for which it stays open.
        probe_at: When somebody took the half-open probe.
        wrong_at: When the host served wrong bytes, a short body as a whole
            one, or a page that contradicts a better one.
    """

    failures: int = 0
    failed_at: float | None = None
    opened_at: float | None = None
    cool_down: float = 0.0
    probe_at: float | None = None
    wrong_at: float | None = None


_SOUND = Health()


def as_of(health: Health, now: float) -> Health:
    """Return what of it still holds.

    What is too old is gone, and so is what lies in the future: the clock was
    set back, and nobody knows how long ago it was.
    """
    if health == _SOUND:
        return health
    wrong_at = health.wrong_at if _within(health.wrong_at, now, QUARANTINE) else None
    moments = (health.opened_at, health.probe_at)
    if not _within(health.failed_at, now, FORGOTTEN) or any(
        moment is not None and not moment <= now for moment in moments
    ):
        return Health(wrong_at=wrong_at)
    return health if wrong_at == health.wrong_at else health._replace(wrong_at=wrong_at)


def failed(health: Health, failure: Failure, now: float, *, spare_answered: bool = False) -> Health:
    """Return the health after a failure.

    Args:
        health: What was known.
        failure: What the attempt brought.
        now: The moment.
        spare_answered: Whether another source answered where this one did
            not. Then the fault is this host's, and one failure is enough.
    """
    health = as_of(health, now)
    refused = failure.status is not None and failure.status not in TRANSIENT_STATUSES
    if refused and failure.kind is Kind.STATUS:
        return health  # of one thing, by a host that is there: it may well have the others
    counts = failure.kind in CONNECTION_CLASS or (spare_answered and failure.kind in ANYWHERE)
    if not counts:
        return health
    state = _state(health, now)
    probed_at = health.probe_at
    health = health._replace(failures=health.failures + 1, failed_at=now)
    if state is CLOSED:
        opens = spare_answered or health.failures >= ROW
        return health._replace(opened_at=now, cool_down=COOL_DOWNS[0]) if opens else health
    if state is OPEN and not _within(probed_at, now, PROBE):
        return health  # a straggler: it says nothing that was not known
    # What a probe learned is as old as its beginning. The host may have
    # healed since, and is not to pay for a probe that took its time.
    opened_at = probed_at if probed_at is not None and now - probed_at < PROBE else now
    return health._replace(opened_at=opened_at, cool_down=COOL_DOWNS[-1], probe_at=None)


def answered(health: Health, now: float) -> Health:
    """Return the health after any sound answer: the breaker is closed wholly.

    A 404 is a sound answer too. Quarantine stays: one good answer does not
    make up for wrong bytes.
    """
    return Health(wrong_at=as_of(health, now).wrong_at)


def probing(health: Health, now: float) -> Health:
    """Return the health when this host is about to be asked.

    Where the breaker is half-open the asker takes the one probe by this, and
    others see it open meanwhile. Otherwise nothing changes.
    """
    health = as_of(health, now)
    return health._replace(probe_at=now) if _state(health, now) is HALF_OPEN else health


def served_wrong(health: Health, now: float) -> Health:
    """Return the health after an answer that must not be trusted."""
    return as_of(health, now)._replace(wrong_at=now)


def stands(health: Health, now: float) -> State:
    """Tell how the breaker stands."""
    return _state(as_of(health, now), now)


def _state(health: Health, now: float) -> State:
    if health.opened_at is None:
        return CLOSED
    if now - health.opened_at < min(health.cool_down, COOL_DOWNS[-1]):
        return OPEN
    return OPEN if _within(health.probe_at, now, PROBE) else HALF_OPEN


def quarantined(health: Health, now: float) -> bool:
    """Tell whether the host served wrong bytes within the last 24 h."""
    return as_of(health, now).wrong_at is not None


def in_order(
    origin: T | None, spares: Sequence[T], health_of: Callable[[T], Health], now: float
) -> list[T]:
    """Return the sources in the order in which they are to be asked.

    Closed ones come first and open ones last, each as given. A half-open
    origin goes before all, a half-open spare behind the closed ones: somebody
    is waiting for this answer, and a spare is not worth a try of its own.

    Args:
        origin: The host that was asked for, which is never left out; None
            where it is not to be asked.
        spares: Who stands in for it, as configured; quarantined ones are left out.
        health_of: What is known of a source.
        now: The moment.
    """
    by_state: dict[State, list[T]] = {CLOSED: [], HALF_OPEN: [], OPEN: []}
    for spare in spares:
        health = as_of(health_of(spare), now)
        if health.wrong_at is None:
            by_state[_state(health, now)].append(spare)
    if origin is not None:
        state = stands(health_of(origin), now)
        by_state[OPEN if state is OPEN else CLOSED].insert(0, origin)
    return [source for sources in by_state.values() for source in sources]


def _within(moment: float | None, now: float, seconds: float) -> bool:
    """Tell whether a moment is past, by less than so many seconds; false for no number."""
    return moment is not None and 0.0 <= now - moment < seconds
