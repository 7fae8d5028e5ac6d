"""What of a request may go to which host?

The rule: Authorization, cookies and everything else that was given for one
host stay with it. A request that goes elsewhere is built from an allow-list,
never by copying and deleting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALLOWED = ("accept", "accept-encoding", "user-agent")
_CONDITIONS = (
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
    "if-range",
    "range",
)


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port (RFC 6454 §4).

    Raises:
        ValueError: The URL cannot be read.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port
    if port is None:
        port = 443 if scheme == "https" else 80
    return scheme, (parts.hostname or "").lower(), port


def same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs lead to one origin; one that cannot be read leads to none."""
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


def headers_for(
    headers: Mapping[str, str],
    given_for: str,
    goes_to: str,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request of ours that stands for one of pip's.

    Conditions of pip's own (for its cache) are left out in any case: a 304
    would be of no use to a body half read.

    Args:
        headers: Those of pip's request.
        given_for: The URL that they were made for.
        goes_to: The URL of our request.
        extra: What we add: Range, If-Range.
    """
    same = same_origin(given_for, goes_to)
    kept = {
        name: value
        for name, value in headers.items()
        if (same and name.lower() not in _CONDITIONS) or name.lower() in _ALLOWED
    }
    kept.update(extra or {})
    return kept


def without_secrets(url: str) -> str:
    """Return the URL for messages: no userinfo, no query, no fragment."""
    try:
        parts = urlsplit(url)
        host = _shown(parts.hostname or "")
    except ValueError:
        return "?"
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))


def place_of(url: str) -> str:
    """Return host and port for messages, the port only where it is not the usual one."""
    try:
        scheme, host, port = origin_of(url)
    except ValueError:
        return "?"
    usual = port == (443 if scheme == "https" else 80)
    return _shown(host) if usual else f"{_shown(host)}:{port}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
