"""What does an exception of the network stack mean, or a status?

The rule: this is the border. Behind it there are frozen `Failure`s; before it
there are the classes of requests, urllib3 1.26 and 2.x, http.client, ssl and
socket, all in one table, the same for pip's process and for the command line.
They are told apart by the *names* in their class hierarchy and by numbers:
Debian 11 has second copies of the vendored classes, and messages come in the
user's language.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pip_resilient.policy.answers import PROXY_AUTHENTICATION_REQUIRED, TRANSIENT_STATUSES
from pip_resilient.policy.dates import retry_after
from pip_resilient.policy.failure import Failure, Kind

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
    # No cipher in common, or a client certificate is missing (RFC 5246 §7.2.2).
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Kind.TLS_REFUSED,
    # RFC 8446 §6.2; TLS 1.2 has no alert of its own for it.
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Kind.CLIENT_CERTIFICATE,
}
# Its verdicts on a certificate (openssl/x509_vfy.h, ssl.SSLCertVerificationError.verify_code);
# 80 to 94 are those of X509_V_FLAG_X509_STRICT, which Python 3.13 sets.
_NOT_VERIFIED = {
    9: Kind.TOO_EARLY,
    10: Kind.EXPIRED,
    62: Kind.OTHER_HOST,
    64: Kind.OTHER_HOST,
    **dict.fromkeys(range(80, 95), Kind.AGAINST_RULES),
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
    shown = place_of_proxy(proxy)
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


def place_of_proxy(proxy: str | None) -> str | None:
    """Return a proxy's host and port, without its login; `?` where it is no URL, None for none.

    A password with a slash in it ends up where the port should be, and the host
    behind it.
    """
    if not proxy:
        return None
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        parts.port  # noqa: B018  # raises where there is none to be read
    except ValueError:
        return "?"
    behind = parts._replace(scheme="", netloc="").geturl()
    return "?" if "@" in behind else parts.netloc.rpartition("@")[2]


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
    if reason == "CERTIFICATE_VERIFY_FAILED" or _is_about_names(error):
        return _certificate(error)
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


def _certificate(error: BaseException) -> tuple[Kind, str]:
    kind = _NOT_VERIFIED.get(getattr(error, "verify_code", 0), Kind.CERTIFICATE)
    if _is_about_names(error):
        kind = Kind.OTHER_HOST
    if kind not in (Kind.CERTIFICATE, Kind.AGAINST_RULES):
        return kind, ""
    return kind, str(getattr(error, "verify_message", None) or error)[:200]


def _is_about_names(error: BaseException) -> bool:
    """Tell whether a certificate was refused above OpenSSL, where only names are looked at.

    By urllib3's own `CertificateError`, or by `ssl.match_hostname` (Python ≤ 3.11), which
    urllib3 1.26 prefers: its error has OpenSSL's class, and no reason of OpenSSL's.
    """
    name = type(error).__name__
    bare = not getattr(error, "reason", None)
    return name == "CertificateError" or (name == "SSLCertVerificationError" and bare)


def _is_https(proxy: str | None) -> bool:
    return proxy is not None and proxy.startswith("https://")


def _tunnel(error: BaseException, proxy: str | None) -> tuple[Kind, str] | None:
    """Read http.client's answer of a proxy to CONNECT; the text is its own and English."""
    match = re.match(r"Tunnel connection failed: (\d{3})", str(error))
    if match is None or not isinstance(error, OSError):
        return None
    status = int(match[1])
    if status in (PROXY_AUTHENTICATION_REQUIRED, 401):  # tinyproxy's, to a wrong password
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
        kind = Kind.CA_PATH if "CA certificate" in text else Kind.CLIENT_PATH
        return kind, text.rpartition(": ")[2][:200]
    if type(error) is ValueError:
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


def failure_of_status(status: int, headers: Any, proxy: str | None) -> Failure | None:
    """Translate a status that pip should not get, or return None for one that it should."""
    if status in TRANSIENT_STATUSES:
        wait = retry_after(headers.get("Retry-After"), headers.get("Date"))
        return Failure(
            Kind.STATUS, "", status=status, retry_after=wait, proxy=place_of_proxy(proxy)
        )
    if status == PROXY_AUTHENTICATION_REQUIRED:
        # Of a forwarded request; CONNECT's own is an exception.
        return Failure(Kind.PROXY_AUTHENTICATION, status=status, proxy=place_of_proxy(proxy))
    return None


def title_of(page: bytes) -> str:
    """Return the title of an HTML page, in quotes; empty where it has none."""
    match = re.search(rb"<title[^<>]*>([^<]{1,80})", page, re.IGNORECASE)
    text = match[1].decode("utf-8", "replace") if match else ""
    return f'"{" ".join(text.split())}"' if text.strip() else ""
