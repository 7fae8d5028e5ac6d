"""Does a page get through that is larger than the distance between two cuts?

A page has no digest: what vouches for its parts is a strong ETag alone, which
names one encoded representation. Everything here is real: pip's session,
sockets, a server that fails by a script.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_resilient.events import GaveUp, Healed
from pip_resilient.policy.patience import Limits
from pip_resilient.session.continuation import Continuation
from pip_resilient.settings import Settings
from tests.faults import (
    DropEvery,
    Fault,
    FaultServer,
    IfRangeIgnored,
    MissingHeaders,
    OtherContent,
    OtherTotal,
    RangeIgnored,
    RangeRefused,
    Reset,
    Silence,
    Status,
    Together,
    WrongOffset,
)
from tests.pip_in_process import CALM, clean_errors, hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults import Request, Resource
    from tests.servers.answers import Answer

PATH = "/simple/demo/"
EVERY = 20_000


def page_of(lines: int, seed: int = 0) -> bytes:
    """Return a page whose lines all differ; compressed, half of it is left."""
    drawn = random.Random(seed)
    links = (f'<a href="demo-{n}.whl#sha256={drawn.randbytes(32).hex()}">' for n in range(lines))
    return "\n".join(links).encode()


PAGE, OTHER = page_of(2500), page_of(2500, seed=1)


def whole_size(server: FaultServer) -> int:
    """Return how many bytes the page has on the wire; asks the server itself."""
    with hooked_pip() as pip:
        before = server.bytes_sent(PATH)
        pip.page(server.url + PATH)
        return server.bytes_sent(PATH) - before


def put(server: FaultServer, content: bytes = PAGE, **options: Any) -> str:
    return server.put(PATH, content, content_type="text/html", **options)


FRAMINGS = [
    {},
    {"gzip": True},
    {"chunked": True},
    {"gzip": True, "chunked": True},
    {"gzip": True, "close_delimited": True},
]
IDS = ["plain", "gzip", "chunked", "gzip-chunked", "gzip-until-close"]


@pytest.mark.parametrize("framing", FRAMINGS, ids=IDS)
def test_a_page_longer_than_the_link_lives_gets_through(framing: dict[str, Any]) -> None:
    """It would be fetched from its start until patience ends."""
    with FaultServer() as server, hooked_pip(settings=Settings(), stall=CALM) as pip:
        url = put(server, **framing)
        size = whole_size(server)
        seen = len(server.requests(PATH))
        server.script = [DropEvery(EVERY)]
        got = pip.page(url)
        asked = server.requests(PATH)[seen:]

        assert got == PAGE
        assert size > 3 * EVERY
        assert sum(one.body_bytes for one in asked) <= 1.1 * size
        assert [one.range for one in asked[:3]] == [None, "bytes=20000-", "bytes=40000-"]
        assert len({one.connection for one in asked}) == len(asked)
        assert {_header(one, "Accept-Encoding") for one in asked} == {"gzip, deflate"}
        assert isinstance(pip.run.journal.events[-1], Healed)
        assert pip.surprises == []


def _header(seen: Any, name: str) -> str | None:
    return next((value for key, value in seen.headers if key.lower() == name.lower()), None)


OLD = {"last_modified": "Sun, 06 Nov 1994 08:49:37 GMT"}


@pytest.mark.parametrize("etag", [{"etag": "weak"}, {"etag": None}, {"etag": None, **OLD}])
@pytest.mark.parametrize("gzip", [False, True])
def test_without_a_strong_etag_a_page_comes_whole(etag: dict[str, Any], gzip: bool) -> None:
    """A weak one, or a date, may stay the same while the bytes differ."""
    calm = hooked_pip(settings=Settings(), stall=CALM)
    with FaultServer(script=[Reset(EVERY).when(first=2)]) as server, calm as pip:
        got = pip.page(put(server, gzip=gzip, **etag))

        assert got == PAGE
        assert server.ranges(PATH) == [None, None, None]


CHANGED = OtherContent(OTHER, '"another"')


@pytest.mark.parametrize("framing", FRAMINGS, ids=IDS)
@pytest.mark.parametrize("ignores", [False, True])
@pytest.mark.parametrize("first", [Reset(EVERY), Silence(EVERY)], ids=["reset", "silence"])
def test_a_page_that_changed_meanwhile_is_fetched_whole(
    framing: dict[str, Any], ignores: bool, first: Fault
) -> None:
    """Half of each would hide releases, and pip's cache would keep it."""
    changed: Fault = Together((IfRangeIgnored(), CHANGED)) if ignores else CHANGED
    with FaultServer(script=[first.when(first=1), changed]) as server, hooked_pip() as pip:
        got = pip.page(put(server, **framing))

        assert got == OTHER
        assert server.requests(PATH)[-1].range is None
        assert pip.surprises == []


@pytest.mark.parametrize("framing", FRAMINGS, ids=IDS)
def test_a_page_that_only_grew_comes_with_its_own_headers(framing: dict[str, Any]) -> None:
    """Its beginning is the same; under the old ETag the cache would keep what is not its."""
    grown = PAGE + b'\n<a href="demo-9999.whl">'
    changed = Together((RangeIgnored(), OtherContent(grown, '"another"')))
    with FaultServer(script=[Reset(EVERY).when(first=1), changed]) as server, hooked_pip() as pip:
        session = pip.session()
        response = session.get(put(server, **framing))
        session.close()

        assert response.content == grown
        assert "another" in response.headers["ETag"]


