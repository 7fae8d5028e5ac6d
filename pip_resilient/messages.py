"""How is an event told to a person?

The rule: one line, printable ASCII, with numbers and without passwords; what
no line is worth is told by the closing summary alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.events import (
    AskedElsewhere,
    Healed,
    PageElsewhere,
    ProxyRespelled,
    Quarantined,
    Resumed,
    Retried,
    RightBytesAgain,
    SecondConnection,
    ServedElsewhere,
    SourceFailed,
    TakenUp,
)
from pip_resilient.mirrors.group import PYPI

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.events import Event


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
    write = _LINES.get(type(event))
    return None if write is None else write(event)


def _retried(event: Retried) -> str:
    asked = ", as the server asked" if event.asked_by_server else ""
    return (
        f"{event.place}: {event.failure.said}; trying again in {event.wait:.1f} s{asked}"
        f" on a new connection (attempt {event.attempt + 1}, patience left {event.left:.0f} s)"
    )


def _resumed(event: Resumed) -> str:
    how = "fetching it again" if event.whole else "resuming"
    return (
        f"{event.place}: {event.failure.said} at {progress(event.offset, event.total)};"
        f" {how} on a new connection (waited {event.waited:.1f} s)"
    )


def _second_connection(event: SecondConnection) -> str:
    where = f" at {progress(event.offset, event.total)}" if event.offset else ""
    return (
        f"{event.place}: silent for {event.silent:.0f} s{where};"
        " asking on a second connection as well"
    )


def _taken_up(event: TakenUp) -> str:
    return (
        f"{event.place}: going on at {progress(event.offset, event.total)},"
        " where an earlier run was interrupted"
    )


def _right_bytes_again(event: RightBytesAgain) -> str:
    then = "giving up" if event.final else "fetching the file once more"
    return (
        f"{event.place}: bytes fail the {event.algorithm} hash named by {event.named_by}"
        f" (expected {event.expected}, got {event.got}); {then}"
    )


def _proxy_respelled(event: ProxyRespelled) -> str:
    return (
        f"the proxy {event.proxy} is written https:// but speaks http; using it as http://"
        f" (to end this line, write http:// where the proxy is set)"
    )


def _called(source: str) -> str:
    """Return what a source is called: PyPI is nobody's mirror."""
    return source if source == PYPI else f"mirror {source}"


def _asked_elsewhere(event: AskedElsewhere) -> str:
    why = "out of order a moment ago" if event.failure is None else event.failure.said
    where = f" at {progress(event.offset, event.total)}" if event.offset else ""
    who = _called(event.source)
    if not event.named:
        who += f" (run by {event.operator}; PIP_RESILIENT_MIRRORS=none switches such mirrors off)"
    what = "the rest" if event.offset else f"the {event.what}"
    held = f" (bytes verified against {event.named_by})" if event.named_by else ""
    return f"{event.place}: {why}{where}; asking {who} for {what}{held}"


def _page_elsewhere(event: PageElsewhere) -> str | None:
    if event.age is not None:
        return (
            f"{event.place} does not answer: using its page of {event.age / 60:.0f} min ago,"
            f" what came since is missing ({event.url})"
        )
    told = []
    if event.stale:
        told.append("which may be behind: it does not say that it is as new as the last one known")
    if event.withheld:
        files, them = ("file", "it") if event.withheld == 1 else ("files", "them")
        told.append(f"{event.withheld} {files} not shown, since the index has removed {them}")
    return f"page from {event.source}, {'; '.join(told)} ({event.url})" if told else None


def _source_failed(event: SourceFailed) -> str:
    return f"{_called(event.source)} has not got it: {event.failure.said}"


def _quarantined(event: Quarantined) -> str:
    return (
        f"{_called(event.source)} serves something wrong for {event.url}: its {event.algorithm} is"
        f" {event.got}, not {event.expected}, which {event.named_by} names; not asked again"
    )


_LINES: dict[type[Event], Callable[..., str | None]] = {
    Retried: _retried,
    Resumed: _resumed,
    SecondConnection: _second_connection,
    TakenUp: _taken_up,
    RightBytesAgain: _right_bytes_again,
    ProxyRespelled: _proxy_respelled,
    AskedElsewhere: _asked_elsewhere,
    PageElsewhere: _page_elsewhere,
    SourceFailed: _source_failed,
    Quarantined: _quarantined,
}


def summary(events: list[Event]) -> str | None:
    """Write the closing line of a run in which something was healed, else None."""
    healed = [event for event in events if isinstance(event, Healed)]
    switches = [
        event
        for event in events
        if isinstance(event, ServedElsewhere) or (isinstance(event, PageElsewhere) and event.source)
    ]
    if not healed and not switches:
        return None
    told = []
    count = sum(event.interruptions for event in healed)
    saved = sum(event.saved for event in healed)
    if count:
        told.append(f"{count} interruption{'s' if count != 1 else ''}")
    if switches:
        told.append(f"{len(switches)} mirror switch{'es' if len(switches) != 1 else ''}")
    line = f"healed {', '.join(told)}"
    if not told:
        return f"{size(saved)} not downloaded again" if saved else None
    return f"{line}; {size(saved)} not downloaded again" if saved else line
