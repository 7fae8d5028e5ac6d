"""How can a connection break, go silent or go slow?

One small class for each fault, named as the field names it. What is sent before
the break is honest: headers and validators are those of the whole answer.
Offsets are bytes and start at zero.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers.delivery import Break, Deed, Part, Plan
from tests.servers.line import TICK, Line, Pace
from tests.servers.script import ConnectionFault, Fault
from tests.servers.wire import Wire

if TYPE_CHECKING:
    import threading

# --- The connection breaks, or says nothing ---


@dataclass(frozen=True)
class Reset(Fault):
    """The connection is aborted (RST) after so many bytes of the part.

    `Reset(part="headers")` is a reset before the first byte of the answer.
    """

    after: int = 0
    part: Part = "body"

    def change_plan(self, plan: Plan) -> Plan:
        return _broken(plan, Break(self.after, Wire.reset, self.part))


@dataclass(frozen=True)
class Fin(Fault):
    """The stream ends in good order (FIN), too early.

    Attributes:
        close_notify: In TLS, whether the end is authenticated.
    """

    after: int = 0
    part: Part = "body"
    close_notify: bool = True

    def change_plan(self, plan: Plan) -> Plan:
        deed = functools.partial(Wire.fin, close_notify=self.close_notify)
        return _broken(plan, Break(self.after, deed, self.part))


@dataclass(frozen=True)
class DropEvery(Fault):
    """Each connection delivers so many body bytes, in all its answers together, then drops."""

    size: int
    by: str = "reset"

    def change_plan(self, plan: Plan) -> Plan:
        deeds: dict[str, Deed] = {"reset": Wire.reset, "fin": Wire.fin}
        return _broken(plan, Break(self.size, deeds[self.by], per_connection=True))


@dataclass(frozen=True)
class Silence(Fault):
    """Nothing more comes; the connection stays open until the server stops."""

    after: int = 0
    part: Part = "body"

    def change_plan(self, plan: Plan) -> Plan:
        return _broken(plan, Break(self.after, Wire.silence, self.part))


@dataclass(frozen=True)
class Pause(Fault):
    """Nothing comes for a while, then the answer goes on.

    Attributes:
        seconds: How long, by the server's `wait`.
        until: Instead: until this event is set.
    """

    after: int = 0
    part: Part = "body"
    seconds: float = 0.0
    until: threading.Event | None = None

    def change_plan(self, plan: Plan) -> Plan:
        return _broken(plan, Break(self.after, self._pass_time, self.part))

    def _pass_time(self, wire: Wire) -> None:
        if self.until is not None:
            wire.wait_for(self.until)
        else:
            wire.wait(self.seconds)


@dataclass(frozen=True)
class Trickle(Fault):
    """The body comes as one byte, then `piece` bytes every `tick` seconds."""

    piece: int = 1
    tick: float = 0.1

    def change_plan(self, plan: Plan) -> Plan:
        return dataclasses.replace(plan, pace=Pace(self.piece, self.tick, first=1))


@dataclass(frozen=True)
class Throttle(Fault):
    """The body comes at `rate` bytes per second on each connection."""

    rate: float
    tick: float = TICK

    def change_plan(self, plan: Plan) -> Plan:
        return dataclasses.replace(plan, pace=Line(self.rate, self.tick))


@dataclass(frozen=True)
class HostThrottle(Fault):
    """All bodies that get this fault share `rate` bytes per second."""

    rate: float
    tick: float = TICK
    line: Line = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "line", Line(self.rate, self.tick))

    def change_plan(self, plan: Plan) -> Plan:
        return dataclasses.replace(plan, pace=self.line)


# --- Before any request ---


@dataclass(frozen=True)
class NeverAnswer(ConnectionFault):
    """The connection is accepted, nothing is read from it and nothing is ever said."""

    def meet(self, wire: Wire) -> None:
        wire.silence()


@dataclass(frozen=True)
class HangUp(ConnectionFault):
    """The connection is accepted and aborted (RST) at once."""

    def meet(self, wire: Wire) -> None:
        wire.reset()


@dataclass(frozen=True)
class HandshakeEof(ConnectionFault):
    """The stream ends after the client's first TLS message."""

    def meet(self, wire: Wire) -> None:
        wire.read_some()
        wire.fin()


@dataclass(frozen=True)
class HandshakeSilence(ConnectionFault):
    """The client's first TLS message is read and never answered."""

    def meet(self, wire: Wire) -> None:
        wire.read_some()
        wire.silence()


def _broken(plan: Plan, item: Break) -> Plan:
    return dataclasses.replace(plan, breaks=(*plan.breaks, item))