@pytest.mark.parametrize("framing", FRAMINGS, ids=IDS)
def test_a_server_that_ignores_ranges_gives_the_whole_from_there(framing: dict[str, Any]) -> None:
    """What had come must not stand in the page twice."""
    cut = Reset(EVERY).when(first=1)
    calm = hooked_pip(settings=Settings(), stall=CALM)
    with FaultServer(script=[cut, RangeIgnored()]) as server, calm as pip:
        got = pip.page(put(server, **framing))

        assert got == PAGE
        assert server.ranges(PATH) == [None, "bytes=20000-"]


class Incomplete(Fault):
    """A 206 ends early and says so, but not how long the whole is."""

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        if answer.status != 206:
            return answer
        start = int((answer.header("Content-Range") or "").split()[1].partition("-")[0])
        fields = [("Content-Range", f"bytes {start}-{start + 99}/*")]
        if answer.chunk is None and not answer.close:
            fields.append(("Content-Length", "100"))
        short = answer.with_headers(*fields)
        return type(answer)(206, short.headers, answer.body[:100], answer.chunk, answer.close)


@pytest.mark.parametrize("framing", FRAMINGS, ids=IDS)
@pytest.mark.parametrize(
    "answers",
    [
        MissingHeaders(("ETag",)),
        MissingHeaders(("Content-Encoding",)),
        MissingHeaders(("Content-Range",)),
        Incomplete(),
        WrongOffset(-1000),
        OtherTotal(1),
        RangeRefused(),
        Status(404),
    ],
    ids=["no-etag", "no-encoding", "no-range", "incomplete", "offset", "total", "416", "404"],
)
def test_a_wrong_answer_to_a_range_never_gets_into_a_page(
    framing: dict[str, Any], answers: Fault
) -> None:
    """A shorter or a mixed page would hide releases, and nobody would see it."""
    script = [Reset(EVERY).when(first=1), answers.when(ranged=True)]
    with FaultServer(script=script) as server, hooked_pip(stall=CALM) as pip:
        got = pip.page(put(server, **framing))

        assert got == PAGE
        assert pip.surprises == []


def test_a_page_that_does_not_come_back_is_a_clean_error() -> None:
    """pip tells it as it tells any page that it could not get."""
    script = [Reset(EVERY).when(first=1), Status(503)]
    with FaultServer(script=script) as server, hooked_pip(Limits(patience=3.0)) as pip:
        with pytest.raises(clean_errors()):
            pip.page(put(server, gzip=True))
        last = pip.run.journal.events[-1]

        assert pip.surprises == []
        assert isinstance(last, GaveUp)
        assert (last.failure.status, last.offset) == (503, EVERY)


def test_an_error_of_ours_while_resuming_a_page_is_not_pips() -> None:
    """Standing aside, pip gets the page from its start."""

    def spoiled(*_: object) -> None:
        raise RuntimeError("spoiled")

    cut = Reset(EVERY).when(first=1)
    with FaultServer(script=[cut]) as server, hooked_pip() as pip:
        with mock.patch.object(Continuation, "ask", spoiled):
            got = pip.page(put(server, gzip=True))

        assert got == PAGE
        assert [str(one) for one in pip.surprises] == ["RuntimeError: spoiled"]


def honest() -> st.SearchStrategy[Fault]:
    """Faults that never say anything untrue of the bytes."""
    at = st.sampled_from([0, 1, 1000, 20_000]) | st.integers(0, 120_000)
    # Until the connection is closed, a cut in good order is the end, to anybody.
    return (
        st.builds(Reset, at)
        | st.builds(Reset, at)
        | st.builds(Silence, at)
        | st.sampled_from([Status(502), RangeIgnored(), RangeRefused(), Incomplete()])
        | st.sampled_from([OtherTotal(1), WrongOffset(-1000), Reset(0, "headers")])
        | st.sampled_from([MissingHeaders((name,)) for name in ("ETag", "Content-Encoding")])
        | st.sampled_from([CHANGED, Together((IfRangeIgnored(), CHANGED))])
    )


def once(faults: Iterable[Fault]) -> list[Any]:
    # Only the answer to a range may say less of what it carries.
    return [
        fault.when(first=1, ranged=True if isinstance(fault, MissingHeaders) else None)
        for fault in faults
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    framing=st.sampled_from(FRAMINGS),
    etag=st.sampled_from(["strong", "strong", "weak", None]),
    faults=st.lists(honest(), max_size=6),
    last=st.sampled_from([OtherContent(), CHANGED]),
)
def test_a_page_is_one_version_and_whole_whatever_happens(
    framing: dict[str, Any], etag: str | None, faults: list[Fault], last: Fault
) -> None:
    """The property that all of this is for."""
    with FaultServer(script=[*once(faults), last]) as server, hooked_pip() as pip:
        try:
            got = pip.page(put(server, etag=etag, **framing))
        except clean_errors():
            got = None

        assert pip.surprises == []
        assert got in (None, PAGE, OTHER), server.log


def test_a_second_connection_that_finds_another_file_ends_the_silence() -> None:
    """With `--timeout 0` the first one would be waited for for ever."""
    changed = Together((IfRangeIgnored(), CHANGED))
    script = [Silence(EVERY).when(first=1), changed]
    with FaultServer(script=script) as server, hooked_pip() as pip:
        got = pip.download(server.put("/demo-1.0.whl", PAGE), timeout=None)

        assert got == OTHER
        assert server.ranges("/demo-1.0.whl") == [None, "bytes=20000-", None]
