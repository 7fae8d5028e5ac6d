"""What does this simple-API page say, and how is it said to this pip?

The rule: a page is read as pip itself would read it (pip 22.2 … 26.3,
index/collector.py and models/link.py), whatever form it has, and written again
in the form that this pip asked for, with absolute URLs. What pip could not use,
or would take for another file than the page says, is left out. A page comes
from anybody: reading one costs bounded time and memory and ends in a `Page` or
in `NotAPage`, and in nothing else.

The forms are those of PEP 503 (HTML) and PEP 691 (JSON), with PEPs 592 (yanked),
629 (versions), 658 and 714 (metadata), and 700 (size, upload time).
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from pip_resilient.mirrors.html_links import Links, links_of
from pip_resilient.mirrors.page_values import (
    digests,
    place,
    text,
    upload_time,
)
from pip_resilient.policy.numbers import known_serial, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPES = ("text/html", "application/vnd.pypi.simple.v1+html")

LONGEST_PAGE = 64 * 1024 * 1024
"""Bytes; several times PyPI's longest page."""

MOST_FILES = 100_000
"""Links or files of one page; several times PyPI's fullest project."""

# Values of a JSON page: PyPI's takes up to 23 for a file.
_MOST_VALUES = 32 * MOST_FILES
# What pip takes for a distribution (utils/filetypes.py), and what PyPI ever took.
_ENDINGS = (
    *(".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar", ".tar.xz", ".egg", ".exe", ".msi"),
    *(".tbz", ".txz", ".tlz", ".tar.lz", ".tar.lzma", ".tar.z", ".rpm", ".deb", ".dmg"),
)
_ENCODINGS = {
    **dict.fromkeys(("", "utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1"), "latin-1"),
}

# Patterns, compiled when first used: most runs use none of them.
_CHARSET = r"""(?i);\s*charset\s*=\s*["']?([^"';\s]*)"""
_TRAILER = rb"<!--\s*SERIAL\s+(\d{1,20})\s*-->"
_REFUSED = r"q\s*=\s*0(\.0*)?"


class NotAPage(ValueError):
    """What was read is no simple-API page of a project; the text says why."""


class File(NamedTuple):
    """One file of a project.

    Attributes:
        name: Its file name, which is also the last part of its URL.
        url: Where it is, absolute and quoted, without a fragment.
        hashes: (algorithm, lower-case hex), those of `ALGORITHMS`, in that order.
        requires_python: As written (PEP 345), or None.
        yanked: None: not yanked; the reason, "" where none is given (PEP 592).
        metadata: None: no `.metadata` beside it; else its hashes, () where none
            is said (PEP 658).
        size: Bytes, or None (PEP 700).
        upload_time: PEP 700's `2024-01-31T23:59:59.123456Z`, or None.
    """

    name: str
    url: str
    hashes: tuple[tuple[str, str], ...] = ()
    requires_python: str | None = None
    yanked: str | None = None
    metadata: tuple[tuple[str, str], ...] | None = None
    size: int | None = None
    upload_time: str | None = None


class Page(NamedTuple):
    """A project's page.

    Attributes:
        files: In the page's order.
        serial: PyPI's number of the project's last change that the page knows
            of, or None where it does not say or what it says is no such number.
    """

    files: tuple[File, ...]
    serial: int | None = None


def parse(content: bytes, content_type: str, url: str, serial: str | None = None) -> Page:
    """Read a project's page.

    Args:
        content: The whole body, decompressed.
        content_type: Its Content-Type header; pip takes three types, and so do we.
        url: The page's own URL after all redirects.
        serial: Its X-PyPI-Last-Serial header. Where page and header differ, the
            lower number counts: a page must not look newer than it is.

    Raises:
        NotAPage: It is of another type or of an unknown major version (PEP 629),
            broken, too large, or no project's page (a login page, say).
    """
    if len(content) > LONGEST_PAGE:
        raise NotAPage(f"over {LONGEST_PAGE} bytes")
    kind = content_type.strip().lower()
    try:
        if kind.startswith(JSON_TYPE):
            files, said = _read_json(content, url)
        elif kind.startswith(HTML_TYPES):
            files, said = _read_html(content, content_type, url)
        else:
            raise NotAPage(f"Content-Type {content_type[:80]!a}")
    except NotAPage:
        raise
    except (ValueError, RecursionError) as error:
        raise NotAPage(str(error)[:200]) from error
    known = [one for one in (known_serial(said), known_serial(serial)) if one is not None]
    return Page(tuple(files), min(known, default=None))


def _check_version(version: object) -> None:
    """Refuse what a client must refuse; a page that says nothing is 1.0 (PEP 629)."""
    if version is not None and not re.fullmatch(r"(?a)1(\.\d{1,9})?", str(version).strip()):
        raise NotAPage(f"simple API of version {str(version)[:20]!a}")


def _read_json(content: bytes, url: str) -> tuple[Iterable[File], object]:
    if sum(map(content.count, (b",", b"{", b"["))) > _MOST_VALUES:
        raise NotAPage(f"over {_MOST_VALUES} values")
    # A number of a million digits takes minutes in the oldest Pythons.
    data: Any = json.loads(content, parse_int=lambda digits: int(digits[:20]))
    listed = data.get("files") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise NotAPage("JSON without a list of files")
    if len(listed) > MOST_FILES:
        raise NotAPage(f"over {MOST_FILES} files")
    meta = data.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    _check_version(meta.get("api-version"))
    entries = (_json_file(entry, url) for entry in listed if isinstance(entry, dict))
    return [file for file in entries if file is not None], meta.get("_last-serial")


