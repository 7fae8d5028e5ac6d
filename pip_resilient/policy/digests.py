"""Are these the right bytes, and who says so?

The rule: every byte that pip gets from us passes `Verification`, whatever
brought it, and where several digests are known all of them must hold. A
digest carries who named it, so that a message never claims more than is true.
"""

from __future__ import annotations

import hashlib
import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from pip_resilient.policy.numbers import number
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

# What pip's own Link accepts in a fragment (pip 20.3 … 26.3, models/link.py),
# and blake2b for PyPI's paths.
ALGORITHMS = ("sha256", "sha384", "sha512", "sha224", "sha1", "md5")
_STRONG = ("sha256", "blake2b", "sha512", "sha384", "sha224")
# Patterns, compiled when first used: most runs use none of them.
_PATH = r"([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/[^/]+\Z"
_HEX = r"[0-9a-fA-F]+\Z"
# Bounded, and matching where it ends in the midst of a tag too, so that nothing is
# read twice: a hostile page costs no more than its length.
_ANCHOR = rb"""(?i)<a\s(?:[^>"']|"[^"]{0,4096}"|'[^']{0,4096}'){0,512}(>?)"""
_HREF = rb"""(?i)\shref\s*=\s*(?:"([^"]*)"|'([^']*)')"""
# PEP 714's name, and the older one of PEP 658.
_METADATA = rb"""(?i)\sdata-(?:core|dist-info)-metadata\s*=\s*["']?(\w+=[0-9a-fA-F]+)"""


class Digest(Record):
    """A hash of a whole file.

    Attributes:
        algorithm: One of `ALGORITHMS`, or `blake2b`, which here is blake2b-256.
        value: Lower-case hex.
        named_by: Who says so, in words for a message.
    """

    algorithm: str
    value: str
    named_by: str


class Listed(Record):
    """What a page says of a file's bytes.

    Attributes:
        digest: Their digest.
        size: How many they are, or None (PEP 700; JSON pages alone).
    """

    digest: Digest
    size: int | None = None


class Mismatch(Record):
    """Bytes that are not those of the digest.

    Attributes:
        digest: What they should be.
        got: What they are.
        disagree: Whether another digest of the same file does hold. Then no
            bytes at all can be right, and who served these is not to blame.
    """

    digest: Digest
    got: str
    disagree: bool = False


def cheapest(digests: list[Digest]) -> list[Digest]:
    """Return of several digests of one file the strong one that costs least to compute.

    Where there is no strong one, all. sha256 takes half the time of blake2b
    where the processor knows it (measured: 0.6 and 1.1 ms a MiB).
    """
    for algorithm in _STRONG:
        found = [digest for digest in digests if digest.algorithm == algorithm]
        if found:
            return found
    return digests


def in_path(url: str, file_host: str) -> Digest | None:
    """Return the digest that a URL on PyPI's file host carries in its path.

    The path `/packages/aa/bb/<60 hex>/name` *is* the blake2b-256 of the file.
    A `.metadata` file lies beside it and is not what the path names.

    Args:
        url: The URL asked for.
        file_host: PyPI's file host, pip's own constant.
    """
    parts = urlsplit(url)
    if parts.hostname != file_host or parts.path.endswith(".metadata"):
        return None
    match = re.search(f"/packages/({_PATH})", parts.path)
    return None if match is None else of_path(match[1])


def of_path(path: str) -> Digest | None:
    """Return the digest that PyPI's own path of a file is.

    Args:
        path: `aa/bb/<60 hex>/name`, on PyPI's file host or below a listed
            mirror's prefix; anything else is none.
    """
    match = re.match(_PATH, path)
    return Digest("blake2b", "".join(match.groups()), "PyPI's file path") if match else None


def normalised(url: str) -> str:
    """Return the one spelling of a URL by which what is said of it is found again.

    pip re-quotes paths (`+` becomes `%2B`) and takes userinfo out, urllib3 writes
    hosts small and walks `..`: what a page spells is not what is asked for.
    """
    scheme, mark, rest = unquote(url.partition("#")[0]).partition("://")
    if not mark:
        return scheme
    netloc, slash, path = rest.partition("/")
    host, colon, port = netloc.rpartition("@")[2].lower().rpartition(":")
    if colon and (port.isdigit() or not port):
        usual = {"http": "80", "https": "443"}.get(scheme.lower())
        port = port.lstrip("0")
        port = "" if port == usual else port
    place = f"{host}:{port}" if port and colon else host or port
    return f"{scheme.lower()}://{place}{slash}{_walked(path) if '/.' in slash + path else path}"


