"""What stands beside a silent connection: a second one for the rest of the body.

The rule: it is opened in a helper thread and read in pip's own; the body that
started it takes its lane or cancels it.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from pip_resilient.session.continuation import Changed
from pip_resilient.session.lane import Lane
from pip_resilient.session.opener import Opener

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure
    from pip_resilient.session.body import Body


class Rival:
    """A second connection for the rest of a body, being opened or open."""

    def __init__(self, body: Body) -> None:
        self.began = body.run.clock.now()
        self._near, far = socket.socketpair()
        self._near.setblocking(False)
        self._far = far
        self._opener = Opener(body.run.dialer, body.continuation.ask, lambda lane: lane.kill(), far)

    def lane(self) -> Lane | None:
        """Return its lane once it is open, else None."""
        answer = self._opener.answer
        return answer if isinstance(answer, Lane) and answer.sock is not None else None

    def failed(self) -> bool:
        """Tell whether it will never be open."""
        return self._opener.done and self.lane() is None

    def changed(self) -> Failure | None:
        """Return what says that the file is another one now, if that was its answer."""
        error = self._opener.error
        return error.failure if isinstance(error, Changed) else None

    def sockets(self) -> list[socket.socket]:
        """Return what tells that it has something; nothing does once it has failed."""
        with contextlib.suppress(OSError):
            self._near.recv(16)  # before the look: what comes after it wakes us again
        if self.failed():
            return []
        lane = self.lane()
        return [self._near] if lane is None or lane.sock is None else [lane.sock]

    def cancel(self) -> None:
        """Close it at once, open or not."""
        self._opener.cancel()
        self.forget_wake()

    def forget_wake(self) -> None:
        """Close what the opener wakes us by."""
        self._near.close()
        self._far.close()
