"""Which server does a URL lead to, and what is it called?

The rule: scheme, host and port tell servers apart (RFC 6454), nothing else
does; a URL that cannot be read leads to none.
"""

from __future__ import annotations

from urllib.parse import urlsplit


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


def host_of(url: str) -> str:
    """Return an origin as one word, `https://host:443`, to remember it by; empty for none."""
    try:
        scheme, host, port = origin_of(url)
    except ValueError:
        return ""
    return f"{scheme}://{shown(host)}:{port}" if host else ""


def same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs lead to one origin; one that cannot be read leads to none."""
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


def place_of(url: str) -> str:
    """Return host and port for messages, the port only where it is not the usual one."""
    try:
        scheme, host, port = origin_of(url)
    except ValueError:
        return "?"
    usual = port == (443 if scheme == "https" else 80)
    return shown(host) if usual else f"{shown(host)}:{port}"


def shown(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host
