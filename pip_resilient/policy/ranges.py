"""May the rest of a broken download be joined to its beginning?

The rules are those of RFC 9110 §13.1.5 (If-Range), §14.2 (Range), §15.3.7 (206)
and §15.5.17 (416). This module only reads and writes header values; what the
bytes themselves are worth is for `digests`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.policy.dates import seconds_of_date
from pip_resilient.policy.record import Record
from pip_resilient.policy.spans import ContentRange, Span, content_length, encoding_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATE_IS_STRONG_AFTER = 60.0


def validator_of(headers: Mapping[str, str]) -> str | None:
    """Choose the validator that proves the file has not changed in between.

    Returns:
        A strong ETag; where there is no ETag, a Last-Modified at least a
        minute older than the answer's Date, which makes it strong (RFC 9110
        §8.8.2.2). None for a weak ETag ("W/…"), which §13.1.5 forbids here.
    """
    etag = headers.get("ETag")
    if etag is not None:
        etag = etag.strip()
        strong = len(etag) > 2 and etag.startswith('"') and etag.endswith('"')
        return etag if strong else None
    modified = headers.get("Last-Modified")
    modified_at, sent_at = seconds_of_date(modified), seconds_of_date(headers.get("Date"))
    if modified is None or modified_at is None or sent_at is None:
        return None
    return modified if sent_at - modified_at >= _DATE_IS_STRONG_AFTER else None


def is_strong_etag(validator: str | None) -> bool:
    """Tell whether a validator is a strong ETag.

    It names one encoded representation, byte by byte (RFC 9110 §8.8.3), so
    even a compressed body may be continued by it; a date names none.
    """
    return validator is not None and validator.startswith('"')


def range_header(offset: int, end: int | None) -> str:
    """Write the Range header for the bytes from `offset` up to, not including, `end`."""
    return f"bytes={offset}-" if end is None else f"bytes={offset}-{end - 1}"


class Join(Record):
    """The answer carries on where we stopped.

    Attributes:
        end: Offset behind its last byte.
    """

    end: int


class Whole(Record):
    """The answer is the whole representation: its beginning must be skipped.

    Attributes:
        length: Its length, or None.
    """

    length: int | None


class Refuse(Record):
    """The answer must not be joined.

    Attributes:
        why: One clause for people.
        drop_range: Whether asking this server for ranges is of no use.
    """

    why: str
    drop_range: bool = True


def judge(
    status: int,
    headers: Mapping[str, str],
    offset: int,
    span: Span,
    validator: str | None,
    encoding: str = "identity",
    exact: bool = False,
) -> Join | Whole | Refuse:
    """Judge the answer to a request for the bytes from `offset` on.

    A 206 must begin at exactly that offset, end where the first answer said
    (where that said nothing, at the total) and name the same total; with a
    strong ETag known it must be the same one. The encoding must be that of the
    first answer, and what is compressed is joined by a strong ETag alone.

    Args:
        status: The answer's status: 200, 206 or 416.
        headers: The answer's headers.
        offset: First byte asked for; 0 means that no range was asked for.
        span: What pip's first answer carries.
        validator: What `validator_of` gave for the first answer.
        encoding: What `encoding_of` gave for the first answer.
        exact: Whether every answer must name the first one's strong ETag: no
            digest would show that the bytes are another version's.
    """
    if status not in (200, 206):
        return Refuse(f"status {status}")
    if encoding_of(headers) != encoding:
        # Of a 200 the range is not to blame.
        drop_range = not exact or status == 206
        return Refuse("another Content-Encoding than before", drop_range)
    if (exact or status == 206) and _other_etag(headers.get("ETag"), validator, exact):
        return Refuse("another ETag than before", drop_range=False)
    if status == 200:
        return _judge_whole(content_length(headers), span)
    if encoding != "identity" and not is_strong_etag(validator):
        return Refuse("compressed, and no strong ETag")
    return _judge_range(ContentRange.parse(headers.get("Content-Range")), offset, span)


def _judge_whole(length: int | None, span: Span) -> Whole | Refuse:
    if span.first == 0 and span.total is not None and length not in (None, span.total):
        return Refuse(f"{length} bytes now, {span.total} before", drop_range=False)
    return Whole(length)


def _judge_range(got: ContentRange | None, offset: int, span: Span) -> Join | Refuse:
    if got is None:
        return Refuse("no readable Content-Range")
    if got.first != offset:
        return Refuse(f"range begins at {got.first}, not at {offset}")
    if got.total is not None and span.total is not None and got.total != span.total:
        return Refuse(f"{got.total} bytes now, {span.total} before", drop_range=False)
    end = got.total if span.end is None else span.end
    if end is None:
        return Refuse("nobody says where the end is")
    if got.last + 1 != end:
        return Refuse(f"range ends at {got.last + 1}, not at {end}")
    return Join(end)


def _other_etag(etag: str | None, validator: str | None, exact: bool) -> bool:
    if not is_strong_etag(validator) or (etag is None and not exact):
        return False
    return (etag or "").strip() != validator
