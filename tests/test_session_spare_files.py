"""Is a file taken from another source only where it is the right one, and found where it lies?"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.mirrors.group import Asked
from pip_resilient.policy.digests import Digest, Verification
from pip_resilient.policy.failure import Kind
from pip_resilient.session import bringer
from pip_resilient.session import drain as drain_module
from pip_resilient.session import spool as spool_module
from pip_resilient.session.bringer import NoRoom
from pip_resilient.session.elsewhere import Unusable, WrongThere
from pip_resilient.session.pages import Page
from pip_resilient.session.spare_files import FileFetch, NotToBlame
from tests.elsewhere_in_process import ORIGIN, Asker, source_of
from tests.faults import (
    Authority,
    FaultServer,
    Fin,
    RangeIgnored,
    Reset,
    Silence,
    Status,
    Together,
    WrongOffset,
    captive_portal,
)
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pip_resilient.session.spool import Spool

NAME = "demo-1.0-py3-none-any.whl"
CONTENT = bytes(range(256)) * 400
LIE = "ab" * 32
PAGE = "/simple/demo/"
PAGE_URL = "https://index.example/simple/demo/"


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed sooner than on a real network."""
    monkeypatch.setattr(drain_module, "_SILENCE", 0.3)


@pytest.fixture(autouse=True)
def straight_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextlib.contextmanager
def asking(**options: Any) -> Iterator[Asker]:
    with hooked_pip() as pip, contextlib.closing(Asker(pip, **options)) as asker:
        yield asker
        assert pip.surprises == []


def put_page(server: FaultServer, *hrefs: str, beside: str = "") -> None:
    links = "".join(f'<a href="{href}"{beside}>{NAME}</a>' for href in hrefs)
    content = f"<html><body>{links}</body></html>".encode()
    server.put(PAGE, content, content_type="text/html")


def fetched(
    asker: Asker,
    server: FaultServer,
    before: bytes = b"",
    what: str = "file",
    last: bool = True,
    content: bytes = CONTENT,
    asked: Asked | None = None,
    lie: bool = False,
    sized: bool = True,
) -> bytes:
    value = LIE if lie else hashlib.sha256(content).hexdigest()
    verification = Verification([Digest("sha256", value, "x")])
    verification.update(before)
    asked = asked or Asked(what, "other", "https://origin.example/simple/", "demo", NAME)
    end = len(content) if sized else None
    fetch = FileFetch(asker.exchange, asker.elsewhere, asked, verification, end)
    spool: Spool = fetch.fetch(source_of(server.url + "/simple"), len(before), last)
    with contextlib.closing(spool):
        return spool.read()


@pytest.mark.parametrize("size", [0, 1, 5000, len(CONTENT) - 1])
@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Fin(3000).when(NAME, first=4)],
        [Reset(3000).when(NAME, first=4)],
        [RangeIgnored()],
        [Reset(40_000).when(NAME, first=1), RangeIgnored()],
    ],
    ids=["sound", "cut-often", "reset-often", "whole", "cut-and-whole"],
)
def test_the_rest_of_a_file_is_found_on_its_page(size: int, faults: list[Any]) -> None:
    """However often the connection is cut, while each one brings something."""
    with FaultServer(script=faults) as server, asking() as asker:
        put_page(server, "../../files/" + NAME)
        server.put("/files/" + NAME, CONTENT)

        assert fetched(asker, server, CONTENT[:size]) == CONTENT[size:]


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Status(404), {Kind.STATUS}),
        (Status(500), {Kind.STATUS}),
        (captive_portal(), {Kind.INTERCEPTED}),
        (Reset(0), {Kind.RESET}),
        (Silence(0), {Kind.SILENT}),
        (WrongOffset(-10), {Kind.GARBLED}),
    ],
    ids=["404", "500", "login-page", "reset", "silent", "other-offset"],
)
def test_a_source_that_has_it_not_has_had_its_turn(fault: Any, kinds: set[Kind]) -> None:
    """The next one is asked."""
    with FaultServer(script=[fault.when(NAME)]) as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT)
        with pytest.raises(Unusable) as caught:
            fetched(asker, server, CONTENT[:100])

    assert caught.value.failure.kind in kinds


