"""What does a client meet on a bad network, and what did it ask for there?

A `FaultServer` serves resources honestly over real sockets, except where its
script says otherwise, and keeps a log. The rule: a client that has got a byte
finds it in the log; `bytes_sent` counts what was handed to the connection,
which after a cut may be a little more than what the client has read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from tests.servers.answers import (
    DEFAULT_CHUNK,
    Pairs,
    Request,
    Resource,
    answer_to,
    header,
    preferred,
    strong_etag,
)
from tests.servers.delivery import Plan, deliver
from tests.servers.listener import Listener
from tests.servers.script import Entry, Fault, Script, Scripted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Self

    from tests.servers.authority import Authority
    from tests.servers.wire import Wire

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Seen:
    """One request and what became of it so far.

    Attributes:
        connection: Number of the connection; the first is 1.
        number: Number of the request, of the whole server; the first is 1.
        target: The path as it was sent, with its query.
        range: The Range header; None: the whole was asked for.
        status: What was sent; None: the headers did not get through.
        body_bytes: Bytes of the body sent, without the framing of chunks.
        complete: Whether the answer went out as planned to its end.
        fault: Name of the fault's class; "Fault" if there was none.
        at: When it came, by `time.monotonic`.
        last_byte_at: When the last piece of the body was handed to the connection.
    """

    connection: int
    number: int
    method: str
    path: str
    target: str
    headers: Pairs
    range: str | None
    status: int | None
    body_bytes: int
    complete: bool
    peer: str
    tls: bool
    fault: str
    at: float
    last_byte_at: float | None = None

    def header(self, name: str) -> str | None:
        """Return the value of a request header, in any case; None if it was not sent."""
        return header(self.headers, name)


class FaultServer:
    """An HTTP/1.1 server on the loopback which fails as its script says.

    Args:
        tls: Who signs the certificate; None: plain http.
        names: Host names that the certificate is for, beside those of the loopback.
        host: The host in `url`.
        ipv6: Listen on `::1` too, on the same port.
        wait: Waits so many seconds for paces and pauses; None: really waits.
        script: The faults; `server.script = …` changes them and counts anew.
    """

    def __init__(
        self,
        *,
        tls: Authority | None = None,
        names: Iterable[str] = (),
        host: str = "127.0.0.1",
        ipv6: bool = False,
        wait: Callable[[float], object] | None = None,
        script: Iterable[Entry] = (),
    ) -> None:
        self._context = None if tls is None else tls.server_context(*names, *LOCAL_NAMES)
        self._resources: dict[str, tuple[Resource, ...]] = {}
        self._changed = threading.Condition()
        self._log: list[Seen] = []
        self._script = Script(script)
        self._listener = Listener(self._serve, ipv6=ipv6, wait=wait)
        self.host = host

    def __enter__(self) -> Self:
        self._listener.resume()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    @property
    def port(self) -> int:
        """The port, chosen by the system."""
        return self._listener.port

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://{self.host}:{self.port}"

    @property
    def script(self) -> tuple[Scripted, ...]:
        """The faults with their conditions; assign a list of faults to change them."""
        return self._script.entries

    @script.setter
    def script(self, entries: Iterable[Entry]) -> None:
        self._script = Script(entries)

    def put(
        self,
        path: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        etag: str | None = "strong",
        last_modified: str | None = None,
        gzip: bool = False,
        chunked: bool = False,
        close_delimited: bool = False,
        accept_ranges: bool = True,
        headers: dict[str, str] | None = None,
        chunk: int = DEFAULT_CHUNK,
    ) -> str:
        """Hold a resource and return its URL; what the options mean is told in `Resource`.

        The path is given without percent signs. "strong" and "weak" make an
        ETag from the content; any other is sent as it is, and None not at all.
        """
        made = {"strong": strong_etag(content), "weak": "W/" + strong_etag(content)}
        resource = Resource(
            content,
            content_type,
            made.get(etag, etag) if etag else None,
            last_modified,
            gzip,
            chunked,
            close_delimited,
            accept_ranges,
            tuple((headers or {}).items()),
            chunk,
        )
        return self.put_variants(path, resource)

    def put_variants(self, path: str, *resources: Resource) -> str:
        """Hold variants of one resource, chosen by the client's Accept header."""
        self._resources[path] = resources
        return self.url + path

    def remove(self, path: str) -> None:
        """Hold the resource no longer: it is answered with 404."""
        self._resources.pop(path, None)

    def pause_listening(self, *, drop: bool = False) -> None:
        """Refuse connections from now on; with `drop`, end those that are open too."""
        self._listener.pause(drop=drop)

    def resume_listening(self) -> None:
        """Listen again, on the same port."""
        self._listener.resume()

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return self._listener.accepted

    @property
    def log(self) -> list[Seen]:
        """All requests so far, in the order in which they came."""
        with self._changed:
            return list(self._log)

    def requests(self, path: str | None = None, method: str | None = None) -> list[Seen]:
        """Return the requests for one path and method; None: for any."""
        return [
            seen for seen in self.log if path in {None, seen.path} and method in {None, seen.method}
        ]

    def bytes_sent(self, path: str | None = None) -> int:
        """Return how many body bytes were sent for one path, or for all."""
        return sum(seen.body_bytes for seen in self.requests(path))

    def ranges(self, path: str) -> list[str | None]:
        """Return the ranges that were asked for, in order; None stands for the whole."""
        return [seen.range for seen in self.requests(path)]

    def wait_until(self, happened: Callable[[FaultServer], bool], timeout: float = 10.0) -> None:
        """Wait until something can be seen in the log.

        Raises:
            TimeoutError: It did not happen in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: happened(self), timeout):
                raise TimeoutError(f"not within {timeout} s; the log says {self._log}")

    def _serve(self, wire: Wire, connection: int) -> None:
        peer = wire.peer
        with self._changed:
            self._changed.notify_all()
        stranger = Request(connection=connection, peer=peer)
        fault = self._script.fault_of_connection(stranger)
        if fault is not None:
            fault.meet(wire)
        if self._context is not None:
            wire.start_tls(self._context)
        while True:
            head = wire.read_head()
            if head is None:
                break
            request = dataclasses.replace(
                Request.parse(head), connection=connection, peer=peer, tls=wire.is_tls
            )
            body = wire.read(int(request.header("Content-Length") or 0))
            self._answer(dataclasses.replace(request, body=body), wire)
        wire.fin()

    def _answer(self, request: Request, wire: Wire) -> None:
        with self._changed:
            request = dataclasses.replace(request, number=len(self._log) + 1)
            fault = self._script.fault_of_request(request)
            self._log.append(_first_sight(request, fault))
            self._changed.notify_all()
        plan = self._plan(request, fault)
        with self._noting(request.number) as note:
            deliver(plan, wire, lambda: note(status=plan.answer.status), note)
        if request.wants_close:
            wire.fin()

    def _plan(self, request: Request, fault: Fault) -> Plan:
        asked = fault.change_request(request)
        variants = self._resources.get(request.path, ())
        resource = preferred(variants, request.header("Accept")) if variants else None
        if resource is not None:
            resource = fault.change_resource(resource)
        answer = fault.change_answer(answer_to(asked, resource), asked, resource)
        if request.wants_close:
            answer = dataclasses.replace(answer, close=True)
        return fault.change_plan(Plan.honest(answer))

    @contextlib.contextmanager
    def _noting(self, number: int) -> Iterator[Callable[..., None]]:
        def note(more: int = 0, **changes: Any) -> None:
            with self._changed:
                seen = self._log[number - 1]
                changes["body_bytes"] = seen.body_bytes + more
                if more > 0:
                    changes["last_byte_at"] = time.monotonic()
                self._log[number - 1] = dataclasses.replace(seen, **changes)
                self._changed.notify_all()

        yield note
        note(complete=True)


def _first_sight(request: Request, fault: Fault) -> Seen:
    return Seen(
        connection=request.connection,
        number=request.number,
        method=request.method,
        path=request.path,
        target=request.target,
        headers=request.headers,
        range=request.range,
        status=None,
        body_bytes=0,
        complete=False,
        peer=request.peer,
        tls=request.tls,
        fault=type(fault).__name__,
        at=time.monotonic(),
    )
