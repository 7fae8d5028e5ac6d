"""Which runs are kept, and what stands in them?

The rule: they are looked for where pip's own cache is, as far as that can be
known without starting pip, which may be broken. A line that cannot be read is
passed over; a file of events (`PIP_RESILIENT_LOG`) may hold many runs.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from pip_resilient.accounts import AboutRun
from pip_resilient.cli import pip_config
from pip_resilient.ndjson import from_json, run_of
from pip_resilient.store.folder import Folder
from pip_resilient.store.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pip_resilient.events import Event

_UNKNOWN = AboutRun(0.0, 0.0, 0.0, False, "", "", "", "", {}, 0, 0, None)


class Kept(NamedTuple):
    """One run.

    Attributes:
        name: Its name, or empty.
        about: The run as a whole.
        events: What happened in it, and its requests, in order of time.
    """

    name: str
    about: AboutRun
    events: list[Event]


def state_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """Return where this user's pip keeps what is remembered between runs; None: nowhere."""
    usual = pip_config.usual_files(environ, sys.prefix, platform == "win32")
    config = pip_config.read(lambda argv: (1, "", ""), sys.executable, environ, usual, ("", "", ""))
    said = config.text("resilient-state-dir").strip()
    # Whatever the value of that one (`Said.no_cache`).
    if said.lower() == "none" or config.text("no-cache-dir"):
        return None
    if said:
        return os.path.abspath(os.path.expanduser(said))
    cache = pip_config.cache_folder(config, environ, platform)
    return os.path.join(os.path.abspath(cache), "pip-resilient")


def shown(folder: str) -> str:
    """Return a folder for messages: a URL that was taken for one may hold a login."""
    before, apart, behind = folder.partition(":/")
    if not before[-2:].isalpha() or len(before) < 2:  # no scheme, but a drive's letter at most
        return folder
    return before + apart + "/" * behind.startswith("/") + behind.rpartition("@")[2].lstrip("/")


def kept_in(folder: str | None) -> Runs:
    """Return the runs that are kept in a folder, which is not made if it is missing."""
    return Runs(room(folder, "runs"), time.time)


def room(folder: str | None, name: str) -> Folder | None:
    """Return one of the folders in which things are remembered; None: nothing is, or not safely.

    It is not made if it is missing: who only looks leaves nothing behind.
    """
    if folder is None or not os.path.isdir(os.path.join(folder, name)):
        return None
    root = Folder.open(folder)
    return None if root is None else root.sub(name)


def read(lines: Iterable[str], name: str = "") -> list[Kept]:
    """Return the runs that stand in lines, in the order in which they begin there."""
    found: dict[str, list[Event]] = {}
    for line in lines:
        event = from_json(line)
        if event is not None:
            found.setdefault(run_of(line), []).append(event)
    return [_made(of or name, events) for of, events in found.items()]


def _made(name: str, events: list[Event]) -> Kept:
    about = next((event for event in events if isinstance(event, AboutRun)), _UNKNOWN)
    rest = sorted((event for event in events if event is not about), key=lambda event: event.at)
    if about is _UNKNOWN and rest:
        about = about._replace(duration=max(event.at for event in rest))
    return Kept(name, about, rest)