def _json_file(entry: Mapping[str, Any], page_url: str) -> File | None:
    """Read one of PEP 691's files; None where pip could not use it, or would misread it."""
    hashes, href = entry.get("hashes"), entry.get("url")
    if not isinstance(href, str) or not isinstance(hashes, (dict, type(None))):
        return None
    where = place(page_url, href, (hashes or {}).items())
    if where is None or entry.get("filename") != where.name:
        return None  # pip goes by the URL: it would be another file than the one that is judged
    metadata = entry.get("core-metadata")
    if metadata is None:
        metadata = entry.get("dist-info-metadata")
    yanked = entry.get("yanked")
    return File(
        *where,
        requires_python=text(entry.get("requires-python")) or None,
        yanked=(text(yanked) or "") if yanked else None,
        metadata=digests(metadata.items() if isinstance(metadata, dict) else ())
        if metadata or isinstance(metadata, dict)
        else None,
        size=number(entry.get("size")),
        upload_time=upload_time(entry.get("upload-time")),
    )


def _read_html(content: bytes, content_type: str, url: str) -> tuple[Iterable[File], object]:
    charset = re.search(_CHARSET, content_type)
    encoding = _ENCODINGS.get(charset[1].lower() if charset else "")
    if encoding is None:
        raise NotAPage("in an encoding that no index uses")
    links = links_of(content.decode(encoding), MOST_FILES)
    _check_version(links.version)
    trailer = re.search(_TRAILER, content[-1024:])
    serial = trailer[1].decode() if trailer else None
    base = urljoin(url, (links.base or "").strip())
    entries = (_html_file(anchor, base) for anchor in links.anchors)
    files = [file for file in entries if file is not None]
    if links.login or not (files or _is_empty_page(links, serial)):
        raise NotAPage("HTML, but not a project's page")
    return files, serial


def _is_empty_page(links: Links, serial: str | None) -> bool:
    """Tell whether it says so itself that it is the page of a project without files."""
    says_so = links.titled or links.version is not None or serial is not None
    return says_so and not links.anchors


def _html_file(anchor: Mapping[str, str | None], base: str) -> File | None:
    """Read one link; None where it leads to no file that pip could use."""
    where = place(base, anchor.get("href") or "", ())
    if where is None or not where.name.lower().endswith(_ENDINGS):
        return None
    metadata = anchor.get("data-core-metadata")
    if metadata is None:
        metadata = anchor.get("data-dist-info-metadata")
    # pip takes a `data-yanked` without a value for none; PEP 592 allows it.
    yanked = (text(anchor["data-yanked"]) or "") if "data-yanked" in anchor else None
    return File(
        *where,
        requires_python=text(anchor.get("data-requires-python")) or None,
        yanked=yanked,
        metadata=None if metadata is None else digests([metadata.partition("=")[::2]]),
    )


def wants_json(accept: str) -> bool:
    """Tell whether a request takes PEP 691's JSON: pip's does from 22.2 on.

    Args:
        accept: The Accept header. Quality values other than 0 do not matter: who
            takes JSON at all is given it, for it says more than HTML can.
    """
    for one in accept.split(","):
        kind, *parameters = [part.strip().lower() for part in one.split(";")]
        if kind == JSON_TYPE:
            return not any(re.fullmatch(_REFUSED, parameter) for parameter in parameters)
    return False


def write(page: Page, project: str, as_json: bool) -> tuple[bytes, str]:
    """Write a page so that every pip from 20.3.4 on reads it right.

    HTML carries one digest of each file, the first, and neither size nor upload
    time. Of PEP 714's two names for `.metadata` only the new one is used: pips
    before it expect something else under the old one, and do without.

    Args:
        page: What to say.
        project: The project's name, for people.
        as_json: What `wants_json` said.

    Returns:
        Body and Content-Type.
    """
    if as_json:
        return _write_json(page, project), JSON_TYPE
    return _write_html(page, project), "text/html; charset=utf-8"


def _write_json(page: Page, project: str) -> bytes:
    # 1.0: from 1.1 on every size must be said (PEP 700), and not every mirror says it.
    meta: dict[str, object] = {"api-version": "1.0"}
    if page.serial is not None:
        meta["_last-serial"] = page.serial
    files = [_json_entry(file) for file in page.files]
    return json.dumps({"meta": meta, "name": project, "files": files}).encode()


def _json_entry(file: File) -> dict[str, object]:
    entry = {
        "filename": file.name,
        "url": file.url,
        "hashes": dict(file.hashes),
        "requires-python": file.requires_python,
        "yanked": False if file.yanked is None else file.yanked or True,
        "core-metadata": False if file.metadata is None else dict(file.metadata) or True,
        "size": file.size,
        "upload-time": file.upload_time,
    }
    return {key: value for key, value in entry.items() if value is not None}


def _write_html(page: Page, project: str) -> bytes:
    title = escape(f"Links for {project}")
    lines = [
        "<!DOCTYPE html>",
        '<html><head><meta charset="utf-8">',
        '<meta name="pypi:repository-version" content="1.0">',
        f"<title>{title}</title></head><body><h1>{title}</h1>",
        *map(_html_entry, page.files),
        "</body></html>",
    ]
    if page.serial is not None:
        lines.append(f"<!--SERIAL {page.serial:d}-->")
    return "\n".join(lines).encode("utf-8", "replace")


def _html_entry(file: File) -> str:
    attributes = {"href": file.url + "".join(f"#{name}={hex_}" for name, hex_ in file.hashes[:1])}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if file.metadata is not None:
        hashes = [f"{name}={hex_}" for name, hex_ in file.metadata[:1]]
        attributes["data-core-metadata"] = "".join(hashes) or "true"
    said = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a{said}>{escape(file.name)}</a><br>"
