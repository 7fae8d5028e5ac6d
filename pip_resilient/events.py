"""What happened?

The rule: every decision leaves one event, a frozen record; messages, the
closing summary and the diagnosis are views of these records and of nothing
else. URLs are stripped of passwords and queries before they get in here.

Units: bytes and seconds; `at` is seconds since the run began.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Union

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.policy.failure import Failure

SCHEMA = 1


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


if TYPE_CHECKING:
    Event = Union[
        Retried,
        Resumed,
        SecondConnection,
        Overtaken,
        RightBytesAgain,
        ProxyRespelled,
        Answered,
        GaveUp,
        Healed,
    ]

KINDS: dict[str, type[Event]] = {
    "retried": Retried,
    "resumed": Resumed,
    "second-connection": SecondConnection,
    "overtaken": Overtaken,
    "wrong-bytes": RightBytesAgain,
    "proxy-respelled": ProxyRespelled,
    "answered": Answered,
    "gave-up": GaveUp,
    "healed": Healed,
}
"""What the kinds of events are called in the event log."""

_NAMES = {cls: name for name, cls in KINDS.items()}


def plain(text: str) -> str:
    """Return text as printable ASCII: some of it comes from strangers, and the locale may be C."""
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in text)


_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def size(count: float) -> str:
    """Write a number of bytes as pip does: 612.0 MB."""
    for unit, worth in _UNITS:
        if count >= worth:
            return f"{count / worth:.1f} {unit}"
    return f"{int(count)} bytes"


def progress(offset: int, total: int | None) -> str:
    """Write `612.0/797.3 MB`, or `612.0 MB` where the total is not known."""
    if total is None:
        return size(offset)
    for unit, worth in _UNITS:
        if total >= worth:
            return f"{offset / worth:.1f}/{total / worth:.1f} {unit}"
    return f"{offset}/{total} bytes"


def message(event: Event) -> str | None:
    """Write the line that tells a user of an event; None if it needs none."""
    if isinstance(event, Retried):
        asked = ", as the server asked" if event.asked_by_server else ""
        return (
            f"{event.place}: {event.failure.said}; trying again in {event.wait:.1f} s{asked}"
            f" on a new connection (attempt {event.attempt + 1}, patience left {event.left:.0f} s)"
        )
    if isinstance(event, Resumed):
        how = "fetching it again" if event.whole else "resuming"
        return (
            f"{event.place}: {event.failure.said} at {progress(event.offset, event.total)};"
            f" {how} on a new connection (waited {event.waited:.1f} s)"
        )
    if isinstance(event, SecondConnection):
        where = f" at {progress(event.offset, event.total)}" if event.offset else ""
        return (
            f"{event.place}: silent for {event.silent:.0f} s{where};"
            " asking on a second connection as well"
        )
    if isinstance(event, RightBytesAgain):
        then = "giving up" if event.final else "fetching the file once more"
        return (
            f"{event.place}: bytes fail the {event.algorithm} hash named by {event.named_by}"
            f" (expected {event.expected}, got {event.got}); {then}"
        )
    if isinstance(event, ProxyRespelled):
        return (
            f"the proxy {event.proxy} is written https:// but speaks http; using it as http://"
            f" (to end this line, write http:// where the proxy is set)"
        )
    return None


def to_json(event: Event) -> str:
    """Write an event as one NDJSON line, without the line's end."""
    record: dict[str, Any] = {"schema": SCHEMA, "event": _NAMES[type(event)]}
    for name, value in event._asdict().items():
        record[name] = round(value, 3) if isinstance(value, float) else value
    if "failure" in record:
        failure: Failure = record["failure"]
        record["failure"] = {**failure._asdict(), "kind": failure.kind.name.lower()}
    return json.dumps(record, sort_keys=True)


class Journal:
    """Keeps the events of a run and tells the user of those that cost time.

    The same line is not said for ever: of the interruptions of one URL the
    first three are told, then one every ten seconds; the summary counts all.

    Args:
        now: Gives the seconds since the run began.
        say: Tells the user one line.
        write: Keeps one NDJSON line, or None.
    """

    def __init__(
        self,
        now: Callable[[], float],
        say: Callable[[str], None],
        write: Callable[[str], None] | None = None,
    ) -> None:
        self.now = now
        self.say = say
        self.write = write
        self.events: list[Event] = []
        self._told: dict[str, tuple[int, float]] = {}

    def add(self, event: Event) -> None:
        """Keep an event, and tell of it where it is worth a line."""
        self.events.append(event)
        if self.write is not None:
            self.write(to_json(event))
        line = message(event)
        if line is not None and self._worth_telling(event):
            self.say(line)

    def _worth_telling(self, event: Event) -> bool:
        if isinstance(event, (ProxyRespelled, RightBytesAgain)):
            return True
        if isinstance(event, Retried):
            if event.wait >= 5.0:  # a wait is never silent
                return True
            if event.offset is not None and event.wait < 1.0:
                return False  # `Resumed` will tell
        url = getattr(event, "url", "")
        count, last = self._told.get(url, (0, 0.0))
        now = self.now()
        if count >= 3 and now - last < 10.0:
            return False
        self._told[url] = (count + 1, now)
        return True


def summary(events: list[Event]) -> str | None:
    """Write the closing line of a run in which something was healed, else None."""
    healed = [event for event in events if isinstance(event, Healed)]
    if not healed:
        return None
    count = sum(event.interruptions for event in healed)
    saved = sum(event.saved for event in healed)
    line = f"healed {count} interruption{'s' if count != 1 else ''}"
    return f"{line}; {size(saved)} not downloaded again" if saved else line
