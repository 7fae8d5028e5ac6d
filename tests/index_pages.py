"""How does an index write its pages?

The rule: PyPI's own form, of the whole page and of each field. Project pages in
HTML (PEP 503, PEP 658, PEP 714) and JSON (PEP 691, PEP 700), the list of all
projects in both, and, where there is one, the serial as PyPI and its mirrors
give it: a comment at the end of the HTML, `_last-serial` in the JSON.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HTML = "application/vnd.pypi.simple.v1+html"
JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Distribution:
    """A distribution file as an index announces it."""

    name: str
    filename: str
    content: bytes
    path: str
    url: str
    metadata: bytes | None
    upload_time: str

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal digits."""
        return self.digest("sha256")

    def digest(self, algorithm: str) -> str:
        """Return the digest of that name, as hashlib knows it."""
        return hashlib.new(algorithm, self.content).hexdigest()


def normalized(name: str) -> str:
    """Return a project's name as it stands in paths (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def html_page(
    name: str,
    held: Iterable[Distribution],
    *,
    digests: bool = True,
    algorithm: str = "sha256",
    serial: int | None = None,
    filling: str = "",
) -> bytes:
    """Return a project's page; the hrefs are the distributions' URLs as they stand there."""
    links = [f'<p title="{filling}"></p>'] if filling else []
    for item in held:
        fragment = f"#{algorithm}={item.digest(algorithm)}" if digests else ""
        beside = ""
        if item.metadata is not None:
            digest = f"sha256={hashlib.sha256(item.metadata).hexdigest()}"
            beside = f' data-dist-info-metadata="{digest}" data-core-metadata="{digest}"'
        href = html.escape(item.url + fragment)
        links.append(f'<a href="{href}"{beside}>{item.filename}</a><br>')
    return _html(f"Links for {name}", links, serial)


def json_page(
    name: str,
    held: Iterable[Distribution],
    *,
    digests: bool = True,
    algorithm: str = "sha256",
    serial: int | None = None,
    filling: str = "",
) -> bytes:
    """Return the same in JSON."""
    files = list(held)
    page = {
        "meta": _meta(serial),
        "name": name,
        **({"_filling": filling} if filling else {}),  # PEP 700: keys with "_" are private
        "versions": sorted({_version(item.filename) for item in files}),
        "files": [_json_file(item, [algorithm] if digests else []) for item in files],
    }
    return json.dumps(page).encode()


def html_list(names: Iterable[str]) -> bytes:
    """Return the page that lists all projects."""
    return _html("Simple index", [f'<a href="{name}/">{name}</a><br>' for name in names], None)


def json_list(names: Iterable[str]) -> bytes:
    """Return the same in JSON."""
    page = {"meta": _meta(None), "projects": [{"name": name} for name in names]}
    return json.dumps(page).encode()


def _html(title: str, links: list[str], serial: int | None) -> bytes:
    lines = [
        "<!DOCTYPE html>",
        (
            f'<html><head><meta name="pypi:repository-version" content="1.1">'
            f"<title>{title}</title></head><body>"
        ),
        *links,
        "</body></html>",
    ]
    comment = [] if serial is None else [f"<!--SERIAL {serial}-->"]
    return "\n".join([*lines, *comment, ""]).encode()


def _meta(serial: int | None) -> dict[str, object]:
    return {"api-version": "1.1", **({} if serial is None else {"_last-serial": serial})}


def _json_file(item: Distribution, algorithms: Iterable[str]) -> dict[str, object]:
    beside: object = False
    if item.metadata is not None:
        beside = {"sha256": hashlib.sha256(item.metadata).hexdigest()}
    return {
        "filename": item.filename,
        "url": item.url,
        "hashes": {algorithm: item.digest(algorithm) for algorithm in algorithms},
        "size": len(item.content),
        "upload-time": item.upload_time,
        "yanked": False,
        "core-metadata": beside,
        "data-dist-info-metadata": beside,
    }


def _version(filename: str) -> str:
    return filename.removesuffix(".tar.gz").split("-")[1]
