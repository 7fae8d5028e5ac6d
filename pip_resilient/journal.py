"""Who hears of an event, and how often?

The rule: every event is kept and written down; the user is told of those that
cost time or touch trust, and the same line is not said for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.events import (
    AskedElsewhere,
    PageElsewhere,
    ProxyRespelled,
    Quarantined,
    Retried,
    RightBytesAgain,
    SourceFailed,
)
from pip_resilient.messages import message
from pip_resilient.ndjson import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.events import Event


class Journal:
    """Keeps the events of a run and tells the user of those that cost time.

    The same line is not said for ever: of the interruptions of one URL the
    first three are told, then one every ten seconds; the summary counts all.

    Args:
        now: Gives the seconds since the run began.
        say: Tells the user one line.
        write: Keeps one NDJSON line, or None.
        name: Of the run; it stands on each line.
    """

    def __init__(
        self,
        now: Callable[[], float],
        say: Callable[[str], None],
        write: Callable[[str], None] | None = None,
        name: str = "",
    ) -> None:
        self.now = now
        self.name = name
        self.say = say
        self.write = write
        self.events: list[Event] = []
        self._told: dict[str, tuple[int, float]] = {}
        self._strangers: set[str] = set()

    def add(self, event: Event) -> None:
        """Keep an event, and tell of it where it is worth a line."""
        self.events.append(event)
        if self.write is not None:
            self.write(to_json(event, self.name))
        line = message(self._announced(event))
        if line is not None and self._worth_telling(event):
            self.say(line)

    def _announced(self, event: Event) -> Event:
        """Name the operator of a mirror that nobody named once, and the mirror alone after that."""
        if isinstance(event, AskedElsewhere) and not event.named:
            if event.source in self._strangers:
                return event._replace(named=True)
            self._strangers.add(event.source)
        return event

    def _worth_telling(self, event: Event) -> bool:
        if isinstance(event, (PageElsewhere, ProxyRespelled, RightBytesAgain, Quarantined)):
            return True
        if isinstance(event, Retried):
            if event.wait >= 5.0:  # a wait is never silent
                return True
            if event.offset is not None and event.wait < 1.0:
                return False  # `Resumed` will tell
        url = getattr(event, "url", "")
        if isinstance(event, (AskedElsewhere, SourceFailed)):
            url = f"{event.source} for {event.place}"  # one host down is one piece of news
        count, last = self._told.get(url, (0, 0.0))
        now = self.now()
        if count >= 3 and now - last < 10.0:
            return False
        self._told[url] = (count + 1, now)
        return True
