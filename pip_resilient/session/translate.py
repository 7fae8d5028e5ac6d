"""What does an exception or an answer of pip's stack mean?

The rule: this is the border. Behind it there are frozen `Failure`s; before it
there are the classes of requests, urllib3 1.26 and 2.x, http.client, ssl and
socket, all in one table. They are told apart by the *names* in their class
hierarchy and by numbers: Debian 11 has second copies of the vendored classes,
and messages come in the user's language.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pip_resilient.policy.answers import (
    PROXY_AUTHENTICATION_REQUIRED,
    TRANSIENT_STATUSES,
    is_usable,
    start_of,
)
from pip_resilient.policy.dates import retry_after
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.session.lane import Cut, Garbled

try:
    from ssl import SSLError
except ImportError:  # a Python built without it; pip says so itself
    SSLError = type("SSLError", (OSError,), {})  # type: ignore[misc,assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

_ERRNO = {
    errno.ECONNREFUSED: Kind.REFUSED,
    errno.ECONNRESET: Kind.RESET,
    errno.ECONNABORTED: Kind.RESET,
    errno.EPIPE: Kind.RESET,
    errno.ENOTCONN: Kind.RESET,
    errno.ETIMEDOUT: Kind.CONNECT_TIMEOUT,
    errno.ENETUNREACH: Kind.UNREACHABLE,
    errno.EHOSTUNREACH: Kind.UNREACHABLE,
    errno.ENETDOWN: Kind.UNREACHABLE,
    errno.EADDRNOTAVAIL: Kind.UNREACHABLE,
    errno.ENOSPC: Kind.DISK,
    errno.EDQUOT: Kind.DISK,
}
_NO_SUCH_HOST = {
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_FAIL")
    if hasattr(socket, name)
} | {11001, 11004}
# OpenSSL's reason codes, by name (ssl.SSLError.reason).
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL")
_TLS_REFUSED = {
    "TLSV1_ALERT_PROTOCOL_VERSION": Kind.TLS_PROTOCOL,
    "UNSUPPORTED_PROTOCOL": Kind.TLS_PROTOCOL,
    "NO_PROTOCOLS_AVAILABLE": Kind.TLS_PROTOCOL,
    "NO_SHARED_CIPHER": Kind.TLS_PROTOCOL,
    # RFC 8446 §6.2; TLS 1.2 has no alert of its own for it.
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Kind.CLIENT_CERTIFICATE,
}
_NAMES = (
    ("NameResolutionError", Kind.DNS_UNKNOWN),
    ("NewConnectionError", Kind.REFUSED),
    ("ConnectTimeoutError", Kind.CONNECT_TIMEOUT),
    ("ConnectTimeout", Kind.CONNECT_TIMEOUT),
    ("ReadTimeoutError", Kind.SILENT),
    ("ReadTimeout", Kind.SILENT),
    ("IncompleteRead", Kind.TRUNCATED),
    ("RemoteDisconnected", Kind.RESET),
    ("BadStatusLine", Kind.GARBLED),
    ("InvalidChunkLength", Kind.GARBLED),
    ("DecodeError", Kind.GARBLED),
    ("ContentDecodingError", Kind.GARBLED),
    ("HTTPException", Kind.GARBLED),
    ("InvalidHeader", Kind.STACK),
    ("ProtocolError", Kind.RESET),
    ("ChunkedEncodingError", Kind.TRUNCATED),
    ("ProxyError", Kind.RESET),
    ("ConnectionError", Kind.RESET),
)


def failure_of(error: BaseException, proxy: str | None = None) -> Failure:
    """Translate an exception of pip's stack.

    Args:
        error: What was raised; the errors that caused it are looked at too.
        proxy: The proxy's URL that the request went through, or None.
    """
    shown = _place(proxy)
    causes = list(_causes(error))
    for read in (_dns, _tls, _tunnel, _missing, _operating_system):
        for cause in reversed(causes):
            kind_and_detail = read(cause, proxy)
            if kind_and_detail is not None:
                return Failure(kind_and_detail[0], kind_and_detail[1], proxy=shown)
    timed_out = any(isinstance(cause, socket.timeout) for cause in causes)
    for cause in reversed(causes):
        names = [cls.__name__ for cls in type(cause).__mro__]
        if "ProxyError" in names and timed_out:  # in the tunnel; urllib3 1.26 says no more
            return Failure(Kind.CONNECT_TIMEOUT, "", proxy=shown)
        for name, kind in _NAMES:
            if name in names:
                return Failure(kind, "", proxy=shown)
    if timed_out:  # of http.client's own reading
        return Failure(Kind.SILENT, "", proxy=shown)
    return Failure(Kind.STACK, type(error).__name__, proxy=shown)


def failure_of_body(error: OSError, proxy: str | None = None) -> Failure:
    """Translate what ended a body that we were reading; arguments as of `failure_of`."""
    if isinstance(error, Cut):
        return Failure(Kind.TRUNCATED)
    return Failure(Kind.GARBLED) if isinstance(error, Garbled) else failure_of(error, proxy)


def _place(proxy: str | None) -> str | None:
    try:
        return urlsplit(proxy).netloc.rpartition("@")[2] if proxy else None
    except ValueError:
        return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what stands behind it, outermost first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 20:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "reason", None), getattr(one, "original_error", None)]
        waiting += list(one.args)
        waiting += [one.__cause__]


def _dns(error: BaseException, proxy: str | None) -> tuple[Kind, str] | None:
    if not isinstance(error, socket.gaierror):
        return None
    number = error.errno
    if number in _NO_SUCH_HOST:
        return Kind.DNS_UNKNOWN, ""
    return Kind.DNS_TEMPORARY, ""


def _tls(error: BaseException, proxy: str | None) -> tuple[Kind, str] | None:
    reason = str(getattr(error, "reason", None) or "")
    if type(error).__name__ == "CertificateError" or reason == "CERTIFICATE_VERIFY_FAILED":
        return Kind.CERTIFICATE, str(getattr(error, "verify_message", None) or error)[:200]
    if not isinstance(error, SSLError):
        return None
    if reason in _NOT_TLS:
        kind = Kind.PROXY_SCHEME if _is_https(proxy) else Kind.TLS_PROTOCOL
        return kind, "the other side speaks no TLS"
    if reason in _TLS_REFUSED:
        return _TLS_REFUSED[reason], reason
    cut = type(error).__name__ in ("SSLEOFError", "SSLZeroReturnError")
    if cut or reason == "UNEXPECTED_EOF_WHILE_READING":
        return Kind.TLS_EOF, ""
    return Kind.TLS_DAMAGED, reason


def _is_https(proxy: str | None) -> bool:
    return proxy is not None and proxy.startswith("https://")


def _tunnel(error: BaseException, proxy: str | None) -> tuple[Kind, str] | None:
    """Read http.client's answer of a proxy to CONNECT; the text is its own and English."""
    match = re.match(r"Tunnel connection failed: (\d{3})", str(error))
    if match is None or not isinstance(error, OSError):
        return None
    status = int(match[1])
    if status == PROXY_AUTHENTICATION_REQUIRED:
        return Kind.PROXY_AUTHENTICATION, ""
    if status in TRANSIENT_STATUSES:
        return Kind.RESET, f"the proxy answered {status}"
    return Kind.PROXY_FORBIDS, f"the proxy answered {status}"


