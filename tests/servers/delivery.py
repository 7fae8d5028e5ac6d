"""In which pieces does an answer go out, and where does it break off?

A `Plan` is an answer cut into frames (RFC 9112 §7.1: prefix, data, suffix; an
unchunked body is one frame without either), with breaks and a pace. The rule:
offsets count bytes of the headers, or bytes of the body without the framing of
chunks, and start at zero; a break acts as soon as its offset is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Literal

from tests.servers.wire import PIECE, Wire

if TYPE_CHECKING:
    from tests.servers.answers import Answer
    from tests.servers.line import Pacing

Part = Literal["headers", "body"]
Deed = Callable[[Wire], object]
Count = Callable[[int], None]


@dataclass(frozen=True)
class Frame:
    """Some bytes of the body with what surrounds them on the wire."""

    data: bytes | memoryview
    prefix: bytes = b""
    suffix: bytes = b""


@dataclass(frozen=True)
class Break:
    """Something that happens once so many bytes were sent.

    Attributes:
        after: Bytes before it.
        deed: What happens; it may end the connection.
        part: Of what the bytes are counted.
        per_connection: Whether the bodies of all answers on one connection count together.
    """

    after: int
    deed: Deed
    part: Part = "body"
    per_connection: bool = False


@dataclass(frozen=True)
class Plan:
    """All that is going to happen for one request.

    Attributes:
        junk: Sent between the headers and the body.
        end: What happens after the last frame; None: the connection is kept.
    """

    answer: Answer
    frames: tuple[Frame, ...]
    breaks: tuple[Break, ...] = ()
    pace: Pacing | None = None
    junk: bytes = b""
    end: Deed | None = None

    @classmethod
    def honest(cls, answer: Answer) -> Plan:
        """Return the plan of a server without faults."""
        return cls(answer, frames_of(answer), end=Wire.fin if answer.close else None)


def frames_of(answer: Answer) -> tuple[Frame, ...]:
    """Cut a body as its framing says."""
    body = memoryview(answer.body)
    if answer.chunk is None:
        return (Frame(body),)
    pieces = [body[at : at + answer.chunk] for at in range(0, len(body), answer.chunk)]
    chunks = [Frame(piece, b"%x\r\n" % len(piece), b"\r\n") for piece in pieces]
    return (*chunks, Frame(b"", b"0\r\n\r\n"))


def deliver(plan: Plan, wire: Wire, on_head: Callable[[], None], on_body: Count) -> None:
    """Carry out a plan.

    Args:
        plan: What is to happen.
        wire: The connection.
        on_head: Called before the last bytes of the headers go out.
        on_body: Told the number of body bytes just before they go out, and the
            negative number if they could not: a client that has got a byte
            finds it counted.

    Raises:
        Over: The plan has ended the connection.
        OSError: The peer has.
    """
    head = memoryview(plan.answer.head())
    headers = _Sender(wire, [item for item in plan.breaks if item.part == "headers"])
    headers.send(head[:-1])
    on_head()
    headers.send(head[-1:])
    body = _Sender(wire, _body_breaks(plan, wire), plan.pace, on_body)
    wire.send(plan.junk)
    for frame in plan.frames:
        body.send(memoryview(frame.data), frame.prefix, frame.suffix)
    if plan.end is not None:
        plan.end(wire)


def _body_breaks(plan: Plan, wire: Wire) -> list[Break]:
    return [
        Break(max(0, item.after - wire.body_bytes), item.deed) if item.per_connection else item
        for item in plan.breaks
        if item.part == "body"
    ]


class _Sender:
    """Sends one part of an answer, minding offsets."""

    def __init__(
        self,
        wire: Wire,
        breaks: list[Break],
        pace: Pacing | None = None,
        count: Count | None = None,
    ) -> None:
        self._wire = wire
        self._breaks = sorted(breaks, key=lambda item: item.after)
        self._pace = pace
        self._count = count
        self._sent = 0

    def send(self, data: memoryview, prefix: bytes = b"", suffix: bytes = b"") -> None:
        self._break_off()
        if prefix:
            self._wire.send(prefix)
        while data:
            size = self._next_size(len(data))
            self._wait_for(size)
            self._send_piece(data[:size])
            data = data[size:]
            self._break_off()
        if suffix:
            self._wire.send(suffix)

    def _next_size(self, left: int) -> int:
        sizes = [left, PIECE if self._pace is None else self._pace.size_after(self._sent)]
        if self._breaks:
            sizes.append(self._breaks[0].after - self._sent)
        return min(sizes)

    def _wait_for(self, size: int) -> None:
        seconds = 0.0 if self._pace is None else self._pace.wait_for(size, self._sent)
        if seconds:
            self._wire.wait(seconds)

    def _send_piece(self, piece: memoryview) -> None:
        if self._count is None:
            self._wire.send(piece)
        else:
            self._count(len(piece))
            try:
                self._wire.send(piece)
            except OSError:
                self._count(-len(piece))
                raise
            self._wire.body_bytes += len(piece)
        self._sent += len(piece)

    def _break_off(self) -> None:
        while self._breaks and self._breaks[0].after <= self._sent:
            self._breaks.pop(0).deed(self._wire)
