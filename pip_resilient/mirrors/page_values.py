"""What is a single value on a page worth?

The rule: a value is what pip would make of it, or None. Whoever wrote the page
may have put anything there: another type, a number beyond all numbers, a name
that leads out of a folder, letters that a terminal would obey.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from pip_resilient.policy.digests import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128, "sha224": 56, "sha1": 40, "md5": 32}
_LONGEST_LINK = 16 * 1024  # characters; no server takes a longer one
_SAFE = "!$&'()*+,;=:@/%~"

# Patterns, compiled when first used: most runs use none of them.
_HASH = rf"[#&]({'|'.join(_HEX_DIGITS)})=([^&]*)"
_NETLOC = r"[A-Za-z0-9._~:@!$&'()*+,;=%\[\]-]+"
_MOMENT = r"(?a)(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z"


class Place(NamedTuple):
    """Where a link leads: the file's name, its URL without fragment, its digests."""

    name: str
    url: str
    hashes: tuple[tuple[str, str], ...]


def place(base: str, href: str, hashes: Iterable[tuple[str, object]]) -> Place | None:
    """Read where a link leads, and which digests it names; None if that is no file.

    A digest in the link overrides one beside it, as in pip (`Link.__init__`). A
    digest that cannot be one is no reason to take the file without it.
    """
    if len(base) + len(href) > _LONGEST_LINK:
        return None  # a long base, many times over, would fill the memory
    try:
        href = href.strip()
        whole = href if href.startswith(("https://", "http://")) else urljoin(base, href)
        parts = urlsplit(whole)
        has_host = parts.hostname and (parts.port is None or parts.port > 0)
        path, query = quote(parts.path, _SAFE), quote(parts.query, _SAFE + "?")
    except ValueError:  # no URL, or one that cannot be encoded: nobody can ask for it
        return None
    name = unquote(path.rstrip("/").rpartition("/")[2])
    if parts.scheme not in {"http", "https"} or not has_host or not _is_file_name(name):
        return None
    if not re.fullmatch(_NETLOC, parts.netloc):
        return None
    # pip looks for them in the whole link, and takes the first.
    in_link = {match[1]: match[2] for match in reversed(list(re.finditer(_HASH, href)))}
    said = {algorithm: value for algorithm, value in hashes if algorithm in _HEX_DIGITS}
    said.update(in_link)
    known = digests(said.items())
    url = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
    usable = len(known) == len(said) and len(url) <= _LONGEST_LINK
    return Place(name, url, known) if usable else None


def _is_file_name(name: str) -> bool:
    """Tell whether it can be the name of a file in a folder, and be shown to people.

    A percent sign is unquoted once more by pip, which would see another name.
    """
    odd = {"/", "\\", "%"} & set(name)
    return name.isprintable() and not odd and name not in {"", ".", ".."}


def digests(said: Iterable[tuple[str, object]]) -> tuple[tuple[str, str], ...]:
    """Return those that are digests, in the order of `ALGORITHMS`."""
    known = {
        algorithm: value.lower()
        for algorithm, value in said
        if isinstance(value, str)
        and len(value) == _HEX_DIGITS.get(algorithm)
        and re.fullmatch("[0-9a-fA-F]*", value)
    }
    return tuple((algorithm, known[algorithm]) for algorithm in ALGORITHMS if algorithm in known)


def text(said: object) -> str | None:
    """Return a text on one line without what a terminal would obey; None if it is none."""
    if not isinstance(said, str) or said.isprintable():
        return said if isinstance(said, str) else None
    return "".join(letter if letter.isprintable() else " " for letter in said)


def upload_time(said: object) -> str | None:
    """Return a time as pip can read it; None if it cannot.

    pip fails on anything else, and Python ≤ 3.10 on other than 3 or 6 decimals
    (`datetime.fromisoformat`, by which pip 26 reads it).
    """
    match = re.fullmatch(_MOMENT, said) if isinstance(said, str) else None
    if match is None or seconds_of(match[0]) is None:
        return None
    decimals = match[7]
    return match[0] if decimals is None else f"{match[0].partition('.')[0]}.{decimals:0<6}Z"


def seconds_of(moment: str | None) -> float | None:
    """Return an upload time (PEP 700) in seconds since 1970; None if it is none."""
    match = re.fullmatch(_MOMENT, moment or "")
    if match is None:
        return None
    whole = [int(part) for part in match.groups()[:6]]
    micros = int(f"{match[7] or '':0<6}")
    try:
        return datetime(*whole, micros, tzinfo=timezone.utc).timestamp()  # type: ignore[arg-type,misc]
    except ValueError:  # the 31st of June
        return None
