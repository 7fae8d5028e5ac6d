"""Is a file taken from another source only where it is the right one, and found where it lies?"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.mirrors.group import Asked
from pip_resilient.policy.digests import Digest, Verification
from pip_resilient.policy.failure import Kind
from pip_resilient.session import drain as drain_module
from pip_resilient.session.elsewhere import Unusable, WrongThere
from pip_resilient.session.spare_files import FileFetch, WrongBefore
from tests.elsewhere_in_process import Asker, source_of
from tests.faults import (
    Authority,
    FaultServer,
    Fin,
    RangeIgnored,
    Reset,
    Silence,
    Status,
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
PAGE = "/simple/demo/"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "_SILENCE", 0.3)
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
    asker: Asker, server: FaultServer, before: bytes = b"", what: str = "file", last: bool = True
) -> bytes:
    verification = Verification([Digest("sha256", hashlib.sha256(CONTENT).hexdigest(), "x")])
    verification.update(before)
    asked = Asked(what, "other", "https://origin.example/simple/", "demo", NAME)
    fetch = FileFetch(asker.exchange, asker.elsewhere, asked, verification, len(CONTENT))
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


def test_it_is_known_whose_bytes_were_wrong() -> None:
    """The source is not blamed for what came before it."""
    with FaultServer() as server, asking() as asker:
        put_page(server, NAME)
        server.put(PAGE + NAME, CONTENT)
        with pytest.raises(WrongBefore):
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
