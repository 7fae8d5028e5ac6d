"""What of a request may go to which host?

The rule: Authorization, cookies, client certificates and everything else that
was given for one host stay with it. A request that goes elsewhere is built
from an allow-list, never by copying and deleting. Every request of ours gets
what it carries from `carried`, and every redirect that we follow ourselves
passes `next_hop`.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from pip_resilient.policy.origins import same_origin, shown
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST = r"([\w.-]+|[0-9a-f:.]+(%[\w.%-]+)?)\Z"
"""A name, or an IPv6 address, as `urlsplit` gives it."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")

_ALLOWED = ("accept", "accept-encoding", "user-agent")
_CONDITIONS = (
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
    "if-range",
    "range",
)


class Given(Record):
    """What a request of pip's has, and the URL that it was given for.

    Attributes:
        url: pip's URL.
        headers: Its headers, Authorization and cookies among them.
        cert: Its client certificate, or None.
    """

    url: str
    headers: Mapping[str, str]
    cert: Any = None


class Carried(Record):
    """What a request of ours takes along."""

    headers: dict[str, str]
    cert: Any = None


def carried(
    given: Given, goes_to: str, extra: Mapping[str, str] | None = None, login: str = ""
) -> Carried:
    """Say what a request of ours that stands for one of pip's takes along.

    Conditions of pip's own (for its cache) are left out in any case: a 304
    would be of no use to a body half read.

    Args:
        given: What pip's request has.
        goes_to: The URL of our request.
        extra: What we add: Range, If-Range, Accept.
        login: `user:password` that the user gave for the host of `goes_to`.
    """
    same = same_origin(given.url, goes_to)
    headers = {
        name: value
        for name, value in given.headers.items()
        if (same and name.lower() not in _CONDITIONS) or name.lower() in _ALLOWED
    }
    if not same:
        for name in [name for name in headers if name.lower() == "user-agent"]:
            headers[name] = without_user_data(headers[name])
    headers.update(extra or {})
    if login:
        headers["Authorization"] = basic(login)
    return Carried(headers, given.cert if same else None)


def basic(login: str) -> str:
    """Return the Authorization header for `user:password` (RFC 7617)."""
    return "Basic " + base64.b64encode(login.encode("utf-8")).decode("ascii")


def without_user_data(user_agent: str) -> str:
    """Return pip's User-Agent without what the user put in (PIP_USER_AGENT_USER_DATA).

    pip 20.3 to 26.3 write `pip/VERSION {JSON}` (network/session.py, user_agent).
    """
    name, brace, rest = user_agent.partition(" {")
    if not brace:
        return user_agent
    try:
        data = json.loads("{" + rest)
        del data["user_data"]
    except KeyError:
        return user_agent
    except (ValueError, TypeError, RecursionError):
        return name
    return f"{name} {json.dumps(data, separators=(',', ':'), sort_keys=True)}"


class Forbidden(Exception):  # a verdict, not an error
    """A redirect that must not be followed; its text says why."""


REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses by which a server sends a GET elsewhere (RFC 9110 §15.4)."""

MOST_HOPS = 5
"""Redirects in a row that we follow ourselves."""


def next_hop(before: str, location: str, hops: int, from_public: bool) -> str:
    """Judge where another source sends us, and return that URL.

    Args:
        before: The URL that answered with the redirect.
        location: Its Location header.
        hops: How many redirects were followed before this one.
        from_public: Whether the source itself is on the public internet.

    Raises:
        Forbidden: It leads too far, off https, or from a public host to an
            address of this machine or of a private network.
    """
    if hops >= MOST_HOPS:
        raise Forbidden(f"more than {MOST_HOPS} redirects")
    try:
        parts = urlsplit(urljoin(before, location))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Forbidden("a redirect to no URL") from None
    if host and not re.match(_HOST, host):  # a backslash, say: each reader sees another host
        raise Forbidden("a redirect to no host's name")
    netloc = shown(host) if port is None else f"{shown(host)}:{port}"  # userinfo is not ours
    url = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
    if parts.scheme != "https" and not same_origin(before, url):
        raise Forbidden("a redirect to something else than https")
    if not host or (from_public and not is_public(host)):
        raise Forbidden("a redirect from a public host to a private address")
    return url


def is_public(host: str) -> bool:
    """Tell whether a host can be on the public internet, by its address or its name.

    A name that is no address says nothing by itself: what it resolves to is
    looked at when it is connected to.
    """
    try:
        return _is_global(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        last = host.lower().rstrip(".").rpartition(".")[2]
        # An address in a spelling of old, `127.1` or `0x7f000001`: systems
        # still connect to it, and no name ends so (RFC 3696 §2).
        return last not in ("localhost", "local", "") and not last[0].isdigit()


def _is_global(address: Any) -> bool:
    """Tell whether an address is on the public internet, with the IPv4 one that it may wrap."""
    if address.version == 6:
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:
            return _is_global(within)
        # `::a.b.c.d` (RFC 4291 §2.5.5.1) has long been nobody's, as has fec0::/10.
        if not int(address) >> 32 or address.is_site_local or address in _LOCAL_NAT64:
            return False
    return bool(address.is_global and not address.is_multicast)


def without_secrets(url: str) -> str:
    """Return the URL for messages: no userinfo, no query, no fragment."""
    try:
        parts = urlsplit(url)
        host = shown(parts.hostname or "")
    except ValueError:
        return "?"
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))
