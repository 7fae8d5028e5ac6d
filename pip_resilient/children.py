"""What happened in the pips that pip itself starts to install build requirements?

The rule: only the outermost pip speaks to the user. It hands its children a
file name that cannot be guessed; a child that has something to tell writes
it there, the parent reads it once and deletes it. In a healthy run no file is
ever made. Nothing here may fail a run.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING

from pip_resilient import events
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

VARIABLE = "PIP_RESILIENT_RUN"
_MOST = 1 << 20
_TOLD = (events.Healed, events.GaveUp, events.Answered, events.RightBytesAgain)


class Channel:
    """The way from a child to its parent.

    Args:
        environ: The environment, handed on to children.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        given = environ.get(VARIABLE)
        self.is_child = given is not None
        if given is None:
            name = f"pip-resilient-{os.urandom(16).hex()}.ndjson"
            given = environ[VARIABLE] = os.path.join(tempfile.gettempdir(), name)
        self._path = given

    def send(self, happened: Iterable[events.Event]) -> None:
        """Write a child's events that matter to the parent."""
        lines = [events.to_json(event) for event in happened if isinstance(event, _TOLD)]
        if not lines:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        number = os.open(self._path, flags, 0o600)
        with os.fdopen(number, "a", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def received(self) -> list[events.Event]:
        """Return what children wrote, and delete it; anything unreadable counts as nothing."""
        if self.is_child:
            return []
        try:
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
            with os.fdopen(os.open(self._path, flags), encoding="ascii") as file:
                mine = not hasattr(os, "getuid") or os.fstat(file.fileno()).st_uid == os.getuid()
                text = file.read(_MOST) if mine else ""
            os.unlink(self._path)
        except (OSError, ValueError):
            return []
        return [event for line in text.splitlines() for event in _read(line)]


def _read(line: str) -> list[events.Event]:
    try:
        record = json.loads(line)
        cls = events.KINDS[record.pop("event")]
        record.pop("schema")
        if "failure" in record:
            failure = record["failure"]
            record["failure"] = Failure(**{**failure, "kind": Kind[failure["kind"].upper()]})
        return [cls(**record)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
