"""What happens to a client behind an HTTP proxy which cuts, refuses or wants a password?

A `FaultProxy` is reached by plain http. It tunnels CONNECT (RFC 9110 §9.3.6)
and forwards plain requests in absolute form (RFC 9112 §3.2.2), one on each
connection. The rule: where the bytes go is decided by `routes` alone, so that a
test can play any host name on a local server; which tunnels are cut, and where,
follows from the seed and the number of the connection.
"""

from __future__ import annotations

import base64
import dataclasses
import random
import select
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from tests.servers.answers import Answer, Request, short_answer
from tests.servers.listener import Listener
from tests.servers.wire import PIECE, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

Address = tuple[str, int]


@dataclass(frozen=True)
class Relayed:
    """One request to the proxy and what became of it so far.

    Attributes:
        number: Number of the connection; the first is 1.
        method: "CONNECT", or that of a forwarded request.
        host: Whom the client wanted, before `routes`.
        authorization: The Proxy-Authorization header; None: there was none.
        status: What the proxy said; 200 once it relays.
        down: Bytes relayed to the client, with all that is inside the tunnel.
        cut: Whether the proxy cut the connection.
    """

    number: int
    method: str
    host: str
    port: int
    authorization: str | None
    status: int = 200
    down: int = 0
    cut: bool = False


class FaultProxy:
    """An HTTP proxy on the loopback.

    Args:
        cut: Reset each connection after so many bytes to the client, drawn
            evenly between these two, anew for each connection. None: never.
        seed: What is drawn follows from it.
        require: User name and password; None: anybody may pass.
        routes: Which server plays which host and port.
        outside: Whether a host without a route is really asked; if not, only
            the loopback is, and the rest is answered with 502.
    """

    def __init__(
        self,
        *,
        cut: tuple[int, int] | None = None,
        seed: int = 0,
        require: tuple[str, str] | None = None,
        routes: Mapping[Address, Address] | None = None,
        outside: bool = True,
    ) -> None:
        self.cut = cut
        self.routes: dict[Address, Address] = dict(routes or {})
        self._seed = seed
        self._require = require
        self._outside = outside
        self._refusals = 0
        self._refusal_status: int | None = 502
        self._lock = threading.Lock()
        self._log: dict[int, Relayed] = {}
        self._listener = Listener(self._serve)

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
        """What a client is told, without user and password."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> list[Relayed]:
        """All requests so far, in the order of their connections."""
        with self._lock:
            return [self._log[number] for number in sorted(self._log)]

    @property
    def connections(self) -> int:
        """How many connections were accepted, those without a request included."""
        return self._listener.accepted

    def refuse_next(self, n: int, status: int | None = 502) -> None:
        """Answer the next `n` requests with this status; None: reset them instead."""
        with self._lock:
            self._refusals, self._refusal_status = n, status

    def pause_listening(self, *, drop: bool = False) -> None:
        """Refuse connections from now on; with `drop`, end those that are open too."""
        self._listener.pause(drop=drop)

    def resume_listening(self) -> None:
        """Listen again, on the same port."""
        self._listener.resume()

    def _serve(self, wire: Wire, number: int) -> None:
        head = wire.read_head()
        if head is None:
            return
        request = Request.parse(head)
        wanted = _wanted(request)
        authorization = request.header("Proxy-Authorization")
        self._note(number, Relayed(number, request.method, *wanted, authorization))
        if self._is_refused():
            self._refuse(wire, number, self._refusal_status)
        if self._require is not None and authorization != _basic(*self._require):
            self._refuse(wire, number, 407)
        onward = self.routes.get(wanted, wanted if self._may_ask(wanted[0]) else None)
        if onward is None:
            self._refuse(wire, number, 502)
        try:
            upstream = socket.create_connection(onward, timeout=20)
        except OSError:
            self._refuse(wire, number, 502)
        with upstream:
            upstream.settimeout(None)
            if request.method == "CONNECT":
                wire.send(Answer(200).head())
            else:
                upstream.sendall(_in_origin_form(request))
            self._relay(wire, upstream, number)

    def _may_ask(self, host: str) -> bool:
        return self._outside or host in {"localhost", "::1"} or host.startswith("127.")

    def _is_refused(self) -> bool:
        with self._lock:
            refused = self._refusals > 0
            self._refusals -= refused
            return refused

    def _refuse(self, wire: Wire, number: int, status: int | None) -> NoReturn:
        if status is None:
            self._note(number, cut=True, status=0)
            wire.reset()
        asks = (("Proxy-Authenticate", 'Basic realm="proxy"'),) if status == 407 else ()
        answer = short_answer(status, b"The proxy says no.\n", headers=asks)
        answer = dataclasses.replace(answer, close=True)
        self._note(number, status=status)
        wire.send(answer.head() + answer.body)
        wire.fin()

    def _relay(self, wire: Wire, upstream: socket.socket, number: int) -> None:
        """Carry bytes both ways until the client leaves, or the cut."""
        left = self._bytes_before_cut(number)
        upstream.sendall(wire.buffered())
        sources = [wire.socket, upstream]
        while True:
            ready, _, _ = select.select(sources, [], [])
            if wire.socket in ready:
                data = wire.socket.recv(PIECE)
                if not data:
                    return
                upstream.sendall(data)
            if upstream in ready:
                data = _received(upstream, wire)[:left]
                if not data:
                    sources.remove(upstream)
                    wire.socket.shutdown(socket.SHUT_WR)
                    continue
                self._note(number, more=len(data))
                wire.send(data)
                left = None if left is None else left - len(data)
                if left == 0:
                    self._note(number, cut=True)
                    wire.reset()

    def _bytes_before_cut(self, number: int) -> int | None:
        if self.cut is None:
            return None
        return random.Random(f"{self._seed} {number}").randint(*self.cut)

    def _note(
        self, number: int, relayed: Relayed | None = None, more: int = 0, **changes: Any
    ) -> None:
        with self._lock:
            now = relayed or self._log[number]
            changes["down"] = now.down + more
            self._log[number] = dataclasses.replace(now, **changes)


def _received(upstream: socket.socket, wire: Wire) -> bytes:
    """Return what the upstream has sent; hand its reset on."""
    try:
        return upstream.recv(PIECE)
    except ConnectionResetError:
        wire.reset()


def _wanted(request: Request) -> Address:
    if request.method == "CONNECT":
        host, _, port = request.target.rpartition(":")
        return host.strip("[]"), int(port)
    parts = urlsplit(request.target)
    return parts.hostname or "", parts.port or 80


def _in_origin_form(request: Request) -> bytes:
    """Return the request as the origin server gets it, to be its connection's only one."""
    parts = urlsplit(request.target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    onward = request.without("Proxy-Authorization", "Proxy-Connection", "Connection")
    lines = [f"{request.method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in onward.headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
