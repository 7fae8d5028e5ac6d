"""How is the URL of an index written, so that two of them can be compared?

The rule: host in lower case, no usual port, one slash at the end, no login;
what no index can be asked at has no spelling.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from pip_resilient.policy.origins import shown

# Host and port; `urlsplit` takes nearly anything, and each Python something else.
_PLACE = r"([\w.-]+|\[[0-9a-fA-F:.]+(%\w+)?\])(:[0-9]*)?\Z"


def parted(url: str) -> tuple[str, str] | None:
    """Return an index's URL in one spelling, and the login in it; None where it is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    if not re.match(_PLACE, parts.netloc.rpartition("@")[2]):
        return None
    if any(mark in url for mark in "?#\\") or "=" in parts.path:  # half a spare is no mirror
        return None
    if not url.isascii() and re.search("[\ud800-\udfff]", url):  # another encoding's; unsendable
        return None
    userinfo = unquote(parts.netloc.rpartition("@")[0])
    if userinfo and ":" not in userinfo:
        userinfo += ":"  # a user without password, as pip and RFC 7617 have it
    usual = 443 if parts.scheme == "https" else 80
    netloc = shown(host)
    if port is not None and port != usual:
        netloc += f":{port}"
    index = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/") + "/", "", ""))
    return index, userinfo


def spelt(index_url: str) -> str | None:
    """Return an index's URL in one spelling, without userinfo."""
    parsed = parted(index_url)
    return None if parsed is None else parsed[0]