@pytest.mark.parametrize("before", [b"", CONTENT[:100]], ids=["whole", "rest"])
@pytest.mark.parametrize(
    "there", [CONTENT[:-1] + b"x", b"x" * len(CONTENT)], ids=["one-byte", "all"]
)
def test_a_source_of_other_bytes_is_wrong(there: bytes, before: bytes) -> None:
    """It is not asked again."""
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, there)
        with pytest.raises(WrongThere) as caught:
            fetched(asker, server, before)

    assert caught.value.expected == hashlib.sha256(CONTENT).hexdigest()
    assert caught.value.got != caught.value.expected


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("size", [200_000, 3000], ids=["while-writing", "at-the-end"])
def test_a_full_disk_is_no_sources_fault(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """The next source's bytes would not fit either; and what is buffered is written late."""
    monkeypatch.setattr(spool_module, "_IN_MEMORY", 1)
    full = lambda **_: open("/dev/full", "r+b")  # noqa: E731, SIM115  # the spool closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    content = bytes(size)
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, content)
        with pytest.raises(NoRoom) as caught:
            fetched(asker, server, content=content)

    assert caught.value.failure.kind is Kind.DISK
    assert "ENOSPC" in caught.value.failure.said


BLAKE = hashlib.blake2b(CONTENT, digest_size=32).hexdigest()
PYPIS_PATH = f"{BLAKE[:2]}/{BLAKE[2:4]}/{BLAKE[4:]}/{NAME}"
ALIYUN = "https://mirrors.aliyun.com/pypi/simple/"


@pytest.mark.parametrize("before", [b"", CONTENT[:100]], ids=["whole", "rest"])
@pytest.mark.parametrize("right", [True, False])
def test_a_wrong_digest_named_beside_pypis_path_is_not_the_sources_fault(
    before: bytes, right: bool
) -> None:
    """Below a listed mirror's URL the path is a digest too: a further index may lie about it."""
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT if right else b"x" * len(CONTENT))
        asked = Asked("file", "preset", ALIYUN, "demo", NAME, PYPIS_PATH)
        with pytest.raises(NotToBlame if right else WrongThere):
            fetched(asker, server, before, lie=True, asked=asked)


@pytest.mark.parametrize(("served_by", "blamed"), [(None, False), ("mirror.example", True)])
def test_bytes_that_an_index_has_named_are_not_the_sources_fault(
    served_by: str | None, blamed: bool
) -> None:
    """Of two indexes one lies; but no mirror vouches for itself by a page of its own."""
    with FaultServer() as server, asking() as asker:
        for value, who in ((hashlib.sha256(CONTENT).hexdigest(), served_by), (LIE, None)):
            content = f'<a href="{ORIGIN}#sha256={value}">x</a>'.encode()
            asker.exchange.run.pages.passed(Page(PAGE_URL, "text/html", content, who))
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT)
        with pytest.raises(WrongThere if blamed else NotToBlame):
            fetched(asker, server, lie=True)


def test_it_is_known_whose_bytes_were_wrong() -> None:
    """The source is not blamed for what came before it."""
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT)
        with pytest.raises(NotToBlame):
            fetched(asker, server, b"x" * 100)


def test_a_file_that_is_not_on_the_page_is_not_there() -> None:
    """Nor is its metadata where the page says nothing of any."""
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        with pytest.raises(Unusable) as caught:
            fetched(asker, server, what="metadata")

        assert caught.value.failure.status == 404
        assert [one.path for one in server.log] == [PAGE]


def test_metadata_lies_beside_the_file() -> None:
    """PEP 658."""
    with FaultServer() as server, asking() as asker:
        put_page(server, "/files/" + NAME, beside=' data-core-metadata="true"')
        server.put(f"/files/{NAME}.metadata", CONTENT)

        assert fetched(asker, server, what="metadata") == CONTENT


def test_a_part_of_a_page_is_no_page() -> None:
    """Nobody asked for a part."""
    part = Status(206, f'<a href="{NAME}">{NAME}</a>'.encode(), "text/html")
    with FaultServer(script=[part.when(PAGE, first=1)]) as server, asking() as asker:
        server.put(PAGE + NAME, CONTENT)
        with pytest.raises(Unusable):
            fetched(asker, server)

        assert [one.path for one in server.log] == [PAGE]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_got_by_https_does_not_lead_off_it(
    host: str, authority: Authority, tmp_path: Path
) -> None:
    """What must not be done by a redirect must not be done by a link."""
    verify = authority.write_to(tmp_path / "ca.pem")
    with (
        FaultServer(host=host) as plain,
        FaultServer(tls=authority) as server,
        asking(verify=verify) as asker,
    ):
        put_page(server, plain.put("/" + NAME, CONTENT))
        with pytest.raises(Unusable) as caught:
            fetched(asker, server)

        assert "https" in caught.value.failure.said
        assert plain.log == []


