"""How is one URL asked, as pip would ask it, with no second chance?

The rule: a fresh connection each unless they are kept, no retries, pip's own User-Agent, proxy and
certificates, its login for its own host alone (`policy/disclosure.py`). What
comes is an `Answer`, what does not is a `Failure`; nothing raises.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import netrc
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from pip_resilient.cli.measured import Answer
from pip_resilient.exceptions import failure_of, place_of_proxy
from pip_resilient.policy.disclosure import (
    REDIRECTS,
    Forbidden,
    Given,
    basic,
    carried,
    is_public,
    next_hop,
    without_secrets,
)
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import host_of, place_of, same_origin
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pip_resilient.cli.measured import Asked

_MOST_HOPS = 30
"""As requests, and so pip (models.py, DEFAULT_REDIRECT_LIMIT)."""
_PIECE = 64 * 1024
_UNKNOWN_READ1 = 256
"""Bytes at once where urllib3 (< 2.1) has no `read1`: a larger read waits until it is full."""


class Deadline:
    """The moment when all of it must be over.

    Args:
        seconds: From now.
        clock: A monotonic clock.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def left(self, most: float) -> float:
        """Return the seconds left, at most so many, and a little where none are."""
        return max(0.05, min(most, self._at - self._clock()))


class Line(Record):
    """What a request goes out with.

    Attributes:
        proxy_of: Gives the proxy of a URL, with its login, or None.
        context_of: Gives the ssl context of a URL.
        user_agent: pip's own.
        client_certificate: A file for the index's own host, or None.
        deadline: When all must be over.
        seconds: Longest silence.
        kept: Connections, kept from one request to the next; None: each has a fresh one.
        as_pip: Whether redirects are followed as pip follows those of its own index, and
            not as the plugin does those of another source.
    """

    proxy_of: Callable[[str], str | None]
    context_of: Callable[[str], Any]
    user_agent: str
    client_certificate: str | None
    deadline: Deadline
    seconds: float = 4.0
    kept: dict[str, Any] | None = None
    as_pip: bool = False

    def close(self) -> None:
        """Close what was kept."""
        while self.kept:
            _close(self.kept.popitem()[1])


def be_quiet() -> None:
    """Let urllib3 not warn of what is not verified: who asks says so, with what set it.

    Raises:
        ImportError: It is missing; then nothing can be asked.
    """
    urllib3 = _urllib3()
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _urllib3() -> Any:
    """Return urllib3, which is not loaded before somebody is asked: most commands ask nobody."""
    import urllib3  # noqa: PLC0415

    return urllib3


def ask(
    line: Line,
    url: str,
    headers: Mapping[str, str],
    most: int,
    address: str | None = None,
    body_seconds: float = 4.0,
) -> Asked:
    """Ask for a URL, and follow it as pip does.

    Args:
        line: What requests go out with.
        url: The URL, its login in it.
        headers: Those of the request, beside the User-Agent.
        most: Bytes of the body to read.
        address: The address to connect to instead of one that the resolver gives.
        body_seconds: Longest time for the body; then what came is all.
    """
    url, login = _without_login(url)
    given = Given(url, {"User-Agent": line.user_agent, **headers}, line.client_certificate)
    if login:
        given = given._replace(headers={**given.headers, "Authorization": basic(login)})
    goes_to = url
    for hops in range(_MOST_HOPS + 1):
        proxy = line.proxy_of(goes_to)
        here = address if goes_to == url else None
        try:
            answer = _one(line, given, goes_to, proxy, here, most, body_seconds)
        except Exception as error:  # whatever it is, it is the finding
            return _at(url, goes_to, failure_of(error, proxy))
        location = answer.headers.get("location")
        if answer.status not in REDIRECTS or not location:
            return answer
        try:
            goes_to = _next(line, goes_to, location, hops)
        except Forbidden as why:
            kind = Kind.GARBLED if line.as_pip else Kind.STACK
            return Failure(kind, str(why), answer.status, proxy=place_of_proxy(proxy))
    return Failure(Kind.GARBLED, "redirects without end")


def _next(line: Line, before: str, location: str, hops: int) -> str:
    """Return where a redirect leads to.

    Raises:
        Forbidden: It is not followed.
    """
    if not line.as_pip:
        public = is_public(urlsplit(before).hostname or "")
        return next_hop(before, location, hops, from_public=public)
    if hops >= _MOST_HOPS:
        raise Forbidden(f"more than {_MOST_HOPS} redirects")
    try:
        parts = urlsplit(urljoin(before, location))
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise Forbidden("a redirect to no URL") from None
    if not sound:
        raise Forbidden("a redirect to no URL")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def _at(url: str, goes_to: str, failure: Failure) -> Failure:
    """Say of a failure at another host who sent us there.

    Nobody's index lies at a name that does not exist; a login page's is known in its
    own network alone.
    """
    if same_origin(url, goes_to):
        return failure
    kind = Kind.INTERCEPTED if failure.kind is Kind.DNS_UNKNOWN else failure.kind
    said = f"redirected to {place_of(goes_to)}"
    return failure._replace(kind=kind, detail=failure.detail or said)


