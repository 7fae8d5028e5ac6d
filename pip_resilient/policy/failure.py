"""What went wrong, whose is it, and may it go away by itself?

The rule: a failure is data. It is made once, at the border
(`exceptions.py`), from classes and numbers and never from localised
text, and everything behind the border decides on its kind alone.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


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

    TOO_LARGE = ("larger than any index page", Whose.SERVER, False)
    DNS_UNKNOWN = ("host name does not exist", Whose.SETTINGS, False)
    CERTIFICATE = ("TLS certificate not accepted", Whose.NETWORK, False)
    TOO_EARLY = ("TLS certificate not valid yet", Whose.NETWORK, False)
    EXPIRED = ("TLS certificate has expired", Whose.SERVER, False)
    OTHER_HOST = ("TLS certificate of another host", Whose.NETWORK, False)
    AGAINST_RULES = ("TLS certificate breaks RFC 5280", Whose.NETWORK, False)
    TLS_PROTOCOL = ("no common TLS protocol", Whose.NETWORK, False)
    TLS_REFUSED = ("the server refuses the TLS handshake", Whose.SETTINGS, False)
    CLIENT_CERTIFICATE = ("the server asks for a client certificate", Whose.SETTINGS, False)
    PROXY_AUTHENTICATION = ("proxy asks for a login", Whose.PROXY, False)
    PROXY_FORBIDS = ("proxy forbids this host", Whose.PROXY, False)
    PROXY_SCHEME = ("proxy speaks http, not https", Whose.PROXY, False)
    CA_PATH = ("CA bundle not found", Whose.SETTINGS, False)
    CLIENT_PATH = ("client certificate not found", Whose.SETTINGS, False)
    NO_SSL = ("this Python has no ssl module", Whose.MACHINE, False)
    NO_SOCKS = ("SOCKS support is missing", Whose.SETTINGS, False)
    DISK = ("no space left on disk", Whose.MACHINE, False)
    CONTRADICTED = ("no bytes can have all hashes named for this file", Whose.SETTINGS, False)
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
    def offline(self) -> bool:
        """Whether no address can be reached at all."""
        return self.kind is Kind.UNREACHABLE

    @property
    def said(self) -> str:
        """The failure in a few words, for messages."""
        if self.status is not None and self.kind is Kind.STATUS:
            return f"HTTP status {self.status}"
        return f"{self.kind.said} ({_plain(self.detail)})" if self.detail else self.kind.said


def _plain(text: str) -> str:
    """Return printable ASCII: what comes from a network may be escape sequences, or Chinese."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)
