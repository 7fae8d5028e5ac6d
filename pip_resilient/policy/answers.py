"""May pip have this answer?

The rule: what pip's stack would take for good is looked at in every answer; a
`Failure` is made of it, at the border, only where it is not.
"""

from __future__ import annotations

from typing import Any

# RFC 9110 §15.5.9 (408), RFC 8470 (425), RFC 6585 (429), RFC 9110 §15.6, and
# what CDNs add: 520-524, 527, 530. pip itself retries 500, 502 (from 24.0),
# 503, 520 and 527 only.
TRANSIENT_STATUSES = frozenset(
    {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 530}
)
PROXY_AUTHENTICATION_REQUIRED = 407

LONGEST_PAGE = 256 * 1024 * 1024
"""Bytes of a page of pip's own index, packed and unpacked: several times any index's longest.

pip itself reads on until the memory is full.
"""


def is_usable(response: Any, wants_file: bool) -> bool:
    """Tell whether pip may have an answer.

    Args:
        response: requests' Response, its headers read; of a page the body too.
        wants_file: Whether the request is for a distribution file.
    """
    status = response.status_code
    if status != 200:
        return status not in TRANSIENT_STATUSES and status != PROXY_AUTHENTICATION_REQUIRED
    content_type = response.headers.get("Content-Type", "")
    return not looks_like_a_login_page(content_type, start_of(response, wants_file), wants_file)


def start_of(response: Any, wants_file: bool) -> bytes:
    """Return what is known of a page; of a file nothing is looked at."""
    return b"" if wants_file else (getattr(response, "_content", None) or b"")


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
