"""How is each record of a run told in a report?

The rule: one line for each, the one that the user was told where there was
one; a report shows the last word of a URL's path alone, since it is made to be
shown to others.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pip_resilient import events as told
from pip_resilient.accounts import AboutRun, Brought, Requested
from pip_resilient.cli import findings
from pip_resilient.cli.waterfall import name_of
from pip_resilient.diagnosis import last_line
from pip_resilient.messages import message, plain, progress, size, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pip_resilient.cli.kept import Kept
    from pip_resilient.events import Event

_NO_NEWS = (Requested, Brought)


def told_line(event: Event) -> str | None:
    """Return the line that tells of an event, or None where it is no news by itself."""
    if isinstance(event, _NO_NEWS):
        return None
    url = getattr(event, "url", None)
    if url is not None:
        event = event._replace(url=name_of(url))  # type: ignore[call-arg]
    write = _LINES.get(type(event))
    return plain((write(event) if write is not None else message(event)) or "") or None


_LINES: dict[type[Event], Callable[[Any], str]] = {
    AboutRun: lambda e: f"a build's own pip {e.command or 'run'} ran for {seconds(e.duration)}",
    told.Overtaken: lambda e: (
        f"{e.place}: the second connection was faster, at {size(e.offset)}; the first was closed"
    ),
    told.Widened: lambda e: (
        f"{e.place}: {e.connections} connections at {progress(e.offset, e.total)}"
    ),
    told.LostOne: lambda e: (
        f"{e.place}: {e.failure.said} at {progress(e.offset, e.total)}; the other connections go on"
    ),
    told.Answered: lambda e: f"{e.place}: HTTP status {e.status}, which pip handles itself",
    told.GaveUp: lambda e: (
        f"{e.place}: {e.failure.said}; given up after {e.attempts}"
        f" attempt{'s' if e.attempts != 1 else ''}, {seconds(e.spent)} without progress"
    ),
    told.Healed: lambda e: (
        f"{e.place}: ended well after {e.interruptions}"
        f" interruption{'s' if e.interruptions != 1 else ''}, {size(e.saved)} not downloaded again"
    ),
    told.ServedElsewhere: lambda e: (
        f"{e.source} served {size(e.length)} of the {e.what}; its digests hold"
    ),
    told.PageElsewhere: lambda e: message(e) or f"page from {e.source}",
    told.Behind: lambda e: f"{e.place}: page of serial {e.serial}, PyPI has named {e.newest}",
}


def verdict(kept: Kept) -> tuple[str, bool]:
    """Return what came out of a run, and whether that is good.

    What the user was told at its end comes first: it names the variable that
    set a proxy, which may be another one by now.
    """
    events: list[Event] = kept.events
    said = kept.about.verdict or last_line(events, kept.about.failed)
    if said is not None:
        return plain(said), False
    healed = summary(events)
    if kept.about.failed:
        return plain(f"pip failed, but not by the network{f'; {healed}' if healed else ''}"), False
    return plain(healed or "nothing was in the way for long"), True


def headline(kept: Kept) -> str:
    """Return which run it is, in a few words."""
    about = kept.about
    ended = "failed" if about.failed else "ended well"
    return f"pip {about.command or 'run'} {ended} after {seconds(about.duration)}"


def made_with(about: AboutRun) -> str:
    """Return the versions and the settings that were not the usual ones."""
    versions = {"pip-resilient": about.plugin, "pip": about.pip, "Python": about.python}
    told_of = [f"{name} {version}" for name, version in versions.items() if version]
    return plain(", ".join([*told_of, *(f"{k}={v}" for k, v in about.settings.items())]))


def when(started: float) -> str:
    """Return a moment as date and time of this machine."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started))
    except (OverflowError, ValueError, OSError):
        return "at an unknown time"


def ago(started: float, now: float) -> str:
    """Return how long ago something was."""
    past = max(0.0, now - started)
    return f"{findings.ago(past)} ago" if past >= 60 else "just now"


def seconds(span: float) -> str:
    """Return a time: 0.42 s, 12.3 s, 4 min 05 s."""
    if span < 1:
        return f"{span:.2f} s"
    if span < 120:
        return f"{span:.1f} s"
    return f"{int(span // 60)} min {int(span % 60):02} s"


def lines(events: Sequence[Event]) -> list[tuple[float, str]]:
    """Return what happened: (seconds since the run began, line)."""
    return [(event.at, line) for event in events if (line := told_line(event)) is not None]
