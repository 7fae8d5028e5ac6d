"""Do servers say the wrong things that they should?

The rule: one thing is wrong, and everything else is as honest as before.
"""

from __future__ import annotations

import gzip
import http.client
from email.utils import parsedate_to_datetime

import pytest

from tests.faults import (
    BadChunkHeader,
    FaultServer,
    Fin,
    FlippedBit,
    IfRangeIgnored,
    Junk,
    MissingHeaders,
    NoLastChunk,
    OtherContent,
    OtherTotal,
    RangeIgnored,
    RangeRefused,
    Status,
    Together,
    WrongOffset,
    captive_portal,
    redirect,
    strong_etag,
    too_many_requests,
    unavailable,
)
from tests.servers.client import CONTENT, answered, asked, body_of, connected, received_before_end


def test_another_status_keeps_the_connection(server: FaultServer) -> None:
    server.script = [Status(403).when(first=1)]
    with connected(server) as connection:
        statuses = [answered(connection)[0].status for _ in range(2)]

    assert statuses == [403, 200]
    assert server.connections == 1


def test_retry_after_in_seconds_and_as_a_date(server: FaultServer) -> None:
    server.script = [unavailable(3).when(first=1), too_many_requests(60, as_date=True)]
    seconds, date = asked(server)[0], asked(server)[0]

    assert (seconds.status, seconds.getheader("Retry-After")) == (503, "3")
    assert date.status == 429
    asked_for = parsedate_to_datetime(date.getheader("Retry-After") or "")
    said_at = parsedate_to_datetime(date.getheader("Date") or "")
    assert 59 <= (asked_for - said_at).total_seconds() <= 61


def test_a_captive_portal_says_200(server: FaultServer) -> None:
    server.script = [captive_portal()]
    response, body = asked(server)

    assert response.status == 200
    assert "text/html" in (response.getheader("Content-Type") or "")
    assert b"Log in" in body


def test_a_redirect_says_where(server: FaultServer) -> None:
    server.script = [redirect("/other").when("/file")]

    assert asked(server)[0].getheader("Location") == "/other"


def test_headers_can_be_missing(server: FaultServer) -> None:
    server.script = [MissingHeaders(("ETag",))]

    assert asked(server)[0].getheader("ETag") is None


def test_junk_stands_before_the_body(server: FaultServer) -> None:
    server.put("/file", b"body")
    server.script = [Together((Junk(b"junk"), Fin(after=4)))]

    assert body_of(received_before_end(server)[0]) == b"junkbody"


def test_the_range_is_ignored(server: FaultServer) -> None:
    server.script = [RangeIgnored()]
    response, body = asked(server, Range="bytes=100-")

    assert (response.status, body) == (200, CONTENT)
    assert server.ranges("/file") == ["bytes=100-"]


def test_a_valid_range_is_refused(server: FaultServer) -> None:
    server.script = [RangeRefused()]

    assert asked(server, Range="bytes=100-")[0].status == 416
    assert asked(server)[0].status == 200


@pytest.mark.parametrize("by", [-10, 10])
def test_another_offset_is_admitted(server: FaultServer, by: int) -> None:
    server.script = [WrongOffset(by)]
    response, body = asked(server, Range="bytes=100-")

    assert response.status == 206
    assert response.getheader("Content-Range") == f"bytes {100 + by}-102399/102400"
    assert body == CONTENT[100 + by :]


@pytest.mark.parametrize("by", [-10, 10])
def test_another_offset_is_denied(server: FaultServer, by: int) -> None:
    server.script = [WrongOffset(by, honest=False)]
    response, body = asked(server, Range="bytes=100-")

    assert response.getheader("Content-Range") == "bytes 100-102399/102400"
    assert len(body) == len(CONTENT) - 100
    assert body[:50] == CONTENT[100 + by : 150 + by]


def test_another_total(server: FaultServer) -> None:
    server.script = [OtherTotal(by=7)]
    response, _ = asked(server, Range="bytes=100-")

    assert response.getheader("Content-Range") == "bytes 100-102399/102407"


def test_other_content_with_another_etag_fails_if_range(server: FaultServer) -> None:
    other = CONTENT[::-1]
    server.script = [OtherContent(other, '"other"').when(ranged=True)]
    etag = asked(server)[0].getheader("ETag") or ""
    response, body = asked(server, Range="bytes=100-", If_Range=etag)

    assert response.status == 200
    assert response.getheader("ETag") == '"other"'
    assert body == other


def test_other_content_can_come_as_a_206_all_the_same(server: FaultServer) -> None:
    other = CONTENT[::-1]
    server.script = [Together((OtherContent(other, '"other"'), IfRangeIgnored()))]
    response, body = asked(server, Range="bytes=100-", If_Range='"first"')

    assert (response.status, body) == (206, other[100:])
    assert response.getheader("ETag") == '"other"'


def test_other_content_can_keep_the_etag(server: FaultServer) -> None:
    server.script = [OtherContent(CONTENT[::-1])]
    response, body = asked(server)

    assert response.getheader("ETag") == strong_etag(CONTENT)
    assert body == CONTENT[::-1]


def test_one_bit_is_wrong_at_an_offset_of_the_whole(server: FaultServer) -> None:
    server.script = [FlippedBit(150, bit=3).when(first=2)]
    _, whole = asked(server)
    _, part = asked(server, Range="bytes=100-")

    assert whole[150] == part[50] == CONTENT[150] ^ 8
    assert whole[:150] + whole[151:] == CONTENT[:150] + CONTENT[151:]
    assert asked(server)[1] == CONTENT


def test_a_gzip_page_is_cut_under_its_full_length(server: FaultServer) -> None:
    server.put("/page", CONTENT, gzip=True)
    server.script = [Fin(after=100)]
    with connected(server) as connection, pytest.raises(http.client.IncompleteRead) as caught:
        answered(connection, "/page", Accept_Encoding="gzip")

    assert caught.value.partial == gzip.compress(CONTENT, mtime=0)[:100]


def test_a_chunked_body_is_cut_in_a_chunk(server: FaultServer) -> None:
    server.put("/file", CONTENT, chunked=True, chunk=1000)
    server.script = [Fin(after=1500)]
    body = body_of(received_before_end(server)[0])

    second = b"3e8\r\n" + CONTENT[1000:1500]
    assert body == b"3e8\r\n" + CONTENT[:1000] + b"\r\n" + second


def test_a_chunked_body_is_cut_between_chunks(server: FaultServer) -> None:
    server.put("/file", CONTENT, chunked=True, chunk=1000)
    server.script = [NoLastChunk(chunks=1)]
    raw, end = received_before_end(server)

    assert body_of(raw) == b"3e8\r\n" + CONTENT[:1000] + b"\r\n"
    assert end is None


def test_a_chunk_header_is_no_number(server: FaultServer) -> None:
    server.put("/file", CONTENT, chunked=True, chunk=1000)
    server.script = [BadChunkHeader(chunks=1)]

    with connected(server) as connection, pytest.raises(http.client.IncompleteRead):
        answered(connection)


def test_a_close_delimited_body_is_cut_unseen(server: FaultServer) -> None:
    server.put("/file", CONTENT, close_delimited=True)
    server.script = [Fin(after=1500)]

    assert asked(server)[1] == CONTENT[:1500]
