"""Which bytes of a representation does an answer carry?

The rules are those of RFC 9110 §14.4 (Content-Range), §8.4 (Content-Encoding)
and RFC 9112 §6.3 (Content-Length). Only headers are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

# Patterns, compiled when first used: most runs use none of them.
_CONTENT_RANGE = r"(?ia)^\s*bytes\s+(\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\s*$"
_RANGE = r"(?ia)^\s*bytes=(\d{1,19})-(\d{0,19})\s*$"


class ContentRange(Record):
    """A Content-Range header: first and last byte, and the total if it was said."""

    first: int
    last: int
    total: int | None

    @classmethod
    def parse(cls, value: str | None) -> ContentRange | None:
        """Read the header; None unless it is complete and consistent."""
        match = re.match(_CONTENT_RANGE, value or "")
        if match is None:
            return None
        first, last = int(match[1]), int(match[2])
        total = None if match[3] == "*" else int(match[3])
        if last < first or (total is not None and last >= total):
            return None
        return cls(first, last, total)


class Span(Record):
    """Bytes of the representation: those that pip asked for, or those that one answer brings.

    Attributes:
        first: Offset of the first byte; 0 unless a Range was sent.
        end: Offset behind the last byte, or None where it is not known.
        total: Length of the whole representation, or None.
    """

    first: int = 0
    end: int | None = None
    total: int | None = None


def span_of(status: int, headers: Mapping[str, str], asked: str | None) -> Span | None:
    """Return which bytes pip's first answer carries, or None if that is unclear.

    Args:
        status: 200 or 206.
        headers: The answer's headers.
        asked: The Range header of pip's request, or None.
    """
    if status == 206:
        got = ContentRange.parse(headers.get("Content-Range"))
        wanted = re.match(_RANGE, asked or "")
        if got is None or wanted is None or got.first != int(wanted[1]):
            return None
        length = content_length(headers)
        if length is not None and length != got.last - got.first + 1:
            return None
        return Span(got.first, got.last + 1, got.total)
    length = content_length(headers)
    return Span(0, length, length)


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return Content-Length, None if absent or not one number (RFC 9112 §6.3).

    A list of equal numbers counts as that number; beside a Transfer-Encoding
    it says nothing.
    """
    if headers.get("Transfer-Encoding"):
        return None
    value = headers.get("Content-Length", "").strip()
    if "," in value:
        values = {part.strip() for part in value.split(",")}
        value = values.pop() if len(values) == 1 else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None


def encoding_of(headers: Mapping[str, str]) -> str:
    """Return the Content-Encoding in lower case, `identity` where there is none."""
    return headers.get("Content-Encoding", "").strip().lower() or "identity"
