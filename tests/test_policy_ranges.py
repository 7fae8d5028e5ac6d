"""May these bytes be joined to those: exactly when RFC 9110 says so?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.ranges import Join, Refuse, Whole, judge, range_header, validator_of
from pip_resilient.policy.spans import ContentRange, Span, encoding_of, span_of

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
A_MINUTE_BEFORE = "Sun, 06 Nov 1994 08:48:37 GMT"
SPAN = Span(0, 1000, 1000)

offsets = st.integers(0, 2000)
totals = st.integers(0, 2000).map(str) | st.just("*")
content_ranges = (
    st.builds("bytes {}-{}/{}".format, offsets, offsets, totals) | st.text(max_size=30) | st.none()
)
spans = st.builds(Span, st.just(0), st.none() | offsets, st.none() | offsets)


def headers_of(content_range: str | None, **more: str) -> dict[str, str]:
    said = {} if content_range is None else {"Content-Range": content_range}
    return {**said, **more}


@given(offsets, st.integers(1, 2000))
def test_what_we_ask_is_what_we_would_accept(offset: int, length: int) -> None:
    """An off-by-one would make every resume fail, or join one byte too few."""
    end = offset + length

    assert range_header(offset, end) == f"bytes={offset}-{end - 1}"
    assert range_header(offset, None) == f"bytes={offset}-"
    assert judge(
        206,
        {"Content-Range": f"bytes {offset}-{end - 1}/{end}"},
        offset,
        Span(0, end, end),
        None,
    ) == Join(end)


@given(
    st.sampled_from([200, 206, 416, 304, 203]),
    content_ranges,
    offsets,
    spans,
    st.none() | st.sampled_from(['"a"', '"b"', 'W/"a"']),
    st.none() | st.sampled_from(['"a"', DATE]),
    st.sampled_from(["identity", "gzip"]),
    st.sampled_from([None, "identity", "gzip", "br"]),
    st.booleans(),
)
def test_bytes_are_joined_only_at_the_asked_place_of_the_same_file(
    status: int,
    content_range: str | None,
    offset: int,
    span: Span,
    etag: str | None,
    validator: str | None,
    encoding: str,
    sent_encoding: str | None,
    exact: bool,
) -> None:
    """A join elsewhere, or of two files, is a broken package."""
    headers = headers_of(content_range, **({"ETag": etag} if etag else {}))
    if sent_encoding is not None:
        headers["Content-Encoding"] = sent_encoding
    verdict = judge(status, headers, offset, span, validator, encoding, exact)
    if isinstance(verdict, Join):
        got = ContentRange.parse(content_range)

        assert status == 206
        assert got is not None
        assert got.first == offset
        assert verdict.end == got.last + 1
        assert got.total is None or span.total is None or got.total == span.total
        assert verdict.end == (got.total if span.end is None else span.end)
        assert validator != '"a"' or etag == '"a"' or (etag is None and not exact)
        assert encoding == (sent_encoding or "identity")
        assert encoding == "identity" or validator == '"a"'


@given(
    st.sampled_from([200, 206]),
    st.dictionaries(
        st.sampled_from(["Content-Range", "Content-Length", "Content-Encoding", "ETag"]), st.text()
    ),
)
def test_a_judge_takes_any_headers(status: int, headers: dict[str, str]) -> None:
    """A header made to raise would make us stand aside."""
    assert isinstance(judge(status, headers, 5, SPAN, '"a"'), (Join, Whole, Refuse))
    assert isinstance(span_of(status, headers, "bytes=5-"), (Span, type(None)))


def test_a_206_at_another_place_is_refused() -> None:
    """Bytes would be missing or twice there."""
    verdict = judge(206, headers_of("bytes 99-999/1000"), 100, SPAN, None)

    assert verdict == Refuse("range begins at 99, not at 100")


def test_a_206_of_another_total_is_another_file() -> None:
    """The file was replaced: its halves do not fit."""
    verdict = judge(206, headers_of("bytes 100-999/1001"), 100, SPAN, None)

    assert isinstance(verdict, Refuse)
    assert not verdict.drop_range


@pytest.mark.parametrize("span", [SPAN, Span(0, None, None)])
def test_a_206_that_ends_too_early_is_refused(span: Span) -> None:
    """The file would be short."""
    verdict = judge(206, headers_of("bytes 100-899/1000"), 100, span, None)

    assert isinstance(verdict, Refuse)


def test_a_206_with_another_strong_etag_is_another_file() -> None:
    """Some servers ignore If-Range."""
    verdict = judge(206, headers_of("bytes 100-999/1000", ETag='"b"'), 100, SPAN, '"a"')

    assert verdict == Refuse("another ETag than before", drop_range=False)


def test_a_206_without_a_content_range_is_refused() -> None:
    """Nobody knows which bytes it carries; multipart/byteranges comes so, too."""
    verdict = judge(206, {"Content-Type": "multipart/byteranges"}, 100, SPAN, None)

    assert verdict == Refuse("no readable Content-Range")


@pytest.mark.parametrize("status", [200, 206])
def test_a_compressed_rest_is_refused(status: int) -> None:
    """Its bytes are others, and so are its offsets."""
    headers = headers_of("bytes 100-999/1000", **{"Content-Encoding": "gzip"})

    assert isinstance(judge(status, headers, 100, SPAN, None), Refuse)


GZIP = {"Content-Encoding": " GZip "}


def test_a_compressed_rest_is_joined_by_a_strong_etag_alone() -> None:
    """It names one encoded representation (RFC 9110 §8.8.3); a date names all of them."""
    headers = headers_of("bytes 100-999/1000", ETag='"a"', **GZIP)

    assert encoding_of(GZIP) == "gzip"
    assert judge(206, headers, 100, SPAN, '"a"', "gzip") == Join(1000)
    assert judge(206, headers, 100, SPAN, DATE, "gzip") == Refuse("compressed, and no strong ETag")
    assert judge(206, headers, 100, SPAN, None, "gzip") == Refuse("compressed, and no strong ETag")


def test_the_whole_in_another_encoding_is_no_beginning() -> None:
    """Its bytes would be taken for other ones; of a page this means to start again."""
    refused = judge(200, GZIP, 0, SPAN, None, "br", exact=True)

    assert refused == Refuse("another Content-Encoding than before", drop_range=False)
    assert judge(200, {**GZIP, "Content-Length": "1000"}, 0, SPAN, None, "gzip") == Whole(1000)


@pytest.mark.parametrize("etag", [{}, {"ETag": '"b"'}, {"ETag": 'W/"a"'}])
@pytest.mark.parametrize("status", [200, 206])
def test_where_no_digest_will_tell_the_very_etag_must_be_named(
    status: int, etag: dict[str, str]
) -> None:
    """A page that only grew begins as before."""
    headers = headers_of("bytes 100-999/1000", **etag)

    assert judge(status, headers, 100, SPAN, '"a"', exact=True) == Refuse(
        "another ETag than before", drop_range=False
    )


def test_a_part_of_which_nobody_knows_the_end_is_refused() -> None:
    """A server may send less than was asked for (RFC 9110 §15.3.7), and it would be the end."""
    verdict = judge(206, headers_of("bytes 100-199/*"), 100, Span(0, None, None), '"a"')

    assert verdict == Refuse("nobody says where the end is")


def test_a_200_is_the_whole_again() -> None:
    """The server ignores Range; the beginning must be skipped, not joined."""
    assert judge(200, {"Content-Length": "1000"}, 100, SPAN, None) == Whole(1000)
    assert judge(200, {}, 100, SPAN, None) == Whole(None)


def test_a_200_of_another_length_is_another_file() -> None:
    """The file was replaced in between."""
    assert isinstance(judge(200, {"Content-Length": "999"}, 100, SPAN, None), Refuse)


@pytest.mark.parametrize("status", [416, 404])
def test_any_other_status_is_refused(status: int) -> None:
    """An error page would become the end of a wheel."""
    assert judge(status, headers_of("bytes */1000"), 100, SPAN, None) == Refuse(f"status {status}")


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"x"'}, '"x"'),
        ({"ETag": ' "x" '}, '"x"'),
        ({"ETag": 'W/"x"'}, None),
        ({"ETag": "x"}, None),
        ({"ETag": '""'}, None),
        ({"ETag": 'W/"x"', "Last-Modified": A_MINUTE_BEFORE, "Date": DATE}, None),
        ({"Last-Modified": A_MINUTE_BEFORE, "Date": DATE}, A_MINUTE_BEFORE),
        ({"Last-Modified": DATE, "Date": DATE}, None),
        ({"Last-Modified": A_MINUTE_BEFORE}, None),
        ({"Last-Modified": "junk", "Date": DATE}, None),
        ({}, None),
    ],
)
def test_only_a_strong_validator_proves_that_the_file_is_the_same(
    headers: dict[str, str], validator: str | None
) -> None:
    """A weak one may stay the same while the bytes differ (RFC 9110 §13.1.5, §8.8.2.2)."""
    assert validator_of(headers) == validator