def _walked(path: str) -> str:
    """Return a path without `.` and `..` (RFC 3986 §5.2.4)."""
    walked: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del walked[-1:]
        elif part != ".":
            walked.append(part)
    return "/".join(walked)


def on_page(
    page: bytes, content_type: str, base: str, named_by: str | None = None
) -> dict[str, Listed]:
    """Collect the digests and sizes that an index page names, by normalised URL.

    Those of files, and those of the metadata beside them (PEP 658, PEP 714).

    Args:
        page: The page, HTML (PEP 503) or JSON (PEP 691).
        content_type: Its Content-Type.
        base: The page's own URL, for relative links.
        named_by: Who names them, where it is not the host of `base`.
    """
    named_by = f"the index page of {named_by or urlsplit(base).hostname or base}"
    links = _json_links(page) if "json" in content_type.lower() else _html_links(page)
    found = {}
    for href, algorithm, value, size in links:
        url = _joined(base, href)
        if url is not None and algorithm in ALGORITHMS and re.match(_HEX, value):
            digest = Digest(algorithm, value.lower(), named_by)
            found[normalised(url)] = Listed(digest, number(size))
    return found


def _joined(base: str, href: str) -> str | None:
    try:
        return urljoin(base, href)
    except ValueError:  # no URL: nobody can ask for it
        return None


def _json_links(page: bytes) -> Iterable[tuple[str, str, str, object]]:
    try:
        files: Any = list(json.loads(page)["files"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # pip will say what is wrong with the page
    for file in files:
        if not isinstance(file, dict):
            continue
        url = str(file.get("url"))
        metadata = file.get("core-metadata", file.get("dist-info-metadata"))
        of_file = (file.get("hashes"), "", file.get("size"))
        for said, beside, size in (of_file, (metadata, ".metadata", None)):
            hashes: dict[Any, Any] = said if isinstance(said, dict) else {}
            known = [name for name in ALGORITHMS if name in hashes]
            if known:
                yield url + beside, known[0], str(hashes[known[0]]), size


def _html_links(page: bytes) -> Iterable[tuple[str, str, str, object]]:
    for anchor in re.finditer(_ANCHOR, page):
        match = re.search(_HREF, anchor[0]) if anchor[1] else None
        if match is None:
            continue
        href = unescape((match[1] or match[2] or b"").decode("utf-8", "replace"))
        url, _, fragment = href.partition("#")
        algorithm, _, value = fragment.partition("=")
        yield url, algorithm, value.partition("&")[0], None
        beside = re.search(_METADATA, anchor[0])
        if beside is not None:
            algorithm, _, value = beside[1].decode("ascii", "replace").partition("=")
            yield url + ".metadata", algorithm, value, None


class Verification:
    """Hashes bytes as they pass and judges them at the end.

    It always runs at least one hash, also where no digest is known: two
    fetches of one body are compared by it (`fingerprint`).
    """

    def __init__(self, digests: Iterable[Digest] = ()) -> None:
        self.digests = tuple(dict.fromkeys(digests))
        names = dict.fromkeys(digest.algorithm for digest in self.digests)
        self._hashes = {name: _new(name) for name in names or ("sha256",)}

    def update(self, data: Any) -> None:
        """Take the next bytes, in order."""
        for running in self._hashes.values():
            running.update(data)

    def fingerprint(self) -> str:
        """Return a hash of the bytes so far."""
        return str(next(iter(self._hashes.values())).hexdigest())

    def afresh(self) -> Verification:
        """Return a verification of the same digests that has seen no byte."""
        return Verification(self.digests)

    def copy(self) -> Verification:
        """Return a verification that has seen the same bytes, and goes its own way from here."""
        other = Verification()
        other.digests = self.digests
        other._hashes = {name: running.copy() for name, running in self._hashes.items()}
        return other

    def mismatch(self) -> Mismatch | None:
        """Return the first digest that the bytes so far do not have, or None."""
        got = {name: str(running.hexdigest()) for name, running in self._hashes.items()}
        failing = [digest for digest in self.digests if got[digest.algorithm] != digest.value]
        if not failing:
            return None
        return Mismatch(failing[0], got[failing[0].algorithm], len(failing) < len(self.digests))


def _new(algorithm: str) -> Any:
    if algorithm == "blake2b":
        return hashlib.blake2b(digest_size=32)
    # Not for security where it is weak: pip's own check has the last word.
    return hashlib.new(algorithm, usedforsecurity=False)
