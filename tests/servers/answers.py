"""What does an honest HTTP/1.1 server answer to a request?

The rules are those of RFC 9110: §12.5.1 (Accept), §13.1.2 (If-None-Match),
§13.1.5 (If-Range), §14.2 (Range), §15.3.7 (206), §15.5.17 (416); the framing
is that of RFC 9112 §6. This module only computes values; faults change them
afterwards.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http
import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

Pairs = tuple[tuple[str, str], ...]

DEFAULT_CHUNK = 4096


@dataclass(frozen=True)
class Request:
    """One request as it came, or, with an empty method, a connection before its first one."""

    method: str = ""
    target: str = ""
    headers: Pairs = ()
    body: bytes = b""
    version: str = "HTTP/1.1"
    number: int = 0
    connection: int = 0
    peer: str = ""
    tls: bool = False

    @classmethod
    def parse(cls, head: bytes) -> Request:
        """Read a request's head, without its empty line."""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = tuple((name.strip(), value.strip()) for name, _, value in pairs)
        return cls(method, target, headers, version=version)

    @property
    def path(self) -> str:
        """The path without query and without percent signs."""
        return unquote(urlsplit(self.target).path)

    @property
    def range(self) -> str | None:
        """What the client asked for, as it spelled it ("bytes=100-")."""
        return self.header("Range")

    @property
    def wants_close(self) -> bool:
        """Whether this is the last request on its connection."""
        asked = (self.header("Connection") or "").lower()
        return asked == "close" or (self.version == "HTTP/1.0" and asked != "keep-alive")

    def header(self, name: str) -> str | None:
        """Return the value of a header field, in any case; None if it is not there."""
        return header(self.headers, name)

    def without(self, *names: str) -> Request:
        """Return the request as if it had come without these header fields."""
        gone = {name.lower() for name in names}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in gone)
        return dataclasses.replace(self, headers=kept)


@dataclass(frozen=True)
class Resource:
    """Something that the server holds, and the way in which it is sent.

    Attributes:
        content: The bytes before any coding.
        etag: The validator, spelled with its quotes; None: not sent.
        last_modified: An HTTP date; None: not sent.
        gzip: Whether it is sent compressed to those who accept that.
        chunked: Whether it is sent in chunks, without Content-Length.
        close_delimited: Whether the end of the connection ends the body.
        accept_ranges: Whether Range is understood.
        chunk: Size of one chunk.
    """

    content: bytes
    content_type: str = "application/octet-stream"
    etag: str | None = None
    last_modified: str | None = None
    gzip: bool = False
    chunked: bool = False
    close_delimited: bool = False
    accept_ranges: bool = True
    headers: Pairs = ()
    chunk: int = DEFAULT_CHUNK


@dataclass(frozen=True)
class Answer:
    """A response before it is sent.

    Attributes:
        body: All of the body, before chunking; what a HEAD does not send is empty.
        chunk: Size of the chunks; None: not chunked.
        close: Whether the connection ends after it.
    """

    status: int
    headers: Pairs = ()
    body: bytes | memoryview = b""
    chunk: int | None = None
    close: bool = False

    def header(self, name: str) -> str | None:
        """Return the value of a header field, in any case; None if it is not there."""
        return header(self.headers, name)

    def with_headers(self, *pairs: tuple[str, str]) -> Answer:
        """Return the answer with these fields in place of those of the same names."""
        gone = {name.lower() for name, _ in pairs}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in gone)
        return dataclasses.replace(self, headers=kept + pairs)

    def head(self) -> bytes:
        """Return status line and header fields as they are sent."""
        try:
            reason = http.HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += ["Connection: close"] if self.close else []
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def header(pairs: Pairs, name: str) -> str | None:
    """Return the first value of a header field, in any case; None if it is not there."""
    return next((value for key, value in pairs if key.lower() == name.lower()), None)


def strong_etag(content: bytes) -> str:
    """Return a strong validator: it differs whenever the bytes do."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def short_answer(
    status: int,
    body: bytes = b"",
    content_type: str = "text/plain",
    headers: Pairs = (),
) -> Answer:
    """Return an answer which is not a resource's: an error, a redirect."""
    own = (
        ("Date", formatdate(usegmt=True)),
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
    )
    return Answer(status, own, body).with_headers(*headers)


