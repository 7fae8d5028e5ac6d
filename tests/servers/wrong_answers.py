"""What can a server, or something before it, say that it should not?

One small class for each fault, named as the field names it. Unless it says
otherwise a fault leaves everything else honest: headers and validators are
those of the undamaged answer. Offsets are bytes and start at zero.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from tests.servers.answers import (
    Answer,
    Pairs,
    Request,
    Resource,
    range_refused,
    representation,
    short_answer,
)
from tests.servers.delivery import Frame, Plan
from tests.servers.script import Fault
from tests.servers.wire import Wire

# --- Another status ---


@dataclass(frozen=True)
class Status(Fault):
    """Another answer altogether; the connection is kept.

    `Status(502).when(connections=all_but_each(3))` makes bad connections: what
    is asked there is answered so for as long as they live.
    """

    status: int
    body: bytes = b"This server has a problem.\n"
    content_type: str = "text/plain"
    headers: Pairs = ()

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        said = short_answer(self.status, self.body, self.content_type, self.headers)
        return dataclasses.replace(said, body=b"") if request.method == "HEAD" else said


def unavailable(retry_after: float | None = None, *, as_date: bool = False) -> Status:
    """Return a 503 which asks to come back after so many seconds, or says nothing of it."""
    return Status(503, headers=_retry_after(retry_after, as_date=as_date))


def too_many_requests(retry_after: float | None = None, *, as_date: bool = False) -> Status:
    """Return a 429 which asks to come back after so many seconds, or says nothing of it."""
    return Status(429, headers=_retry_after(retry_after, as_date=as_date))


def redirect(location: str, status: int = 302) -> Status:
    """Return a redirect."""
    return Status(status, b"", headers=(("Location", location),))


def captive_portal() -> Status:
    """Return a 200 with the log-in page of a hotel in place of what was asked for."""
    page = b"<!DOCTYPE html><html><title>Welcome</title><form>Log in to go online</form></html>\n"
    return Status(200, page, "text/html; charset=utf-8")


# --- Ranges and content ---


@dataclass(frozen=True)
class RangeIgnored(Fault):
    """The whole comes as a 200, whatever range was asked for."""

    def change_request(self, request: Request) -> Request:
        return request.without("Range", "If-Range")


@dataclass(frozen=True)
class IfRangeIgnored(Fault):
    """The range comes as a 206 even if the condition does not hold."""

    def change_request(self, request: Request) -> Request:
        return request.without("If-Range")


@dataclass(frozen=True)
class RangeRefused(Fault):
    """A valid range is answered with 416."""

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        if answer.status != 206 or resource is None:
            return answer
        return range_refused(len(representation(request, resource)[0]))


@dataclass(frozen=True)
class WrongOffset(Fault):
    """A 206 begins elsewhere than asked.

    Attributes:
        by: How many bytes later; negative: earlier.
        honest: Whether Content-Range says so. Otherwise it says what was asked,
            and the body is as long as it should be, with bytes from elsewhere.
    """

    by: int = -1
    honest: bool = True

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        if answer.status != 206 or resource is None:
            return answer
        content, _ = representation(request, resource)
        said = answer.header("Content-Range") or ""
        asked = int(said.split()[1].partition("-")[0])
        start = min(max(0, asked + self.by), len(content) - 1)
        stop = asked + len(answer.body)
        if not self.honest:
            around = content + content
            shifted = around[start : start + len(answer.body)]
            return dataclasses.replace(answer, body=shifted)
        # An honest server cannot begin after its end.
        stop = max(stop, start + 1)
        body = content[start:stop]
        length = () if answer.chunk or answer.close else (("Content-Length", str(len(body))),)
        fields = (("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}"), *length)
        return dataclasses.replace(answer, body=body).with_headers(*fields)


@dataclass(frozen=True)
class OtherTotal(Fault):
    """A 206 says another total length than the resource has."""

    by: int = 1

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        if answer.status != 206:
            return answer
        span, _, total = (answer.header("Content-Range") or "").partition("/")
        return answer.with_headers(("Content-Range", f"{span}/{int(total) + self.by}"))


@dataclass(frozen=True)
class OtherContent(Fault):
    """The resource is another one: the server, or a mirror, holds other bytes.

    Attributes:
        content: The other bytes; None: the same.
        etag: The other validator; None: the same, so that it vouches for the wrong bytes.
    """

    content: bytes | None = None
    etag: str | None = None

    def change_resource(self, resource: Resource) -> Resource:
        content = resource.content if self.content is None else self.content
        return dataclasses.replace(resource, content=content, etag=self.etag or resource.etag)


@dataclass(frozen=True)
class FlippedBit(Fault):
    """One bit of the resource is wrong, at an offset of the whole."""

    offset: int
    bit: int = 0

    def change_resource(self, resource: Resource) -> Resource:
        content = bytearray(resource.content)
        content[self.offset] ^= 1 << self.bit
        return dataclasses.replace(resource, content=bytes(content))


# --- Framing ---


@dataclass(frozen=True)
class NoLastChunk(Fault):
    """The stream ends in good order after so many whole chunks; only for chunked bodies."""

    chunks: int = 1

    def change_plan(self, plan: Plan) -> Plan:
        return dataclasses.replace(plan, frames=plan.frames[: self.chunks], end=Wire.fin)


@dataclass(frozen=True)
class BadChunkHeader(Fault):
    """After so many good chunks comes a size that is not a number; only for chunked bodies."""

    chunks: int = 1
    header: bytes = b"zz\r\n"

    def change_plan(self, plan: Plan) -> Plan:
        bad = Frame(b"", self.header)
        frames = (*plan.frames[: self.chunks], bad, *plan.frames[self.chunks + 1 :])
        return dataclasses.replace(plan, frames=frames)


@dataclass(frozen=True)
class Junk(Fault):
    """Bytes that do not belong there stand between the headers and the body."""

    data: bytes = b"\x00junk\r\n"

    def change_plan(self, plan: Plan) -> Plan:
        return dataclasses.replace(plan, junk=self.data)


@dataclass(frozen=True)
class MissingHeaders(Fault):
    """The answer comes without these header fields."""

    names: tuple[str, ...]

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        gone = {name.lower() for name in self.names}
        kept = tuple(pair for pair in answer.headers if pair[0].lower() not in gone)
        return dataclasses.replace(answer, headers=kept)


def _retry_after(seconds: float | None, *, as_date: bool) -> Pairs:
    if seconds is None:
        return ()
    if not as_date:
        return (("Retry-After", f"{seconds:g}"),)
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return (("Retry-After", format_datetime(moment, usegmt=True)),)