@pytest.fixture
def authority() -> Authority:
    return Authority()


# How much is taken at most.


def pass_page(asker: Asker, size: object, sha256: str) -> None:
    """Let an index have said how large the file is (PEP 700)."""
    entry = {"filename": NAME, "url": ORIGIN, "hashes": {"sha256": sha256}, "size": size}
    content = json.dumps({"meta": {"api-version": "1.1"}, "files": [entry]}).encode()
    asker.exchange.run.pages.passed(Page(PAGE_URL, "application/vnd.pypi.simple.v1+json", content))


FRAMINGS: list[dict[str, Any]] = [{"chunked": True}, {"close_delimited": True}, {}]


@pytest.mark.parametrize("framing", FRAMINGS, ids=["chunked", "until-close", "length"])
@pytest.mark.parametrize("before", [b"", CONTENT[:100]], ids=["whole", "rest"])
def test_no_more_is_taken_than_the_index_says_that_there_is(
    framing: dict[str, Any], before: bytes
) -> None:
    """A mirror may send for ever; one byte more, and it had its turn."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    with FaultServer() as server, asking() as asker:
        pass_page(asker, len(CONTENT), sha256)
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT, **framing)
        right = fetched(asker, server, before, sized=False)
        server.put(PAGE + NAME, CONTENT + b"x" * 1_000_000, **framing)
        if "close_delimited" in framing and not before:  # no end of its own to be wrong about
            assert fetched(asker, server, sized=False) == CONTENT
        else:
            with pytest.raises(Unusable) as caught:
                fetched(asker, server, before, sized=False)
            assert caught.value.failure.kind is Kind.GARBLED

        assert right == CONTENT[len(before) :]
        assert len(server.requests(PAGE + NAME)) == 2


def test_a_size_beside_another_digest_is_not_this_files() -> None:
    """A further index may lie about it; a good mirror is not to suffer for it."""
    with FaultServer() as server, asking() as asker:
        pass_page(asker, 10, LIE)
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT)

        assert fetched(asker, server, sized=False) == CONTENT


@pytest.mark.parametrize("said", [10, -1, "many", None])
def test_a_size_that_cannot_be_is_none(said: object) -> None:
    """More has come already, or it is no number."""
    with FaultServer() as server, asking() as asker:
        pass_page(asker, said, hashlib.sha256(CONTENT).hexdigest())
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT)

        assert fetched(asker, server, CONTENT[:100], sized=False) == CONTENT[100:]


@pytest.mark.parametrize("framing", FRAMINGS, ids=["chunked", "until-close", "length"])
def test_a_file_without_an_end_fills_no_disk(
    framing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the disk is. Who says how much it is may have all of it."""
    monkeypatch.setattr(bringer, "_UNSAID", len(CONTENT) - 1)
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT, **framing)
        if "chunked" in framing or "close_delimited" in framing:
            with pytest.raises(Unusable) as caught:
                fetched(asker, server, sized=False)
            assert "without an end" in caught.value.failure.said
        else:
            assert fetched(asker, server, sized=False) == CONTENT


def test_a_file_is_not_fetched_over_and_over() -> None:
    """Who knows no ranges and cuts a little later each time would send it a thousand times."""
    piece = 70_000  # enough to be worth a connection
    content = bytes(range(256)) * (20 * piece // 256)
    cuts = [
        Together((RangeIgnored(), Fin(number * piece))).when(NAME, first=1)
        for number in range(1, 20)
    ]
    with FaultServer(script=cuts) as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, content)
        with pytest.raises(Unusable) as caught:
            fetched(asker, server, content=content)

        assert caught.value.failure.kind is Kind.TRUNCATED
        assert len(server.requests(PAGE + NAME)) <= 6


@pytest.mark.parametrize("framing", FRAMINGS, ids=["chunked", "until-close", "length"])
@pytest.mark.parametrize(("free", "fits"), [(2 * len(CONTENT), True), (len(CONTENT), False)])
def test_what_nobody_says_the_size_of_takes_half_of_what_is_free(
    framing: dict[str, Any], free: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip writes it there once more; and the disk is not the mirror's to fill."""
    monkeypatch.setattr(bringer, "_ALWAYS", 1000)
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(bringer.shutil, "disk_usage", lambda _: usage)
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT, **framing)
        if fits:
            assert fetched(asker, server, sized=False) == CONTENT
        else:
            with pytest.raises(Unusable) as caught:
                fetched(asker, server, sized=False)
            assert caught.value.failure.kind is Kind.DISK
            assert "half of what is free" in caught.value.failure.said
