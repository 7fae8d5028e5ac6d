"""Where do a run's events go: to the terminal, to a file, to the parent pip?

The rule: what is said goes through the logger `pip_resilient` at WARNING, so
`-q` keeps it, `-qq` hides it and `--log` has it; standard output never gets a
byte. The closing lines are said once. Nothing here may fail a run.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from pip_resilient.door import wing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.children import Channel
    from pip_resilient.events import Event
    from pip_resilient.session.account import Account
    from pip_resilient.session.run import Run

logger = logging.getLogger("pip_resilient")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROOM_TO_SPEAK_OF = 1_000_000
"""Bytes; a disk with less has not got room for a package."""


def say(line: str) -> None:
    """Tell the user one line."""
    logger.warning("pip-resilient: %s", wing.messages.plain(line))


def to_file(path: str | None) -> Callable[[str], None] | None:
    """Return what appends a line to the event log, or None; a bad path only ends the log."""
    if path is None:
        return None

    # A pipe that nobody reads would make whoever opens or fills it wait for ever.
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    ended = False

    def write(line: str) -> None:
        nonlocal ended
        if ended:
            return
        try:
            with open(os.open(path, how, 0o666), "a", encoding="utf-8") as log:
                log.write(line + "\n")
        except (OSError, ValueError) as error:
            ended = True
            logger.debug("pip-resilient: no event log: %s", error)

    return write


class Closing:
    """Says how a run went: what was healed, and the true cause if it failed.

    Args:
        children: The way to and from the pips that pip starts.

    Attributes:
        failed: Whether pip has reported an error.
        proxies: Gives the proxies that are set for a scheme, by what sets each.
    """

    def __init__(self, children: Channel) -> None:
        self.children = children
        self.proxies: Callable[[str], dict[str, str]] = lambda scheme: {}
        self._told = False
        self.failed = False
        self._no_room: str | None = None
        self._not_found = False

    def failed_by(self, error: BaseException | None) -> None:
        """Note that pip reports an error, and what is known of its reason.

        Args:
            error: The exception that pip handles meanwhile; None where it only
                tells of something, as of conflicts between packages that it has
                installed all the same (20.3 to 26.3, `_warn_about_conflicts`).
        """
        if error is None:
            return
        self.failed = True
        for one in _behind(error):
            if isinstance(one, OSError) and one.errno in _NO_ROOM and self._no_room is None:
                self._no_room = _full_folder(one)  # now: pip is about to tidy up
            # So pip says that nothing fits, from 20.3 to 26.3.
            self._not_found |= "DistributionNotFound" in [c.__name__ for c in type(one).__mro__]

    def session_closed(self, run: Run) -> None:
        """Say it where it is clear by now: pip has failed, or nothing stands against it.

        Else it waits for pip's end. `pip index` closes its session before it
        says that it failed (23.0 to 26.3); and without retries the look for
        pip's own update, which closes first from 26.1 on, is taken for the command.
        """
        if self.failed or self._is_for_good(run):
            self.tell(run)

    def _is_for_good(self, run: Run) -> bool:
        """Tell whether something happened, and nothing that would be told of a failed pip."""
        try:
            happened = run.happened
            return bool(happened) and wing.diagnosis.last_line(happened, failed=True) is None
        except Exception as error:  # `tell` will meet it too
            logger.debug("pip-resilient: not looked into: %s", error)
            return False

    def tell(self, run: Run) -> None:
        """Say it, the first time, and keep it; a child tells its parent instead."""
        if self._told or self.children.is_inherited:
            return
        self._told = True
        try:
            happened = run.happened
            if self.children.is_child and self._parent_was_told(run, happened):
                return
            received = self.children.received()
            self.children.withdraw()  # pips that are started from here on speak for themselves
            if self._not_found:
                wing.behind.note(run)
                happened = run.happened
            if happened or received or self._no_room is not None:
                self._tell_all(wing.account.Account(run), happened, received)
        except Exception as error:  # pip has done its work: no harm now
            logger.debug("pip-resilient: no summary: %s", error)

    def _parent_was_told(self, run: Run, happened: list[Event]) -> bool:
        """Tell the parent; False where there is none, though its variable is still there."""

        def around() -> list[Event]:
            return wing.account.Account(run).around(happened, self.failed, None)

        try:
            self.children.send(happened, around)
        except OSError as error:
            logger.debug("pip-resilient: no parent: %s", error)
            return False
        return True

    def _tell_all(self, account: Account, happened: list[Event], received: list[Event]) -> None:
        everything = [*happened, *account.shifted(received)]
        for line in (*_used_unnamed(happened, everything), wing.messages.summary(everything)):
            if line is not None:
                say(line)
        room = self._no_room
        met = None if room is None else wing.Failure(wing.Kind.DISK, room)
        verdict = wing.diagnosis.last_line(everything, self.failed, self.proxies, met)
        try:
            kept = account.keep(everything, self.failed, verdict)
        except Exception as error:  # the last line matters more
            logger.debug("pip-resilient: the run is not kept: %s", error)
            kept = False
        if verdict is not None:
            say(f"{verdict}. Details: pip-resilient report" if kept else verdict)


class Watch(logging.Handler):
    """Hears of the errors that pip reports.

    Args:
        closing: Is told of each.
    """

    def __init__(self, closing: Closing) -> None:
        super().__init__(logging.ERROR)
        self._closing = closing

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what pip handles while it reports."""
        self._closing.failed_by(sys.exc_info()[1])


def _behind(error: Any) -> list[BaseException]:
    """Return an error and those that it was raised for, at most ten."""
    found: list[BaseException] = []
    while error is not None and len(found) < 10:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _full_folder(error: OSError) -> str:
    """Return the folder on the disk that is full, empty where it cannot be told."""
    for find in (tempfile.gettempdir, os.getcwd):
        try:
            folder = find()
            disk = os.statvfs(folder)
        except (OSError, AttributeError):  # Windows has no statvfs
            continue
        if disk.f_bavail * disk.f_frsize < _ROOM_TO_SPEAK_OF:
            return folder
    return str(error.filename or "")


def _used_unnamed(own: list[Event], everything: list[Event]) -> list[str | None]:
    """Return what is to be said of mirrors that only build children used, and nobody named."""
    told = {event.source for event in own if isinstance(event, wing.events.AskedElsewhere)}
    first: dict[str, Event] = {}
    for event in everything:
        if isinstance(event, wing.events.AskedElsewhere) and not event.named:
            first.setdefault(event.source, event)
    return [wing.messages.message(event) for source, event in first.items() if source not in told]
