"""What can the headers of an answer do to us, and its framing?

The rule: each of them says something or nothing. None makes a number that no
file has, none is an error, and none takes longer to read than it is long.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient import certificates
from pip_resilient.exceptions import failure_of, failure_of_status
from pip_resilient.messages import plain
from pip_resilient.mirrors.declared import understood
from pip_resilient.mirrors.group import project_of
from pip_resilient.policy import ranges
from pip_resilient.policy.dates import retry_after, seconds_of_date
from pip_resilient.policy.digests import in_path, normalised, of_path
from pip_resilient.policy.disclosure import (
    Forbidden,
    Given,
    carried,
    is_public,
    next_hop,
    without_secrets,
    without_user_data,
)
from pip_resilient.policy.numbers import known_serial
from pip_resilient.policy.origins import host_of, place_of, same_origin
from pip_resilient.policy.spans import ContentRange, Span, content_length, encoding_of, span_of
from pip_resilient.session.lane import Chunks, Garbled
from pip_resilient.session.pages import listed_by
from tests.hostile_input import damaged, grows_evenly, header, odd_text
from tests.test_certificates import DER

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 10**19
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
URL = "https://files.example:8443/packages/ab/cd/" + "e" * 60 + "/demo-1.0-py3-none-any.whl"

lengths = header("600000", "5, 5", "5, 6", "0", "-5", "+5", "5.0", "1e3", "0x10", "5,", ",5", "5 5")
content_ranges = header("bytes 0-99/200", "bytes 100-199/*", "bytes */200", "bytes=0-1/2", "0-1/2")
etags = header('"abc"', 'W/"abc"', '""', '"', '"a"b"', "abc", '"a", "b"')
dates = header(DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "120", "-1")
urls = header(URL, "/other", "//host/x", "https://[::1]:1/x", "http://u:p@h/x?y#z") | odd_text


@st.composite
def headers(draw: st.DrawFn) -> dict[str, str]:
    """Return headers of an answer, some of which are missing."""
    every = {
        "Content-Length": lengths,
        "Content-Range": content_ranges,
        "Content-Encoding": header("gzip", "identity", "gzip, gzip", "br"),
        "Transfer-Encoding": header("chunked", "gzip, chunked", ""),
        "ETag": etags,
        "Last-Modified": dates,
        "Date": dates,
        "Retry-After": dates,
    }
    return {name: draw(values) for name, values in every.items() if draw(st.booleans())}


@given(content_ranges)
def test_a_content_range_is_sound_or_none(value: str) -> None:
    found = ContentRange.parse(value)

    if found is not None:
        assert 0 <= found.first <= found.last < MOST
        assert found.total is None or found.last < found.total < MOST


@given(lengths)
def test_a_length_is_a_number_or_none(value: str) -> None:
    found = content_length({"Content-Length": value})

    assert found is None or 0 <= found < MOST
    if found is not None:
        said = {part.strip() for part in value.split(",")}
        assert len(said) == 1
        assert said == {one for one in said if re.fullmatch(r"[0-9]+", one) and int(one) == found}


@pytest.mark.parametrize(
    ("value", "length"),
    [("5, 5", 5), ("5,5,5", 5), ("5, 6", None), ("5, -5", None), ("-5", None), ("5, ", None)],
)
def test_a_list_of_lengths_is_one_number_or_none(value: str, length: int | None) -> None:
    """RFC 9112 section 6.3: two that differ make all of the answer worthless."""
    assert content_length({"Content-Length": value}) == length


@given(
    st.sampled_from((200, 206, 416, 304, 0, 999)),
    headers(),
    st.integers(0, 2**64),
    st.builds(Span, st.integers(0, 300), st.none() | st.integers(0, 300), st.none() | st.just(200)),
    st.none() | etags,
    st.booleans(),
)
def test_an_answer_is_joined_only_where_it_fits(
    status: int, said: dict[str, str], offset: int, span: Span, validator: str | None, exact: bool
) -> None:
    verdict = ranges.judge(status, said, offset, span, validator, encoding_of(said), exact)

    if isinstance(verdict, ranges.Join):
        assert status == 206
        got = ContentRange.parse(said["Content-Range"])
        assert got is not None
        assert got.first == offset
        assert got.last + 1 == verdict.end
        assert span.end in (None, verdict.end)
    ranges.validator_of(said)


@given(headers(), st.sampled_from((200, 206)), st.none() | header("bytes=0-", "bytes=5-9"))
def test_pips_first_answer_has_a_span_or_none(
    said: dict[str, str], status: int, asked: str | None
) -> None:
    span = span_of(status, said, asked)

    if span is not None:
        assert 0 <= span.first < MOST
        assert span.end is None or span.first <= span.end <= MOST


@given(dates, st.none() | dates)
def test_a_wait_is_finite_and_no_less_than_nothing(value: str, date: str | None) -> None:
    wait = retry_after(value, date)
    seconds_of_date(value)

    assert wait is None or 0.0 <= wait < 1e15


@given(st.sampled_from((503, 429, 407, 200, 999, -1)), headers())
def test_a_status_is_a_failure_or_none(status: int, said: dict[str, str]) -> None:
    failure = failure_of_status(status, said, "http://[")

    assert failure is None or plain(failure.said)


@given(header("123", "0", "-1") | st.sampled_from(("9" * 5000, "٣", "²")))
def test_a_serial_is_a_number_or_none(value: str) -> None:
    serial = known_serial(value)

    assert serial is None or 0 <= serial <= 2**53


@given(urls, urls, st.integers(0, 9), st.booleans())
def test_a_redirect_is_followed_or_forbidden(
    before: str, location: str, hops: int, from_public: bool
) -> None:
    try:
        found = next_hop(before, location, hops, from_public)
    except Forbidden:
        return
    assert "@" not in found.partition("://")[2].partition("/")[0]
    assert found.startswith("https://") or same_origin(before, found)
    host = place_of(found).partition(":")[0]
    assert not from_public or host not in ("localhost", "127.0.0.1", "0.0.0.0", "")


@given(urls, urls)
def test_no_url_is_too_odd(url: str, other: str) -> None:
    """What cannot be read leads nowhere."""
    for read in (place_of, host_of, without_secrets, normalised, listed_by, of_path, is_public):
        with contextlib.suppress(ValueError):
            read(url)
    assert isinstance(place_of(url), str)
    assert isinstance(host_of(url), str)
    assert listed_by(url) is None or isinstance(listed_by(url), tuple)
    shown = without_secrets(url)
    assert "?" not in shown.removeprefix("?")
    assert isinstance(same_origin(url, other), bool)
    assert understood([url]).problems is not None
    project_of(url)
    carried(Given(url, {"User-Agent": other, "Accept": other, "Cookie": "a=b"}), other)


@given(header('pip/25.0 {"user_data":"x","python":"3.11"}', "pip/25.0 {") | odd_text)
def test_no_user_agent_keeps_what_the_user_put_in(agent: str) -> None:
    assert '"user_data":' not in without_user_data(agent) or " {" not in agent


@given(st.text(max_size=300), st.sampled_from((OSError, ValueError, RuntimeError, Exception)))
def test_whatever_is_raised_is_a_failure(text: str, cls: type[Exception]) -> None:
    """A proxy writes the text of http.client's own error."""
    for error in (cls(text), cls(f"Tunnel connection failed: {text}"), cls(cls(text), text)):
        failure = failure_of(error, "https://[")
        assert plain(failure.said).isascii()


