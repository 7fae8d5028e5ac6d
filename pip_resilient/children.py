"""What happened in the pips that pip itself starts to install build requirements?

The rule: only the outermost pip speaks to the user. It hands its children the
name of a file that lies in its own memory and goes with it, however it ends. A
child that has something to tell writes it there, the parent reads it once.
Where the system has no such files, the name is one in the folder for temporary
files that cannot be guessed, and in a healthy run no file is made. Nothing
here may fail a run.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import TYPE_CHECKING

from pip_resilient.door import wing

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from pip_resilient.events import Event

VARIABLE = "PIP_RESILIENT_RUN"
QUIET = "PIP_RESILIENT_QUIET"
STATE = "PIP_RESILIENT_STATE_DIR"
_MOST = 1 << 20
_MEMORY = "pip-resilient"
_TOLD = (
    *("healed", "gave-up", "answered", "wrong-bytes"),
    *("served-elsewhere", "page-elsewhere", "asked-elsewhere", "quarantined"),
)


class Channel:
    """The way from a child to its parent, once the parent has opened it.

    Args:
        environ: The environment, handed on to children.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._before: dict[str, str | None] = {}
        self._path = environ.get(VARIABLE, "")
        self.is_child = bool(self._path)
        self._memory: int | None = None
        self._owner = os.getpid()

    def open(self) -> None:
        """Let the pips that this one starts be its children.

        Not before it has something to do itself: who only imports pip speaks for
        nobody, and the pips that such a program starts have to do it themselves.
        """
        if self._path:
            return
        self._path = self._in_memory() or os.path.join(
            tempfile.gettempdir(), f"pip-resilient-{os.urandom(16).hex()}.ndjson"
        )
        self._tell(VARIABLE, self._path)

    def _in_memory(self) -> str | None:
        """Make a file without a place on any disk (Linux: memfd_create(2)), and name it."""
        make = getattr(os, "memfd_create", None)
        if make is None:
            return None
        try:
            number: int = make(_MEMORY)
        except OSError:
            return None
        name = f"/proc/{os.getpid()}/fd/{number}"
        if not _is_memory(name):  # no /proc, or that of another namespace
            os.close(number)
            return None
        self._memory = number
        return name

    def _tell(self, variable: str, value: str) -> None:
        """Set a variable for children, and remember what it was."""
        self._before.setdefault(variable, self._environ.get(variable))
        self._environ[variable] = value

    @property
    def is_inherited(self) -> bool:
        """Whether this is a fork of the process whose channel it is, which alone may speak."""
        return os.getpid() != self._owner

    def withdraw(self) -> None:
        """Take back what children were told; what they wrote is not wanted any more."""
        if self.is_inherited:
            return
        self.received()
        if self._memory is not None:
            with contextlib.suppress(OSError):  # whoever else has closed it
                os.close(self._memory)
            self._memory = None
        for variable, before in self._before.items():
            if before is not None:
                self._environ[variable] = before
            else:
                self._environ.pop(variable, None)
        self._before.clear()
        self._path = self._path if self.is_child else ""

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

    def send(
        self, happened: Sequence[Event], around: Callable[[], Sequence[Event]] = tuple
    ) -> None:
        """Write what happened to a child, if any of it matters to the parent.

        Args:
            happened: The child's events.
            around: Gives the records of its run and requests.

        Raises:
            OSError: There is no parent any more.
        """
        if not happened:
            return
        told = tuple(wing.events.KINDS[name] for name in _TOLD)
        if not any(isinstance(event, told) for event in happened):
            return
        lines = [wing.ndjson.to_json(event) for event in (*around(), *happened)]
        # The parent may be gone, and its number another process's.
        how = 0 if _is_memory(self._path) else os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        number = os.open(self._path, os.O_WRONLY | os.O_APPEND | how, 0o600)
        with os.fdopen(number, "a", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def received(self) -> list[Event]:
        """Return what children wrote, and delete it; anything unreadable counts as nothing."""
        if self.is_child or not self._path:
            return []
        try:
            data = self._of_file() if self._memory is None else self._of_memory(self._memory)
        except OSError:
            return []
        if not data:
            return []  # without a question to the wing
        events = map(wing.ndjson.from_json, data.decode("ascii", "replace").splitlines())
        return [event for event in events if event is not None]

    def _of_memory(self, number: int) -> bytes:
        data = os.pread(number, _MOST, 0)
        os.ftruncate(number, 0)
        return data

    def _of_file(self) -> bytes:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        flags |= getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its writer
        with os.fdopen(os.open(self._path, flags), "rb") as file:
            about = os.fstat(file.fileno())
            mine = not hasattr(os, "getuid") or about.st_uid == os.getuid()
            data = file.read(_MOST) if mine and stat.S_ISREG(about.st_mode) else b""
        os.unlink(self._path)
        return data


def _is_memory(path: str) -> bool:
    """Tell whether a name is that of a parent's memory, and not of some other open file."""
    try:
        return os.readlink(path).startswith(f"/memfd:{_MEMORY} ")
    except OSError:
        return False
