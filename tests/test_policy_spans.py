"""Is what an answer carries read off its headers exactly as RFC 9110 says?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.spans import ContentRange, Span, content_length, span_of


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("bytes 5-9/10", ContentRange(5, 9, 10)),
        (" Bytes 0-0/* ", ContentRange(0, 0, None)),
    ],
)
def test_a_content_range_is_read(value: str, parsed: ContentRange) -> None:
    """Otherwise nothing could ever be resumed."""
    assert ContentRange.parse(value) == parsed


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "bytes */10",
        "bytes 9-5/10",
        "bytes 5-10/10",
        "bytes 5-9",
        "items 5-9/10",
        "bytes 5-9/10, bytes 0-1/10",
        "bytes -5-9/10",
        "bytes \N{ARABIC-INDIC DIGIT FIVE}-9/10",
        "bytes 5-9/1e3",
        "bytes 5-" + "9" * 30 + "/*",
    ],
)
def test_a_content_range_that_is_not_whole_is_none(value: str | None) -> None:
    """Bytes would be joined at a guessed place."""
    assert ContentRange.parse(value) is None


@given(st.text())
def test_any_content_range_is_read_or_not(value: str) -> None:
    """A header made to raise would make us stand aside."""
    got = ContentRange.parse(value)

    assert got is None or 0 <= got.first <= got.last


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, None),
        ({"Content-Length": "10"}, 10),
        ({"Content-Length": "10, 10"}, 10),
        ({"Content-Length": "10, 11"}, None),
        ({"Content-Length": "-1"}, None),
        ({"Content-Length": "+1"}, None),
        ({"Content-Length": "1_0"}, None),
        ({"Content-Length": "²"}, None),
        ({"Content-Length": "9" * 30}, None),
        ({"Content-Length": "10", "Transfer-Encoding": "chunked"}, None),
    ],
)
def test_a_length_is_one_number_or_none(headers: dict[str, str], length: int | None) -> None:
    """A length misread is a file cut short, or waited for for ever (RFC 9112 §6.3)."""
    assert content_length(headers) == length


def test_the_span_of_a_200_is_all_of_it() -> None:
    """Everything else is measured by it."""
    assert span_of(200, {"Content-Length": "10"}, None) == Span(0, 10, 10)
    assert span_of(200, {"Content-Length": "10"}, "bytes=5-") == Span(0, 10, 10)
    assert span_of(200, {}, None) == Span(0, None, None)


def test_the_span_of_a_206_is_what_pip_itself_asked_for() -> None:
    """pip's own resume and lazy wheels begin in the midst of a file."""
    assert span_of(206, {"Content-Range": "bytes 5-9/20"}, "bytes=5-9") == Span(5, 10, 20)
    assert span_of(206, {"Content-Range": "bytes 5-9/*"}, "bytes=5-") == Span(5, 10, None)


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"Content-Range": "bytes 4-9/20"}, "bytes=5-9"),
        ({"Content-Range": "bytes 5-9/20"}, None),
        ({"Content-Range": "bytes 5-9/20"}, "bytes=-5"),
        ({"Content-Range": "bytes 5-9/20"}, "bytes=5-9,12-13"),
        ({"Content-Range": "bytes 5-9/20", "Content-Length": "6"}, "bytes=5-9"),
        ({}, "bytes=5-9"),
    ],
)
def test_an_unclear_206_is_left_to_pip(headers: dict[str, str], asked: str | None) -> None:
    """What we do not understand we must not heal."""
    assert span_of(206, headers, asked) is None
