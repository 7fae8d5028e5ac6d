"""Is the whole body of another source's answer read, in bounded time and memory, or none of it?"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import Limits
from pip_resilient.policy.spans import Span
from pip_resilient.session import drain as drain_module
from pip_resilient.session.drain import Pace, drain, page_of
from pip_resilient.session.elsewhere import Unusable
from pip_resilient.session.lane import lane_for
from tests.elsewhere_in_process import Asker
from tests.faults import (
    BadChunkHeader,
    Fault,
    FaultServer,
    Fin,
    NoLastChunk,
    Reset,
    Silence,
    Trickle,
)
from tests.pip_in_process import QUICK, hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/simple/demo/"
PAGE = b"<html><body>" + b'<a href="demo-1.0.whl">demo</a>\n' * 2000 + b"</body></html>\n"
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed sooner than on a real network."""
    monkeypatch.setattr(drain_module, "_SILENCE", 0.3)


@contextlib.contextmanager
def asking(settings: Any = QUICK, limits: Limits | None = None) -> Iterator[Asker]:
    with hooked_pip(limits, settings) as pip, contextlib.closing(Asker(pip)) as asker:
        yield asker
        assert pip.surprises == []


def page_from(server: FaultServer, content: bytes = PAGE, **options: Any) -> bytes:
    options = {"content_type": "text/html", **options}
    with asking() as asker:
        url = server.put(PATH, content, **options)
        extra = {"Accept-Encoding": "gzip"}
        return page_of(asker.ask(url, **extra).up, asker.exchange)


def refused(server: FaultServer, content: bytes = PAGE, **options: Any) -> Failure:
    with pytest.raises(Unusable) as caught:
        page_from(server, content, **options)
    return caught.value.failure


FRAMINGS = {
    "plain": {},
    "gzip": {"gzip": True},
    "chunked": {"chunked": True},
    "gzip chunked": {"gzip": True, "chunked": True},
    "until close": {"close_delimited": True},
    "gzip until close": {"gzip": True, "close_delimited": True},
}
each_framing = pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)


@each_framing
@pytest.mark.parametrize("content_type", ["text/html", JSON])
def test_a_page_comes_whole_however_it_is_framed(
    framing: dict[str, Any], content_type: str
) -> None:
    """Mirrors are all kinds of servers."""
    with FaultServer() as server:
        assert page_from(server, content_type=content_type, **framing) == PAGE


@pytest.mark.usefixtures("quickly")
@each_framing
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Reset(100), {Kind.RESET}),
        (Fin(100), {Kind.TRUNCATED, Kind.GARBLED}),
        (Silence(100), {Kind.SILENT}),
        (Silence(0), {Kind.SILENT}),
        (Reset(0), {Kind.RESET}),
    ],
    ids=["reset", "end", "silence", "silence-at-once", "reset-at-once"],
)
def test_half_a_page_is_no_page(framing: dict[str, Any], fault: Fault, kinds: set[Kind]) -> None:
    """A short one would hide releases."""
    with FaultServer(script=[fault]) as server:
        assert refused(server, **framing).kind in kinds


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("fault", [NoLastChunk(), BadChunkHeader()], ids=["no-last", "bad-header"])
def test_chunks_without_an_end_are_no_page(fault: Fault) -> None:
    """The last chunk is what says that it is whole."""
    with FaultServer(script=[fault]) as server:
        failure = refused(server, chunked=True)

    assert failure.kind in (Kind.TRUNCATED, Kind.GARBLED, Kind.SILENT)


@pytest.mark.parametrize("end", [b"", b"</html", b"</html>" + b" " * 2000])
def test_html_that_ends_with_the_connection_says_so_itself(end: bytes) -> None:
    """Nothing else tells its end from a cut."""
    with FaultServer() as server:
        assert refused(server, PAGE[:-8] + end, close_delimited=True).kind is Kind.TRUNCATED


@pytest.mark.parametrize("end", [b"</HTML>", b"</html>\n<!--SERIAL 1-->\n"])
def test_the_end_of_html_may_be_written_in_any_case_with_the_serial_behind_it(end: bytes) -> None:
    """PyPI's own pages end so."""
    with FaultServer() as server:
        assert page_from(server, PAGE[:-8] + end, close_delimited=True) == PAGE[:-8] + end


def test_with_a_length_html_needs_no_end() -> None:
    """Old indexes write none."""
    with FaultServer() as server:
        assert page_from(server, PAGE[:-8]) == PAGE[:-8]


