"""What went wrong, whose is it, and may it go away by itself?

The rule: a failure is data. It is made once, at the border
(`session/translate.py`), from classes and numbers and never from localised
text, and everything behind the border decides on its kind alone.
"""

from __future__ import annotations

import enum
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import NamedTuple

# RFC 9110 §15.5.9 (408), RFC 8470 (425), RFC 6585 (429), RFC 9110 §15.6, and
# what CDNs add: 520-524, 527, 530. pip itself retries 500, 502 (from 24.0),
# 503, 520 and 527 only.
TRANSIENT_STATUSES = frozenset(
    {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 530}
)


class Whose(enum.Enum):
    """Who has to do something about it."""

    NETWORK = "network"
    SERVER = "server"
    PROXY = "proxy"
    SETTINGS = "settings"
    MACHINE = "machine"


class Kind(enum.Enum):
    """Kinds of failure: (word for messages, whose, transient)."""

    def __init__(self, said: str, whose: Whose, transient: bool) -> None:
        self.said = said
        self.whose = whose
        self.transient = transient

    REFUSED = ("connection refused", Whose.NETWORK, True)
    CONNECT_TIMEOUT = ("no connection within the time allowed", Whose.NETWORK, True)
    UNREACHABLE = ("network unreachable", Whose.NETWORK, True)
    DNS_TEMPORARY = ("name resolution failed for now", Whose.NETWORK, True)
    SILENT = ("no answer", Whose.NETWORK, True)
    RESET = ("connection lost", Whose.NETWORK, True)
    TRUNCATED = ("body cut short", Whose.NETWORK, True)
    CRAWL = ("hardly any bytes arrive", Whose.NETWORK, True)
    TLS_EOF = ("TLS connection cut", Whose.NETWORK, True)
    TLS_DAMAGED = ("damaged TLS record", Whose.NETWORK, True)
    GARBLED = ("answer is not readable HTTP", Whose.SERVER, True)
    STATUS = ("server error", Whose.SERVER, True)
    INTERCEPTED = ("a login page answered instead", Whose.NETWORK, True)
    WRONG_BYTES = ("bytes fail their hash", Whose.SERVER, True)
    CHANGED = ("the file changed on the server meanwhile", Whose.SERVER, True)

    DNS_UNKNOWN = ("host name does not exist", Whose.SETTINGS, False)
    CERTIFICATE = ("TLS certificate not accepted", Whose.NETWORK, False)
    TLS_PROTOCOL = ("no common TLS protocol", Whose.NETWORK, False)
    PROXY_AUTHENTICATION = ("proxy asks for a login", Whose.PROXY, False)
    PROXY_FORBIDS = ("proxy forbids this host", Whose.PROXY, False)
    PROXY_SCHEME = ("proxy speaks http, not https", Whose.PROXY, False)
    CA_PATH = ("CA bundle not found", Whose.SETTINGS, False)
    NO_SSL = ("this Python has no ssl module", Whose.MACHINE, False)
    NO_SOCKS = ("SOCKS support is missing", Whose.SETTINGS, False)
    DISK = ("no space left on disk", Whose.MACHINE, False)
    STACK = ("the request could not be made", Whose.SETTINGS, False)


class Failure(NamedTuple):
    """An outcome that is not usable.

    Attributes:
        kind: What happened.
        detail: One short clause for people, without passwords; may be empty.
        status: The HTTP status where one came, else None.
        retry_after: Seconds the server asked us to wait, else None.
        proxy: The proxy in between, without userinfo, or None.
    """

    kind: Kind
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None
    proxy: str | None = None

    @property
    def transient(self) -> bool:
        """Whether it may go away by itself."""
        return self.kind.transient

    @property
    def said(self) -> str:
        """The failure in a few words, for messages."""
        if self.status is not None and self.kind is Kind.STATUS:
            return f"HTTP status {self.status}"
        return f"{self.kind.said} ({_plain(self.detail)})" if self.detail else self.kind.said


def _plain(text: str) -> str:
    """Return printable ASCII: what comes from a network may be escape sequences, or Chinese."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def retry_after(value: str | None, date: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP-date (RFC 9110 §10.2.3).

    A date is measured against the response's own Date, so that a wrong clock
    on either side does no harm.

    Args:
        value: The header, or None.
        date: The response's Date header, or None.

    Returns:
        Seconds, never negative; None if there is nothing understandable.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment, now = seconds_of_date(text), seconds_of_date(date)
    if moment is None or now is None:
        return None
    return max(0.0, moment - now)


def seconds_of_date(date: str | None) -> float | None:
    """Read an HTTP-date (RFC 9110 §5.6.7) as seconds since 1970; None if it is none.

    A date without a zone, as asctime writes it, is in GMT too.
    """
    if not date:
        return None
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def looks_like_a_login_page(content_type: str, start: bytes, wants_file: bool) -> bool:
    """Tell whether an HTML page stands where an index page or a file should be.

    A file is never HTML. An index page may be HTML, so there it takes a form,
    a password field or a refresh, and no link at all (PEP 503 pages are links).

    Args:
        content_type: The Content-Type header.
        start: The beginning of the body, or all of it.
        wants_file: Whether a distribution file was asked for.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("text/html", "application/xhtml+xml"):
        return False
    if wants_file:
        return True
    page = start.lower()
    marks = (b"<form", b'type="password"', b'http-equiv="refresh"', b"window.location")
    return b"<a " not in page and any(mark in page for mark in marks)