def answer_to(request: Request, resource: Resource | None) -> Answer:
    """Return what an honest server says; None stands for a resource that is not there."""
    if resource is None:
        return _for_head(request, short_answer(404, b"There is no such thing here.\n"))
    if request.method not in {"GET", "HEAD"}:
        return short_answer(405, headers=(("Allow", "GET, HEAD"),))
    content, fields = representation(request, resource)
    if _is_fresh(request, header(fields, "ETag"), resource.last_modified):
        return Answer(304, fields)
    spans = _spans(request, fields, resource, len(content))
    if spans == "unsatisfiable":
        return range_refused(len(content))
    if isinstance(spans, tuple):
        start, stop = spans
        fields += (("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}"),)
        part = memoryview(content)[start:stop]  # a copy of half a large file takes its time
        return _for_head(request, _framed(206, fields, part, resource))
    return _for_head(request, _framed(200, fields, content, resource))


def representation(request: Request, resource: Resource) -> tuple[bytes, Pairs]:
    """Return the bytes that this client would be sent as a whole, and what describes them."""
    content, etag = resource.content, resource.etag
    fields: Pairs = (("Date", formatdate(usegmt=True)), ("Content-Type", resource.content_type))
    if resource.gzip and "gzip" in (request.header("Accept-Encoding") or ""):
        content = gzip.compress(content, mtime=0)
        # Another representation must not have the same strong validator.
        etag = etag and re.sub(r'"$', '-gzip"', etag)
        fields += (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    fields += (("ETag", etag),) if etag else ()
    fields += (("Last-Modified", resource.last_modified),) if resource.last_modified else ()
    fields += (("Accept-Ranges", "bytes"),) if resource.accept_ranges else ()
    return content, fields + resource.headers


def range_refused(total: int) -> Answer:
    """Return a 416."""
    return short_answer(416, headers=(("Content-Range", f"bytes */{total}"),))


def parsed_range(value: str, total: int) -> tuple[int, int] | str | None:
    """Read a Range header.

    Returns:
        Start and stop (the byte after the last); None for what is to be ignored
        (several ranges, other units, nonsense); "unsatisfiable" for a 416.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", value.replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, stop = max(0, total - int(match[2])), total
    else:
        start, stop = int(match[1]), min(total, int(match[2] or total) + 1)
        if match[2] and int(match[2]) < start:
            return None
    return (start, stop) if start < stop else "unsatisfiable"


def preferred(resources: Iterable[Resource], accept: str | None) -> Resource:
    """Choose a variant by the client's Accept header; the first one if it has none."""
    variants = list(resources)
    weights = dict(_weighted(accept or "*/*"))

    def weight(resource: Resource) -> float:
        kind = resource.content_type.partition(";")[0]
        family = kind.partition("/")[0] + "/*"
        return next((weights[key] for key in (kind, family, "*/*") if key in weights), 0.0)

    return max(variants, key=weight)


def _weighted(accept: str) -> Iterable[tuple[str, float]]:
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        quality = [part[2:] for part in parameters if part.startswith("q=")]
        yield kind, float(quality[0]) if quality else 1.0


def _is_fresh(request: Request, etag: str | None, last_modified: str | None) -> bool:
    wanted = request.header("If-None-Match")
    if wanted is not None:
        known = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
        return etag is not None and (etag.removeprefix("W/") in known or "*" in known)
    since = request.header("If-Modified-Since")
    return since is not None and since == last_modified


def _spans(
    request: Request, fields: Pairs, resource: Resource, total: int
) -> tuple[int, int] | str | None:
    if request.range is None or request.method != "GET" or not resource.accept_ranges:
        return None
    condition = request.header("If-Range")
    # §13.1.5: a weak validator never matches.
    strong = {tag for tag in (header(fields, "ETag"), resource.last_modified) if tag}
    if condition is not None and (condition.startswith("W/") or condition not in strong):
        return None
    return parsed_range(request.range, total)


def _framed(status: int, fields: Pairs, body: bytes | memoryview, resource: Resource) -> Answer:
    if resource.chunked:
        return Answer(
            status, (*fields, ("Transfer-Encoding", "chunked")), body, chunk=resource.chunk
        )
    if resource.close_delimited:
        return Answer(status, fields, body, close=True)
    return Answer(status, (*fields, ("Content-Length", str(len(body)))), body)


def _for_head(request: Request, answer: Answer) -> Answer:
    if request.method != "HEAD":
        return answer
    return dataclasses.replace(answer, body=b"", chunk=None)
