"""What does an answer that pip's stack brought, or did not, mean?

The rule: this is the session's side of the border. Exceptions are read in
`exceptions`; here stands what else may come: a login page, and the end of a
body that we read ourselves. Where an error says too little for the person at
the terminal, a second look is taken, once in a run for each host.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pip_resilient import second_look
from pip_resilient.exceptions import (
    failure_of,
    failure_of_status,
    place_of_proxy,
    title_of,
)
from pip_resilient.policy.answers import is_usable, start_of
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import origin_of
from pip_resilient.session.lane import Cut, Garbled

if TYPE_CHECKING:
    from pip_resilient.session.exchange import Exchange

__all__ = [
    "failure_of",
    "failure_of_answer",
    "failure_of_attempt",
    "failure_of_body",
    "failure_of_status",
]

_LOOK = 3.0
"""Seconds for a second look: to connect, and for each answer."""
# What a proxy that speaks no TLS makes of its greeting; many just wait for more.
_NO_TLS = (Kind.SILENT, Kind.CONNECT_TIMEOUT, Kind.RESET, Kind.TLS_EOF, Kind.GARBLED)


def failure_of_attempt(error: Exception, exchange: Exchange) -> Failure:
    """Translate what ended an attempt, with a second look where the error says too little.

    Args:
        error: What pip's stack raised.
        exchange: Whose attempt it was.
    """
    run, proxy = exchange.run, exchange.proxy()
    failure = failure_of(error, proxy)
    by_tls = proxy is not None and not proxy.startswith("http://")
    hides_http = failure.kind in _NO_TLS and (proxy or "").startswith("https://")
    shows_more = failure.kind in second_look.OF_CERTIFICATE and not by_tls
    if exchange.limits is not run.limits or not (hides_http or shows_more):
        return failure
    key = (origin_of(exchange.request.url), proxy, hides_http)
    if key not in run.dialer.looked:
        run.dialer.looked[key] = failure  # where the look brings nothing
        try:
            look = _speaks_http if hides_http else _shown
            run.dialer.looked[key] = look(exchange, failure, proxy)
        except Exception:  # it is an attempt to help, and no more
            return failure
    seen = run.dialer.looked[key]
    return seen if seen.kind in (failure.kind, Kind.PROXY_SCHEME) else failure


def _connected(exchange: Exchange, proxy: str | None) -> Any:
    """Connect as the attempt did; that the next one is elsewhere is not for a look to say."""
    dialer = exchange.run.dialer
    _, host, port = origin_of(proxy or exchange.request.url)
    left = exchange.time_left()
    seconds = _LOOK if left is None else max(0.1, min(_LOOK, left))
    with dialer.ask(address=None):
        sock = dialer.connect(host, port, seconds)
    sock.settimeout(seconds)
    return sock


def _speaks_http(exchange: Exchange, failure: Failure, proxy: str | None) -> Failure:
    """Find out whether a proxy written https:// only seems to be silent."""
    with _connected(exchange, proxy) as sock:
        if not second_look.speaks_http(sock, exchange.request.url, proxy or ""):
            return failure
    said = "the other side speaks no TLS"
    return Failure(Kind.PROXY_SCHEME, said, proxy=place_of_proxy(proxy))


def _shown(exchange: Exchange, failure: Failure, proxy: str | None) -> Failure:
    """Add what a certificate that was not believed says of itself."""
    url = exchange.request.url
    with _connected(exchange, proxy) as sock:
        if second_look.tunnel(sock, url, proxy, login=True) is not None:
            return failure
        with second_look.unbelieved(sock, origin_of(url)[1]) as (_, shown):
            return failure if shown is None else shown.explain(failure, time.time())


def failure_of_body(error: OSError, proxy: str | None = None) -> Failure:
    """Translate what ended a body that we were reading; arguments as of `failure_of`."""
    if isinstance(error, Cut):
        return Failure(Kind.TRUNCATED)
    return Failure(Kind.GARBLED) if isinstance(error, Garbled) else failure_of(error, proxy)


def failure_of_answer(response: Any, wants_file: bool, proxy: str | None) -> Failure | None:
    """Translate an answer that pip should not get, or return None for one that it should.

    Args:
        response: requests' Response, its headers read.
        wants_file: Whether the request is for a distribution file.
        proxy: The proxy's URL that the request went through, or None.
    """
    status, headers = response.status_code, response.headers
    if status != 200:
        return failure_of_status(status, headers, proxy)
    if is_usable(response, wants_file):
        return None
    title = title_of(start_of(response, wants_file))
    return Failure(Kind.INTERCEPTED, title, status=status, proxy=place_of_proxy(proxy))
