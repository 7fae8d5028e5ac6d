"""What does the other side show, where an error does not say it?

The rule: one more connection, to where the last one led, that carries nothing
of the user's beyond what stood in that one: a host's name and, for its tunnel, a
proxy's login. What comes over it is shown to people and believed by nobody.
"""

from __future__ import annotations

import contextlib
import http.client
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pip_resilient import certificates
from pip_resilient.exceptions import failure_of
from pip_resilient.policy.disclosure import basic
from pip_resilient.policy.failure import Kind
from pip_resilient.policy.origins import origin_of, shown

try:
    import ssl
except ImportError:  # a Python built without it: no certificate is seen at all
    ssl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from pip_resilient.certificates import Certificate
    from pip_resilient.policy.failure import Failure

OF_CERTIFICATE = frozenset(
    {Kind.CERTIFICATE, Kind.TOO_EARLY, Kind.EXPIRED, Kind.OTHER_HOST, Kind.AGAINST_RULES}
)
"""The failures of which a certificate tells more."""


def speaks_http(sock: socket.socket, url: str, proxy: str) -> bool:
    """Tell whether a proxy written https:// speaks http; no login is sent for that.

    A 400 is no sign of it: so nginx and Apache answer, in plain text, whoever
    speaks no TLS to a port of theirs that does.

    Args:
        sock: Connected to the proxy.
        url: Where a tunnel might lead.
        proxy: The proxy's URL.

    Raises:
        OSError: The connection failed.
        http.client.HTTPException: What answers does not speak HTTP.
    """
    return _answer(sock, url, proxy, login=False).status != 400


def tunnel(sock: socket.socket, url: str, proxy: str | None, *, login: bool) -> Failure | None:
    """Ask a proxy for a tunnel (RFC 9110 §9.3.6).

    Args:
        sock: Connected to the proxy.
        url: Where the tunnel is to lead.
        proxy: The proxy's URL; None: there is none, and no tunnel is needed.
        login: Whether the login in the proxy's URL is sent.

    Returns:
        None where the tunnel is open, else what the proxy said instead.

    Raises:
        OSError: The connection failed.
        http.client.HTTPException: What answers does not speak HTTP.
    """
    if proxy is None:
        return None
    response = _answer(sock, url, proxy, login=login)
    if response.status == 200:
        return None
    failure = failure_of(OSError(f"Tunnel connection failed: {response.status}"), proxy)
    if failure.kind is Kind.PROXY_AUTHENTICATION:
        offers = response.headers.get_all("Proxy-Authenticate") or ()
        names = ", ".join(dict.fromkeys(offer.split(" ")[0] for offer in offers))
        failure = failure._replace(detail=f"it offers {names[:60]}" if names else "")
    return failure


def _answer(sock: socket.socket, url: str, proxy: str, *, login: bool) -> http.client.HTTPResponse:
    _, host, port = origin_of(url)
    where = f"{shown(host)}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    userinfo = re.match(r"\w+://([^/]*)@", proxy)
    if userinfo and login:
        lines.append(f"Proxy-Authorization: {basic(unquote(userinfo[1]))}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    response = http.client.HTTPResponse(sock, method="CONNECT")
    response.begin()
    return response


@contextlib.contextmanager
def unbelieved(sock: socket.socket, host: str) -> Iterator[tuple[Any, Certificate | None]]:
    """Speak TLS with whoever answers, and yield the connection and the certificate shown.

    Args:
        sock: Leads to the host, by a tunnel perhaps.
        host: Whom the other side is asked to be.

    Raises:
        OSError: TLS does not come about.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(sock, server_hostname=host) as secure:
        yield secure, certificates.read(secure.getpeercert(binary_form=True) or b"")
