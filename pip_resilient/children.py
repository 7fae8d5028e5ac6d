"""What happened in the pips that pip itself starts to install build requirements?

The rule: only the outermost pip speaks to the user. It hands its children a
file name that cannot be guessed; a child that has something to tell writes
it there, the parent reads it once and deletes it. In a healthy run no file is
ever made. Nothing here may fail a run.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from pip_resilient.door import wing

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from pip_resilient.events import Event

VARIABLE = "PIP_RESILIENT_RUN"
QUIET = "PIP_RESILIENT_QUIET"
STATE = "PIP_RESILIENT_STATE_DIR"
_MOST = 1 << 20
_TOLD = (
    *("healed", "gave-up", "answered", "wrong-bytes"),
    *("served-elsewhere", "page-elsewhere", "asked-elsewhere", "quarantined"),
)


class Channel:
    """The way from a child to its parent.

    Args:
        environ: The environment, handed on to children.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._before: dict[str, str | None] = {}
        given = environ.get(VARIABLE)
        self.is_child = given is not None
        if given is None:
            name = f"pip-resilient-{os.urandom(16).hex()}.ndjson"
            given = os.path.join(tempfile.gettempdir(), name)
            self._tell(VARIABLE, given)
        self._path = given

    def _tell(self, variable: str, value: str) -> None:
        """Set a variable for children, and remember what it was."""
        self._before.setdefault(variable, self._environ.get(variable))
        self._environ[variable] = value

    def withdraw(self) -> None:
        """Take back what children were told; what they wrote is not wanted any more."""
        self.received()
        for variable, before in self._before.items():
            if before is not None:
                self._environ[variable] = before
            else:
                self._environ.pop(variable, None)
        self._before.clear()

    def may_announce(self, here: bool) -> bool:
        """Tell whether the user will see what we say, and tell children.

        Args:
            here: Whether this pip shows warnings; a child's are not seen, its
                parent's are.
        """
        if self.is_child:
            return self._environ.get(QUIET) != "1"
        if not here:
            self._tell(QUIET, "1")
        return here

    def tell_state(self, folder: str | None) -> None:
        """Tell children where state is kept: where its parent keeps it, or nowhere."""
        if not self.is_child:
            self._tell(STATE, folder or "none")

    def send(self, happened: Sequence[Event]) -> None:
        """Write a child's events that matter to the parent."""
        if not happened:
            return
        told = tuple(wing.events.KINDS[name] for name in _TOLD)
        lines = [wing.events.to_json(event) for event in happened if isinstance(event, told)]
        if not lines:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        number = os.open(self._path, flags, 0o600)
        with os.fdopen(number, "a", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def received(self) -> list[Event]:
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
        events = map(wing.events.from_json, text.splitlines())
        return [event for event in events if event is not None]