@each_framing
def test_a_page_without_an_end_is_left(
    framing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fill the memory; a hundred thousand times the same compress well."""
    monkeypatch.setattr(drain_module, "_PAGE", 10_000)
    with FaultServer() as server:
        assert refused(server, **framing).kind is Kind.TOO_LARGE


def compressed(content: bytes) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Encoding": "gzip"}}


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(PAGE)[:-9],
        gzip.compress(PAGE)[:-1],
        gzip.compress(PAGE) + b"more",
        gzip.compress(PAGE[:100]) + gzip.compress(PAGE[100:]),
        zlib.compress(PAGE),
        PAGE,
        b"",
    ],
    ids=["cut", "cut-by-one", "longer", "in-two-members", "deflate", "plain", "empty"],
)
def test_what_is_not_one_whole_gzip_is_no_page(content: bytes) -> None:
    """A part that can be read must not be taken for all."""
    with FaultServer() as server:
        assert refused(server, **compressed(content)).kind is Kind.GARBLED


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip", "zstd"])
def test_an_encoding_that_nobody_asked_for_is_refused(name: str) -> None:
    """It would be parsed as if it were text."""
    with FaultServer() as server:
        failure = refused(server, headers={"Content-Encoding": name})

    assert failure.kind is Kind.GARBLED
    assert name in failure.said


@pytest.mark.parametrize("name", ["identity", "GZIP", "x-gzip", " gzip "])
def test_encodings_are_written_in_many_ways(name: str) -> None:
    """RFC 9110 section 8.4.1: in any case, and with an old name."""
    content = PAGE if name == "identity" else gzip.compress(PAGE)
    with FaultServer() as server:
        assert page_from(server, content, headers={"Content-Encoding": name}) == PAGE


def test_a_page_that_trickles_has_an_end_in_time() -> None:
    """A byte every few seconds is not silence, and would hold pip up for days."""
    slow = [Trickle(piece=1, tick=0.05)]
    with FaultServer(script=slow) as server, asking(limits=Limits(patience=0.5)) as asker:
        up = asker.ask(server.put(PATH, PAGE, content_type="text/html")).up
        with pytest.raises(Unusable) as caught:
            page_of(up, asker.exchange)

    assert caught.value.failure.kind is Kind.CRAWL


@pytest.mark.parametrize("least", [51200.0, 0.0])
def test_a_crawl_is_left_where_somebody_else_may_be_faster(least: float) -> None:
    """Where there is nobody else, a slow file is better than none; MIN_SPEED=0 says so too."""
    content, kept = b"x" * 6000, bytearray()
    slow = [Trickle(piece=500, tick=0.05)]
    with FaultServer(script=slow) as server, asking() as asker:
        up = asker.ask(server.put("/demo.whl", content)).up
        lane = lane_for(up, Span(0, len(content), len(content)))
        failure = drain(lane, asker.exchange, kept.extend, Pace(least, within=0.2))

    assert (failure and failure.kind) is (Kind.CRAWL if least else None)
    assert least or bytes(kept) == content


def test_what_has_come_before_a_cut_is_kept() -> None:
    """The next connection goes on from there."""
    content, kept = bytes(range(256)) * 100, bytearray()
    with FaultServer(script=[Fin(10_000)]) as server, asking() as asker:
        up = asker.ask(server.put("/demo.whl", content)).up
        lane = lane_for(up, Span(0, len(content), len(content)))
        failure = drain(lane, asker.exchange, kept.extend)

    assert failure is not None
    assert failure.kind is Kind.TRUNCATED
    assert bytes(kept) == content[:10_000]


@pytest.mark.usefixtures("quickly")
def test_a_connection_is_used_again_after_a_whole_body_alone() -> None:
    """What is left of a half one would be read as the next answer."""
    with FaultServer(script=[Silence(100).when(first=1)]) as server, asking() as asker:
        url = server.put("/demo.whl", b"x" * 1000)
        failures = []
        for _ in range(3):
            lane = lane_for(asker.ask(url).up, Span(0, 1000, 1000))
            failures.append(drain(lane, asker.exchange, lambda _: None))
        seen = [one.connection for one in server.requests("/demo.whl")]

    assert [failure and failure.kind for failure in failures] == [Kind.SILENT, None, None]
    assert seen[0] != seen[1] == seen[2]


def test_nothing_of_a_body_without_bytes_is_missing() -> None:
    """An empty file is a file."""
    with FaultServer() as server, asking() as asker:
        up = asker.ask(server.put("/demo.whl", b"")).up

        assert drain(lane_for(up, Span(0, 0, 0)), asker.exchange, lambda _: None) is None


def test_ctrl_c_closes_the_connection() -> None:
    """It comes in the midst of anything."""

    def interrupted(_: bytes) -> None:
        raise KeyboardInterrupt

    with FaultServer() as server, asking() as asker:
        url = server.put("/demo.whl", b"x" * 1000)
        lane = lane_for(asker.ask(url).up, Span(0, 1000, 1000))
        with pytest.raises(KeyboardInterrupt):
            drain(lane, asker.exchange, interrupted)
        asker.ask(url).up.close()

        assert server.connections == 2
