"""What happened?

The rule: every decision leaves one event, a frozen record; messages, the
closing summary and the diagnosis are views of these records and of nothing
else. URLs are stripped of passwords and queries before they get in here.

Units: bytes and seconds; `at` is seconds since the run began. How they are
written down is the business of `ndjson`; every kind and field is explained in
`docs/events.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Union

from pip_resilient.accounts import AboutRun, Brought, Requested

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure


class Retried(NamedTuple):
    """A request is asked again after a wait; with `offset`, in the midst of its body."""

    at: float
    place: str
    url: str
    failure: Failure
    attempt: int
    wait: float
    left: float
    asked_by_server: bool = False
    offset: int | None = None


class Resumed(NamedTuple):
    """The rest of a body comes over another connection.

    Attributes:
        offset: How many bytes we had.
        total: How many there are, or None.
        whole: Whether it had to be fetched from its first byte again.
        waited: Seconds between the failure and the new answer.
    """

    at: float
    place: str
    url: str
    failure: Failure
    offset: int
    total: int | None
    whole: bool
    waited: float


class SecondConnection(NamedTuple):
    """A silent connection got a second one beside it."""

    at: float
    place: str
    url: str
    silent: float
    offset: int
    total: int | None


class Overtaken(NamedTuple):
    """The second connection delivered first; the silent one was closed."""

    at: float
    place: str
    url: str
    offset: int


class Widened(NamedTuple):
    """More connections than before bring a body at once.

    Attributes:
        connections: How many.
        offset: Where the newest begins.
    """

    at: float
    place: str
    url: str
    connections: int
    offset: int
    total: int | None


class LostOne(NamedTuple):
    """One of several connections is lost; the others go on. `offset` is how far it came."""

    at: float
    place: str
    url: str
    failure: Failure
    offset: int
    total: int | None


class TakenUp(NamedTuple):
    """A download goes on where an earlier run has left it."""

    at: float
    place: str
    url: str
    offset: int
    total: int


class RightBytesAgain(NamedTuple):
    """Bytes failed their hash; the file is fetched once more."""

    at: float
    place: str
    url: str
    algorithm: str
    expected: str
    got: str
    named_by: str
    final: bool


class ProxyRespelled(NamedTuple):
    """A proxy written `https://` is used as http."""

    at: float
    place: str
    proxy: str


class Answered(NamedTuple):
    """An error status was handed to pip, which handles it itself."""

    at: float
    place: str
    url: str
    status: int


class GaveUp(NamedTuple):
    """A request has failed for good."""

    at: float
    place: str
    url: str
    failure: Failure
    attempts: int
    spent: float
    why: str
    offset: int = 0
    total: int | None = None


class Healed(NamedTuple):
    """A request that had failed has ended well.

    Attributes:
        interruptions: How many failures it went through.
        saved: Bytes that did not have to be downloaded again.
    """

    at: float
    place: str
    url: str
    interruptions: int
    saved: int


class AskedElsewhere(NamedTuple):
    """Another source is asked for what a host does not give.

    Attributes:
        source: Its name.
        operator: Who runs it.
        named: Whether the user named it.
        what: `page`, `file` or `metadata`.
        failure: What the host did; None: it was not asked, its breaker is open.
        named_by: Who named the digest that the bytes are held against, or None.
        host: Its host, as `place` is that of the one that does not give.
    """

    at: float
    place: str
    url: str
    source: str
    operator: str
    named: bool
    what: str
    failure: Failure | None
    offset: int = 0
    total: int | None = None
    named_by: str | None = None
    host: str = ""


class ServedElsewhere(NamedTuple):
    """Another source served a file or the rest of it, and its digests hold."""

    at: float
    place: str
    url: str
    source: str
    what: str
    length: int


class PageElsewhere(NamedTuple):
    """pip gets a page that its index did not serve now.

    Attributes:
        source: Who served it; empty: it is the index's own last good page.
        age: Seconds since the index served it, for a last good page.
        stale: Whether the index is known, or likely, to have said more since.
        withheld: How many files on it are not shown, since the index removed them.
    """

    at: float
    place: str
    url: str
    source: str
    age: float | None = None
    stale: bool = False
    withheld: int = 0


class Behind(NamedTuple):
    """pip found nothing that fits, and a page that it got is older than what PyPI has said.

    Attributes:
        serial: PyPI's number of the last change that the page knows of.
        newest: The highest such number that PyPI itself has named for the project.
    """

    at: float
    place: str
    url: str
    serial: int
    newest: int


class SourceFailed(NamedTuple):
    """Another source did not serve either. `place` is its host."""

    at: float
    place: str
    url: str
    source: str
    failure: Failure


class Quarantined(NamedTuple):
    """Another source served something wrong; it is not asked again for a day."""

    at: float
    place: str
    url: str
    source: str
    algorithm: str
    expected: str
    got: str
    named_by: str


if TYPE_CHECKING:
    Event = Union[
        AboutRun,
        Requested,
        Brought,
        Retried,
        Resumed,
        SecondConnection,
        Overtaken,
        Widened,
        LostOne,
        TakenUp,
        RightBytesAgain,
        ProxyRespelled,
        Answered,
        GaveUp,
        Healed,
        AskedElsewhere,
        ServedElsewhere,
        PageElsewhere,
        Behind,
        SourceFailed,
        Quarantined,
    ]

KINDS: dict[str, type[Event]] = {
    "run": AboutRun,
    "request": Requested,
    "bytes": Brought,
    "retried": Retried,
    "resumed": Resumed,
    "second-connection": SecondConnection,
    "overtaken": Overtaken,
    "widened": Widened,
    "lost-one": LostOne,
    "taken-up": TakenUp,
    "wrong-bytes": RightBytesAgain,
    "proxy-respelled": ProxyRespelled,
    "answered": Answered,
    "gave-up": GaveUp,
    "healed": Healed,
    "asked-elsewhere": AskedElsewhere,
    "served-elsewhere": ServedElsewhere,
    "page-elsewhere": PageElsewhere,
    "behind": Behind,
    "source-failed": SourceFailed,
    "quarantined": Quarantined,
}
"""What the kinds of events are called in the event log."""