# The framing of a body.

CHUNKED = b"5;name=value\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n"


@given(damaged(CHUNKED), st.lists(st.integers(1, 50), max_size=20))
def test_chunks_are_read_or_garbled(wire: bytes, cuts: list[int]) -> None:
    """However they are cut on the way, it is the same, and never more than came."""
    whole = _decoded([wire])
    pieces, rest = [], wire
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]

    assert _decoded([*pieces, rest]) == whole
    assert len(whole[0]) <= len(wire)


def _decoded(pieces: list[bytes]) -> tuple[bytes, bool]:
    chunks, payload = Chunks(), bytearray()
    try:
        for piece in pieces:
            if not chunks.done:
                payload += chunks.decode(memoryview(piece))
    except Garbled:
        return b"", False
    return bytes(payload), chunks.done


@pytest.mark.parametrize(
    "wire",
    [
        b"5;" + b"x" * 9000,
        b"f" * 9000,
        b"1;" + b"x=" * 100_000 + b"\r\n",
        b"-5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"5_0\r\nhello\r\n",
        b"\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"0\r\n" + b"x" * 9000,
    ],
)
def test_chunks_that_cannot_be_are_garbled(wire: bytes) -> None:
    with pytest.raises(Garbled):
        Chunks().decode(memoryview(wire))


@pytest.mark.parametrize("pump", [b"1\r\nx\r\n", b"1;" + b"a" * 90 + b"\r\nx\r\n", b"fffff\r\n"])
def test_chunks_take_no_longer_than_they_are_long(pump: bytes) -> None:
    def read(wire: bytes) -> None:
        with contextlib.suppress(Garbled):
            Chunks().decode(memoryview(wire))

    grows_evenly(read, lambda size: pump * (size // len(pump)), 40_000)


# A certificate comes from a stranger too.


@given(damaged(DER))
def test_a_certificate_is_read_or_none(der: bytes) -> None:
    found = certificates.read(der)

    assert found is None or isinstance(found.begins, float)


@pytest.mark.parametrize("pump", [b"\x30\x00", b"\x30\x80", b"\x30\x84", b"\x30\x82\xff\xff"])
def test_a_certificate_takes_no_longer_than_it_is_long(pump: bytes) -> None:
    grows_evenly(certificates.read, lambda size: DER[:4] + pump * (size // len(pump)), 100_000)


def hop_or_none(value: str) -> None:
    with contextlib.suppress(Forbidden):
        next_hop(URL, value, 0, from_public=True)


def normalised_or_none(value: str) -> None:
    with contextlib.suppress(ValueError):
        normalised(value)
        in_path(value, "files.example")


_READERS: dict[str, Callable[[str], object]] = {
    "Content-Range": ContentRange.parse,
    "Content-Length": lambda value: content_length({"Content-Length": value}),
    "Retry-After": lambda value: retry_after(value, value),
    "ETag": lambda value: ranges.validator_of({"ETag": value}),
    "Content-Encoding": lambda value: encoding_of({"Content-Encoding": value}),
    "X-PyPI-Last-Serial": known_serial,
    "Location": hop_or_none,
    "a URL": lambda value: (place_of(value), without_secrets(value), normalised_or_none(value)),
}


@pytest.mark.parametrize("name", _READERS)
@pytest.mark.parametrize(
    "pump", ["1", " ", ",", "5, ", '"', "a", "/", "%", "%41", "../", "(", ":", "\xe9"]
)
def test_no_header_takes_longer_than_it_is_long(name: str, pump: str) -> None:
    """http.client takes lines of 64 KiB; whoever changes that changes nothing here."""
    for begin in ("", "bytes ", "https://", "Sun, 06 Nov ", '"'):
        grows_evenly(_READERS[name], lambda size, b=begin: b + pump * (size // len(pump)), 40_000)
