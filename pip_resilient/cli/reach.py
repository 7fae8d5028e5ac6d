"""Is there a way to a host: its name, an address, TCP, a tunnel, TLS?

The rule: every step has its own deadline and its own verdict, so that it is
seen which one fails. A certificate that is not believed is read all the same,
over a second connection that carries nothing of the user's.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from pip_resilient import certificates, second_look
from pip_resilient.cli.measured import Address
from pip_resilient.exceptions import failure_of, place_of_proxy
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import origin_of
from pip_resilient.policy.record import Record

try:
    import ssl
except ImportError:  # a Python built without it: every https URL ends as NO_SSL
    ssl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pip_resilient.cli.asking import Deadline

RESOLVE, CONNECT = 4.0, 3.5
"""Seconds. A lost SYN or DNS packet is sent again after 1 s (RFC 6298), and twice more."""
_ALERT = 0.3
"""Seconds, beside what the handshake took, in which an alert that follows it is there."""
_PER_FAMILY = 2
_T = TypeVar("_T")
__all__ = ["CONNECT", "RESOLVE", "Goal", "beside", "reach", "ssl"]


def beside(works: Iterable[Callable[[], _T]], seconds: float) -> list[_T | None]:
    """Do several things at once; None for what is not there in time.

    A thread that is late is left behind: it is a daemon, and its socket has a deadline.
    """
    works = list(works)
    done: list[_T | None] = [None] * len(works)

    def put(at: int, work: Callable[[], _T]) -> None:
        done[at] = work()

    threads = [
        threading.Thread(target=put, args=one, name="pip-resilient-doctor", daemon=True)
        for one in enumerate(works)
    ]
    until = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(done)


class Goal(Record):
    """What is to be reached.

    Attributes:
        url: Of the index, without login.
        proxy: The proxy's URL with its login, or None.
        context: The ssl context for the index, or None for http.
        proxy_context: The same for an https proxy.
    """

    url: str
    proxy: str | None
    context: Any
    proxy_context: Any


def reach(goal: Goal, deadline: Deadline) -> tuple[Address, ...] | Failure:
    """Connect to up to two addresses of each family, of the index or of its proxy.

    Returns:
        What each of them gave, or why the name has no address.
    """
    _, host, port = origin_of(goal.proxy or goal.url)
    most = deadline.left(RESOLVE)
    found: list[Any] | Failure | None
    found = beside([lambda: _resolved(host, port, goal.proxy)], most)[0]
    if found is None:
        return Failure(Kind.DNS_TEMPORARY, f"no answer in {most:.0f} s", proxy=_shown(goal))
    if isinstance(found, Failure):
        return found
    chosen = [
        one
        for family in (socket.AF_INET6, socket.AF_INET)
        for one in [one for one in found if one[0] == family][:_PER_FAMILY]
    ]
    works = [functools.partial(_connected, goal, one, deadline) for one in chosen]
    reached = beside(works, deadline.left(2 * CONNECT))
    return tuple(
        address or _address(one)._replace(failure=Failure(Kind.SILENT, proxy=_shown(goal)))
        for one, address in zip(chosen, reached)
    )


def _shown(goal: Goal) -> str | None:
    return place_of_proxy(goal.proxy)


def _resolved(host: str, port: int, proxy: str | None) -> list[Any] | Failure:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return failure_of(error, proxy)
    return list({one[4][0]: one for one in found}.values())


def _address(one: Any) -> Address:
    return Address(one[4][0], "IPv6" if one[0] == socket.AF_INET6 else "IPv4")


def _connected(goal: Goal, one: Any, deadline: Deadline) -> Address:
    address = _address(one)
    began = time.monotonic()
    try:
        with _tcp(one, deadline) as sock:
            address = address._replace(tcp=time.monotonic() - began)
            began = time.monotonic()
            return _with_tls(goal, address, sock, began)
    except Exception as error:  # whatever it is, it is the finding
        failure = failure_of(error, goal.proxy)
        if address.tcp is None and failure.kind is Kind.SILENT:
            failure = failure._replace(kind=Kind.CONNECT_TIMEOUT)
        address = address._replace(failure=failure)
    if goal.proxy is not None and goal.proxy.startswith("https:"):
        return _of_plain_proxy(goal, one, address, deadline)
    return _seen_unbelieved(goal, one, address, deadline)


def _tcp(one: Any, deadline: Deadline) -> socket.socket:
    family, kind, protocol, _, where = one
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(deadline.left(CONNECT))
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def _with_tls(goal: Goal, address: Address, sock: socket.socket, began: float) -> Address:
    if goal.proxy is not None and goal.proxy.startswith("https:"):
        _, host, _ = origin_of(goal.proxy)
        with goal.proxy_context.wrap_socket(sock, server_hostname=host):
            return address  # what lies behind it, the request for the page will tell
    if goal.context is None or (goal.proxy or "").startswith("socks"):
        return address
    refused = second_look.tunnel(sock, goal.url, goal.proxy, login=True)
    if refused is not None:
        return address._replace(failure=refused)
    _, host, _ = origin_of(goal.url)
    with goal.context.wrap_socket(sock, server_hostname=host) as secure:
        shown = certificates.read(secure.getpeercert(binary_form=True) or b"")
        took = time.monotonic() - began
        _let_refuse(secure, _ALERT + took)
    return address._replace(tls=took, certificate=shown)


def _let_refuse(secure: Any, seconds: float) -> None:
    """Wait for the alert of a server that does not like our certificate, or that there is none.

    With TLS 1.3 the handshake is over for us before the server has looked (RFC 8446
    §4.4.2.4). Who sends before reading may find the connection closed, and no alert.

    Raises:
        OSError: It has come.
    """
    if secure.version() != "TLSv1.3":
        return
    secure.settimeout(seconds)
    with contextlib.suppress(socket.timeout):
        secure.recv(1)


def _of_plain_proxy(goal: Goal, one: Any, address: Address, deadline: Deadline) -> Address:
    """Find out whether a proxy written https:// only seems to be out of order."""
    try:
        with _tcp(one, deadline) as sock:
            if not second_look.speaks_http(sock, goal.url, goal.proxy or ""):
                return address
    except Exception:
        return address
    said = "the other side speaks no TLS"
    failure = Failure(Kind.PROXY_SCHEME, said, proxy=_shown(goal))
    return address._replace(failure=failure)


def _seen_unbelieved(goal: Goal, one: Any, address: Address, deadline: Deadline) -> Address:
    """Read a certificate that is not believed, and the Date of who showed it."""
    if address.failure is None or address.failure.kind not in second_look.OF_CERTIFICATE:
        return address
    _, host, _ = origin_of(goal.url)
    try:
        with _tcp(one, deadline) as sock:
            second_look.tunnel(sock, goal.url, goal.proxy, login=True)
            with second_look.unbelieved(sock, host) as (secure, shown):
                address = address._replace(certificate=shown)
                return address._replace(date=_date(secure, host))
    except Exception:
        return address


def _date(secure: Any, host: str) -> str | None:
    name = f"[{host}]" if ":" in host else host
    secure.sendall(f"HEAD / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    response = http.client.HTTPResponse(secure, method="HEAD")
    response.begin()
    return response.getheader("Date")