def _missing(error: BaseException, proxy: str | None) -> tuple[Kind, str] | None:
    """Read what requests says of an incomplete installation; its texts are English."""
    text = str(error)
    name = type(error).__name__
    if "SSL module is not available" in text:
        return Kind.NO_SSL, ""
    if name == "InvalidSchema":
        return (Kind.NO_SOCKS if "SOCKS" in text else Kind.STACK), ""
    if type(error) is OSError and error.errno is None and "TLS" in text:
        return Kind.CA_PATH, text.rpartition(": ")[2][:200]
    if isinstance(error, ValueError) and type(error) is ValueError:
        if _is_https(proxy) and "server_hostname" in text:
            return Kind.PROXY_SCHEME, "the other side speaks no TLS"
        return Kind.STACK, text[:200]
    return None


def _operating_system(error: BaseException, proxy: str | None) -> tuple[Kind, str] | None:
    if isinstance(error, ConnectionRefusedError):
        return Kind.REFUSED, ""
    if isinstance(error, http.client.RemoteDisconnected):
        return Kind.RESET, "closed without an answer"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return Kind.RESET, ""
    if isinstance(error, OSError) and error.errno in _ERRNO:
        return _ERRNO[error.errno], ""
    return None


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
    title = _title(start_of(response, wants_file))
    return Failure(Kind.INTERCEPTED, title, status=status, proxy=_place(proxy))


def failure_of_status(status: int, headers: Any, proxy: str | None) -> Failure | None:
    """Translate a status that pip should not get, or return None for one that it should."""
    if status in TRANSIENT_STATUSES:
        wait = retry_after(headers.get("Retry-After"), headers.get("Date"))
        return Failure(Kind.STATUS, "", status=status, retry_after=wait, proxy=_place(proxy))
    if status == PROXY_AUTHENTICATION_REQUIRED:
        # Of a forwarded request; CONNECT's own is an exception.
        return Failure(Kind.PROXY_AUTHENTICATION, status=status, proxy=_place(proxy))
    return None


def _title(page: bytes) -> str:
    match = re.search(rb"<title[^>]*>([^<]{1,80})", page, re.IGNORECASE)
    text = match[1].decode("utf-8", "replace") if match else ""
    return f'"{" ".join(text.split())}"' if text.strip() else ""
