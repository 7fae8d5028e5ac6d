"""Is the size that an index names of use where a file comes without a length (PEP 700)?"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.session.pages import Page
from pip_resilient.settings import Settings
from tests.faults import DropEvery, FaultServer, Silence
from tests.pip_in_process import CALM, hooked_pip

if TYPE_CHECKING:
    from tests.pip_in_process import HookedPip

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = "/files/demo-1.0-py3-none-any.whl"
FRAMINGS: list[dict[str, Any]] = [{"chunked": True}, {"close_delimited": True}]
each_framing = pytest.mark.parametrize("framing", FRAMINGS, ids=["chunked", "until-close"])


def pass_page(pip: HookedPip, url: str, size: int, sha256: str = SHA256) -> None:
    entry = {"filename": "x", "url": url, "hashes": {"sha256": sha256}, "size": size}
    content = json.dumps({"meta": {"api-version": "1.1"}, "files": [entry]}).encode()
    kind = "application/vnd.pypi.simple.v1+json"
    pip.run.pages.passed(Page("https://index.example/simple/demo/", kind, content))


def test_a_file_ends_where_the_index_says_though_the_connection_stays_open() -> None:
    """Some proxies of HTTP/1.0 leave it open: nobody is to wait for its end."""
    script = [Silence(after=len(CONTENT))]
    calm = hooked_pip(settings=Settings(), stall=CALM)
    with FaultServer(script=script) as server, calm as pip:
        url = server.put(PATH, CONTENT, close_delimited=True)
        pass_page(pip, url, len(CONTENT))

        assert pip.download(url, SHA256) == CONTENT
        assert len(server.requests(PATH)) == 1
        assert pip.said == pip.surprises == []


@each_framing
def test_a_cut_is_known_for_one_at_once(framing: dict[str, Any]) -> None:
    """And how much of it was there is told."""
    script = [DropEvery(40_000, by="fin")]
    calm = hooked_pip(settings=Settings(), stall=CALM)
    with FaultServer(script=script) as server, calm as pip:
        url = server.put(PATH, CONTENT, **framing)
        pass_page(pip, url, len(CONTENT))

        assert pip.download(url, SHA256) == CONTENT
        assert "40.0/102.4 kB" in pip.said[0]
        assert server.ranges(PATH) == [None, "bytes=40000-", "bytes=80000-"]


@each_framing
def test_a_size_beside_another_digest_is_of_other_bytes(framing: dict[str, Any]) -> None:
    """What the link itself names is believed."""
    with FaultServer() as server, hooked_pip() as pip:
        url = server.put(PATH, CONTENT, **framing)
        pass_page(pip, url, 10, hashlib.sha256(b"other").hexdigest())

        assert pip.download(url, SHA256) == CONTENT
        assert len(server.requests(PATH)) == 1


@each_framing
def test_a_size_is_that_of_the_plain_file(framing: dict[str, Any]) -> None:
    """Some servers compress what nobody asked them to."""
    wire = gzip.compress(CONTENT, mtime=0)
    sha256 = hashlib.sha256(wire).hexdigest()
    with FaultServer() as server, hooked_pip() as pip:
        url = server.put(PATH, wire, headers={"Content-Encoding": "gzip"}, **framing)
        pass_page(pip, url, len(CONTENT), sha256)

        assert pip.download(url, sha256) == wire
        assert len(server.requests(PATH)) == 1


@each_framing
@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_size_that_is_wrong_costs_time_and_not_the_file(
    framing: dict[str, Any], wrong: int
) -> None:
    """Plain pip looks at the digest alone, and is content."""
    with FaultServer() as server, hooked_pip() as pip:
        url = server.put(PATH, CONTENT, **framing)
        pass_page(pip, url, len(CONTENT) + wrong)

        assert pip.download(url, SHA256) == CONTENT
        assert pip.surprises == []


def test_a_size_that_is_wrong_does_not_hide_wrong_bytes() -> None:
    """The digest is the judge, whatever else was wrong."""
    with FaultServer() as server, hooked_pip() as pip:
        url = server.put(PATH, CONTENT[:-1] + b"?", chunked=True)
        pass_page(pip, url, len(CONTENT) + 1)
        with pytest.raises(pip.run.stack.wrong_bytes):
            pip.download(url, SHA256)
