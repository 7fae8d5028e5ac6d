"""Does pip get the right bytes, whatever happens on the way?

The most important property of all: a file that several connections brought is
exactly the file, or there is a clean error of pip's. Everything here is real:
pip's session and Downloader, sockets, a server that fails by a script.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, currently_in_test_context, given, note, settings
from hypothesis import strategies as st

from pip_resilient.settings import Settings
from tests.faults import (
    BadChunkHeader,
    Fault,
    FaultServer,
    Fin,
    FlippedBit,
    IfRangeIgnored,
    MissingHeaders,
    NoLastChunk,
    OtherContent,
    OtherTotal,
    RangeIgnored,
    RangeRefused,
    Reset,
    Scripted,
    Silence,
    Status,
    Together,
    WrongOffset,
    redirect,
)
from tests.pip_in_process import CALM, clean_errors, hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults import Request, Resource
    from tests.servers.answers import Answer

SIZES = st.sampled_from([0, 1, 2, 1000, 4096, 4097, 65536, 300_000]) | st.integers(0, 300_000)
FRAMINGS = st.sampled_from(
    [{}, {}, {"chunked": True}, {"chunked": True, "chunk": 1000}, {"close_delimited": True}]
)
ETAGS = st.sampled_from(["strong", "strong", "weak", None])
POSITIONS = st.sampled_from([0, 1, 1000, 4096, 65535]) | st.integers(0, 300_000)

EXAMPLES = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def content_of(size: int, seed: int = 0) -> bytes:
    """Return bytes that are everywhere different, so that no wrong joint goes unnoticed."""
    return random.Random(seed).randbytes(size)


def cuts(framing: dict[str, Any], known: bool) -> st.SearchStrategy[Fault]:
    """Faults of the connection, of which somebody can tell that they are faults."""
    faults = st.builds(Reset, POSITIONS) | st.sampled_from(
        [Reset(0, "headers"), Fin(0, "headers"), Reset(20, "headers")]
    )
    # Without a length a cut in good order is the end, to us and to anybody.
    return faults | st.builds(Fin, POSITIONS) if known or not ends_by_closing(framing) else faults


def ends_by_closing(framing: dict[str, Any]) -> bool:
    return "close_delimited" in framing


def honest_faults(framing: dict[str, Any], known: bool) -> st.SearchStrategy[Fault]:
    """Faults that never say anything untrue of the bytes: cuts, refusals, other ranges."""
    faults = (
        cuts(framing, known)
        | cuts(framing, known)
        | st.builds(Silence, POSITIONS)
        | st.sampled_from([Status(502), Status(503), RangeIgnored(), RangeRefused()])
        | st.builds(WrongOffset, st.sampled_from([-1000, -1, 1, 1000]))
        | st.builds(OtherTotal, st.sampled_from([-1, 1, 5000]))
    )
    if "chunked" in framing:
        faults |= st.builds(NoLastChunk, st.integers(0, 5))
        faults |= st.builds(BadChunkHeader, st.integers(0, 5))
    return faults


def lies(size: int) -> st.SearchStrategy[Fault]:
    """Faults that vouch for wrong bytes: nothing but a digest can tell."""
    lies = [WrongOffset(by, honest=False) for by in (-1, 1, 1000)] + [
        OtherContent(content_of(size, 7)),
        OtherContent(content_of(size + 5, 8)),
        Together((IfRangeIgnored(), OtherContent(content_of(size, 9), '"other"'))),
    ]
    made = st.sampled_from(lies)
    if size:
        made |= st.builds(FlippedBit, st.integers(0, size - 1))
    return made


def once(faults: Iterable[Fault]) -> list[Scripted]:
    """Give each request one fault, in turn; then the server is honest."""
    return [fault.when(first=1) for fault in faults]


def outcome(
    content: bytes, script: list[Any], options: dict[str, Any], digest: str | None
) -> bytes | BaseException:
    """Return what pip has after a download: the bytes, or its clean error."""
    with FaultServer(script=script) as server, hooked_pip() as pip:
        url = server.put("/demo-1.0.whl", content, **options)
        got: bytes | BaseException
        try:
            got = pip.download(url, digest)
        except clean_errors() as error:
            got = error
        _show(f"{[(s.range, s.status, s.body_bytes, s.fault) for s in server.log]}\n{pip.said}")

        assert pip.surprises == []
    return got


def _show(story: str) -> None:
    if currently_in_test_context():
        note(story)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@EXAMPLES
@given(size=SIZES, framing=FRAMINGS, etag=ETAGS, data=st.data())
def test_with_a_digest_wrong_bytes_never_reach_pip(
    size: int, framing: dict[str, Any], etag: str | None, data: st.DataObject
) -> None:
    """Otherwise a lying server or a wrong joint would be installed."""
    content = content_of(size)
    faults = data.draw(st.lists(honest_faults(framing, known=True) | lies(size), max_size=6))
    got = outcome(content, once(faults), {"etag": etag, **framing}, sha256(content))

    assert isinstance(got, BaseException) or got == content


@EXAMPLES
@given(size=SIZES, framing=FRAMINGS, etag=ETAGS, data=st.data())
def test_without_a_digest_an_honest_server_gives_the_right_bytes(
    size: int, framing: dict[str, Any], etag: str | None, data: st.DataObject
) -> None:
    """Otherwise a file from a plain index would be two halves of something."""
    content = content_of(size)
    faults = data.draw(st.lists(honest_faults(framing, known=False), max_size=6))
    got = outcome(content, once(faults), {"etag": etag, **framing}, None)

    assert isinstance(got, BaseException) or got == content


@settings(EXAMPLES, max_examples=60)  # half of them wait for a silence
@given(
    size=st.integers(2, 300_000),
    framing=FRAMINGS,
    etag=st.sampled_from(["strong", None]),
    first=st.sampled_from([Reset, Silence]),
    cut_at=POSITIONS,
    differs_at=st.none() | POSITIONS,
    grows=st.sampled_from([0, 0, -1, -1000, -100_000, 1, 1000]),
    ignores=st.booleans(),
)
def test_a_file_that_changed_is_never_a_mixture(
    size: int,
    framing: dict[str, Any],
    etag: str | None,
    first: type[Reset | Silence],
    cut_at: int,
    differs_at: int | None,
    grows: int,
    ignores: bool,
) -> None:
    """Otherwise a release replaced during a download would give half of each."""
    content = content_of(size)
    other = bytearray(content[: max(1, size + grows)] + bytes(max(0, grows)))
    if differs_at is not None:
        other[differs_at % len(other)] ^= 1
    changed: Fault = OtherContent(bytes(other), '"another"' if etag else None)
    if ignores:
        changed = Together((IfRangeIgnored(), changed))
    script = [first(cut_at % size).when(first=1), changed]
    got = outcome(content, script, {"etag": etag, **framing}, None)

    assert isinstance(got, BaseException) or got in (content, bytes(other))


@EXAMPLES
@given(
    size=SIZES,
    framing=FRAMINGS,
    etag=ETAGS,
    known=st.booleans(),
    data=st.data(),
)
def test_a_link_that_comes_back_heals_every_cut(
    size: int, framing: dict[str, Any], etag: str | None, known: bool, data: st.DataObject
) -> None:
    """Otherwise we would be no better than plain pip on a link that drops."""
    faults = data.draw(st.lists(cuts(framing, known) | st.builds(Silence, POSITIONS), max_size=3))
    content = content_of(size)
    got = outcome(
        content, once(faults), {"etag": etag, **framing}, sha256(content) if known else None
    )

    assert got == content


@pytest.mark.parametrize("known", [True, False])
def test_answers_that_bring_nothing_are_asked_for_as_long_as_patience_lasts(known: bool) -> None:
    """What is fetched whole again is bounded; of these nothing is fetched again."""
    content = content_of(50_000)
    script = [Reset(0).when(first=8)]

    assert outcome(content, script, {}, sha256(content) if known else None) == content


@pytest.mark.parametrize("known", [True, False])
def test_a_first_answer_without_a_length_is_continued_by_one_with_a_length(known: bool) -> None:
    """Otherwise the end of a kept connection would be waited for after the last byte."""
    content = content_of(50_000)
    cut = Together((MissingHeaders(("Content-Length",)), Reset(20_000)))
    script = [cut.when(first=1)]
    calm = hooked_pip(settings=Settings(), stall=CALM)
    with FaultServer(script=script) as server, calm as pip:
        url = server.put("/demo-1.0.whl", content)
        got = pip.download(url, sha256(content) if known else None)

        assert got == content
        assert server.ranges("/demo-1.0.whl") == [None, "bytes=20000-"]


@dataclass(frozen=True)
class ShortInChunks(Fault):
    """A 206 comes in chunks that end in good order some bytes before what its headers say."""

    missing: int = 10

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        if answer.status != 206:
            return answer
        kept = tuple(pair for pair in answer.headers if pair[0] != "Content-Length")
        fields = (*kept, ("Transfer-Encoding", "chunked"))
        whole = bytes(answer.body)
        body = whole[: -self.missing] if self.missing > 0 else whole + bytes(10)
        return dataclasses.replace(answer, headers=fields, body=body, chunk=1000)


@pytest.mark.parametrize("missing", [10, -10])
@pytest.mark.parametrize("known", [True, False])
def test_chunks_of_another_length_than_the_range_are_not_the_end(known: bool, missing: int) -> None:
    """Otherwise a proxy that re-chunks a cut answer would make a file of another length."""
    content = content_of(50_000)
    script = [Reset(20_000).when(first=1), ShortInChunks(missing).when(first=1)]
    got = outcome(content, script, {}, sha256(content) if known else None)

    assert got == content


def test_what_has_failed_is_no_end_for_whoever_reads_on() -> None:
    """A file cut short would pass for a whole one where nobody named its digest."""
    content = content_of(100_000)
    cut = Reset(after=50_000).when(first=1)
    with FaultServer(script=[cut, Status(404)]) as server, hooked_pip() as pip:
        session = pip.session()
        response = session.get(server.put("/demo-1.0.whl", content, chunked=True), stream=True)
        errors = [_error_of(response.raw) for _ in range(3)]
        session.close()

    assert [type(error) for error in errors] == [pip.run.stack.failed] * 3


def _error_of(raw: Any) -> BaseException | None:
    try:
        while raw.read(256 * 1024):
            pass
    except clean_errors() as error:
        return error
    return None


@pytest.mark.parametrize("location", ["http://[no-url/demo.whl", "gopher://127.0.0.1/demo.whl"])
def test_a_way_that_leads_nowhere_ends_cleanly(location: str) -> None:
    """The way to a file is walked again where its target refuses; whoever shows it may err."""
    content = content_of(100_000)
    script = [
        redirect("/there/file-1.0.whl").when("/demo-1.0.whl", first=1),
        redirect(location).when("/demo-1.0.whl"),
        Reset(after=50_000).when("/there/*", first=1),
        Status(403).when("/there/*"),
    ]
    with FaultServer(script=script) as server, hooked_pip() as pip:
        server.put("/there/file-1.0.whl", content)
        url = server.put("/demo-1.0.whl", content)
        with pytest.raises(clean_errors()):
            pip.download(url, sha256(content))

        assert pip.surprises == []
