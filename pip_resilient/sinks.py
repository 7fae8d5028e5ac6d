"""Where do a run's events go: to the terminal, to a file, to the parent pip?

The rule: what is said goes through the logger `pip_resilient` at WARNING, so
`-q` keeps it, `-qq` hides it and `--log` has it; standard output never gets a
byte. The closing lines are said once. Nothing here may fail a run.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pip_resilient.door import wing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.children import Channel
    from pip_resilient.events import Event

logger = logging.getLogger("pip_resilient")


def say(line: str) -> None:
    """Tell the user one line."""
    logger.warning("pip-resilient: %s", wing.messages.plain(line))


def to_file(path: str | None) -> Callable[[str], None] | None:
    """Return what appends a line to the event log, or None; a bad path only ends the log."""
    if path is None:
        return None

    def write(line: str) -> None:
        try:
            with open(path, "a", encoding="utf-8") as log:
                log.write(line + "\n")
        except OSError as error:
            logger.debug("pip-resilient: no event log: %s", error)

    return write


class Closing:
    """Says how a run went: what was healed, and the true cause if it failed.

    Args:
        children: The way to and from the pips that pip starts.

    Attributes:
        failed: Whether pip has reported an error.
    """

    def __init__(self, children: Channel) -> None:
        self.children = children
        self._told = False
        self.failed = False

    def tell(self, happened: list[Event]) -> None:
        """Say it, the first time; a child tells its parent instead."""
        if self._told:
            return
        self._told = True
        try:
            if self.children.is_child:
                self.children.send(happened)
                return
            everything = [*happened, *self.children.received()]
            if not everything:
                return
            lines = (
                *_used_unnamed(happened, everything),
                wing.messages.summary(everything),
                wing.diagnosis.last_line(everything, self.failed, os.environ),
            )
            for line in lines:
                if line is not None:
                    say(line)
        except Exception as error:  # pip has done its work: no harm now
            logger.debug("pip-resilient: no summary: %s", error)


def _used_unnamed(own: list[Event], everything: list[Event]) -> list[str | None]:
    """Return what is to be said of mirrors that only build children used, and nobody named."""
    told = {event.source for event in own if isinstance(event, wing.events.AskedElsewhere)}
    first: dict[str, Event] = {}
    for event in everything:
        if isinstance(event, wing.events.AskedElsewhere) and not event.named:
            first.setdefault(event.source, event)
    return [wing.messages.message(event) for source, event in first.items() if source not in told]