def netrc_logins() -> netrc.netrc | None:
    """Read the user's logins as requests does (utils.py, get_netrc_auth); None: there are none."""
    named = os.environ.get("NETRC")
    for path in (named,) if named else ("~/.netrc", "~/_netrc"):
        try:
            return netrc.netrc(os.path.expanduser(path))
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError):  # noqa: PERF203
            continue
    return None


def with_login(url: str, logins: netrc.netrc | None) -> str:
    """Give a URL without a login the one that netrc has for its host, as pip does."""
    parts = urlsplit(url)
    found = logins.authenticators(parts.hostname or "") if logins is not None else None
    if "@" in parts.netloc or not found:
        return url
    user, account, password = found
    userinfo = f"{quote(user or account or '', safe='')}:{quote(password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))


def _one(
    line: Line,
    given: Given,
    goes_to: str,
    proxy: str | None,
    address: str | None,
    most: int,
    body_seconds: float,
) -> Answer:
    take = carried(given, goes_to, extra={k: v for k, v in given.headers.items() if k == "Range"})
    pool, path = _pool(line, goes_to, proxy, address, take.cert)
    if line.kept is not None:
        pool = line.kept.setdefault(f"{host_of(goes_to)} {proxy} {address} {take.cert}", pool)
    if address is not None:
        take.headers["Host"] = urlsplit(goes_to).netloc
    began = time.monotonic()
    seconds = line.deadline.left(line.seconds)
    try:
        response = pool.urlopen(
            "GET",
            path,
            headers=take.headers,
            redirect=False,
            retries=False,
            assert_same_host=False,
            timeout=_urllib3().Timeout(connect=seconds, read=seconds),
            preload_content=False,
            enforce_content_length=True,
        )
        came = time.monotonic() - began
        body, failure = _body(response, most, line.deadline.left(body_seconds), proxy)
        response.close()
    finally:
        if line.kept is None:
            _close(pool)
    found = {name.lower(): value for name, value in response.headers.items()}
    spent = time.monotonic() - began - came
    shown = without_secrets(goes_to)
    return Answer(shown, response.status, found, body, came, spent, failure)


def _close(pool: Any) -> None:
    pool.close() if hasattr(pool, "close") else pool.clear()


def _pool(
    line: Line, url: str, proxy: str | None, address: str | None, certificate: str | None
) -> tuple[Any, str]:
    parts = urlsplit(url)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    is_tls = parts.scheme == "https"
    how: dict[str, Any] = {}
    if is_tls:
        how = {"ssl_context": _context(line, url), "cert_file": certificate}
    if proxy is not None:
        return _proxy_manager(proxy, {**how, **_proxy_tls(line, proxy)}), url
    host = parts.hostname or ""
    port = parts.port or (443 if is_tls else 80)
    if not is_tls:
        return _urllib3().HTTPConnectionPool(address or host, port), path
    if address is not None:
        how.update(server_hostname=host, assert_hostname=host)
    return _urllib3().HTTPSConnectionPool(address or host, port, **how), path


def _proxy_tls(line: Line, proxy: str) -> dict[str, Any]:
    return {"proxy_ssl_context": _context(line, proxy)} if proxy.startswith("https:") else {}


def _context(line: Line, url: str) -> Any:
    """Return what speaks TLS with a URL's host, whose name is compared in any case.

    urllib3 1.26 hands no IP address on to be compared (util/ssl_.py, ssl_wrap_socket),
    which OpenSSL would insist on; it compares it itself where nobody else is to.
    """
    context = line.context_of(url)
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(urlsplit(url).hostname or "")
        context.check_hostname = False
    return context


def _proxy_manager(proxy: str, how: dict[str, Any]) -> Any:
    url, login = _without_login(proxy)
    if proxy.startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415  # needs PySocks

        user, _, password = login.partition(":")
        return SOCKSProxyManager(url, username=user or None, password=password or None, **how)
    headers = {"Proxy-Authorization": basic(login)} if login else None
    return _urllib3().ProxyManager(url, proxy_headers=headers, **how)


def _body(
    response: Any, most: int, seconds: float, proxy: str | None
) -> tuple[bytes, Failure | None]:
    read = getattr(response, "read1", None)
    until = time.monotonic() + seconds
    body = bytearray()
    try:
        while len(body) < most and time.monotonic() < until:
            piece = response.read(_UNKNOWN_READ1) if read is None else read(_PIECE)
            if not piece:
                return bytes(body), None
            body += piece
    except Exception as error:
        failure = failure_of(error, proxy)
        cut = any(isinstance(one, http.client.IncompleteRead) for one in _behind(error))
        return bytes(body), failure._replace(kind=Kind.TRUNCATED) if cut else failure
    return bytes(body), None if len(body) >= most else Failure(Kind.CRAWL)


def _behind(error: BaseException) -> list[object]:
    return [error, *error.args, error.__cause__]


def _without_login(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    userinfo, _, netloc = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, "")), unquote(userinfo)
