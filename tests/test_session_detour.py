"""Does pip get from a declared spare what its own host does not give, and only what is right?

The rule: an index and its spare on two real servers; pip's own session asks for
pages, its own Downloader for files. Both hold the same unless it is said.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.events import AskedElsewhere, PageElsewhere, Quarantined, ServedElsewhere
from pip_resilient.policy.failure import Kind
from tests.faults import (
    Authority,
    FaultServer,
    Fin,
    OtherContent,
    Reset,
    Silence,
    Status,
)
from tests.packages import Index, wheel
from tests.pip_in_process import QUICK, HookedPip, clean_errors, hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults import Seen
    from tests.packages import Distribution

SIZE = 300_000
HALF = SIZE // 2


@dataclass
class World:
    """An index and the spare that is declared for it.

    Attributes:
        origin: The server of the index.
        spare: That of its spare.
        index: The index, which pip is given.
        other: What stands in for it.
        held: A file that both hold.
    """

    origin: FaultServer
    spare: FaultServer
    index: Index
    other: Index
    held: Distribution

    @property
    def page_url(self) -> str:
        return f"{self.index.url}demo/"

    def page_requests(self, server: FaultServer) -> list[Seen]:
        return server.requests("/simple/demo/")


@contextlib.contextmanager
def a_world(tls: Authority | None = None, digests: bool = True) -> Iterator[World]:
    with FaultServer(tls=tls) as first, FaultServer(tls=tls) as second:
        index, other = Index(first, digests=digests), Index(second, digests=digests)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        other.add_all(index.distributions)
        yield World(first, second, index, other, held)


@contextlib.contextmanager
def a_pip(
    world: World, state: Path | None = None, mirrors: str | None = None, **settings: float
) -> Iterator[HookedPip]:
    """Hook a pip whose index is the first; `mirrors` is what the user says of others."""
    said = f"{world.index.url}={world.other.url}" if mirrors is None else mirrors
    with hooked_pip(settings=QUICK._replace(mirrors=(said,), **settings)) as pip:
        pip.options["index_urls"] = [world.index.url]
        pip.run.state_dir = None if state is None else str(state)
        yield pip
        assert pip.surprises == []


@contextlib.contextmanager
def a_third(world: World, tls: Authority) -> Iterator[Index]:
    """Lend another spare that holds the same."""
    with FaultServer(tls=tls) as server:
        index = Index(server)
        index.add_all(world.index.distributions)
        yield index


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.fixture
def pip(world: World) -> Iterator[HookedPip]:
    with a_pip(world) as hooked:
        yield hooked


def file_of(world: World, pip: HookedPip) -> bytes:
    """Download the file as pip does that has read the page before."""
    pip.page(world.page_url)
    return pip.download(world.held.url, world.held.sha256)


def logins(server: FaultServer) -> set[str | None]:
    return {one.header("Authorization") for one in server.log}


def happened(pip: HookedPip, kind: type[Any]) -> list[Any]:
    return [one for one in pip.run.happened if type(one) is kind]


def test_while_the_index_answers_the_spare_hears_nothing(world: World, pip: HookedPip) -> None:
    """Who declares a spare does not tell it what they install."""
    assert file_of(world, pip) == world.held.content
    assert world.spare.log == []
    assert not pip.run.knows_mirrors


# Pages.


def test_a_page_comes_from_the_spare(world: World, pip: HookedPip) -> None:
    """It is read as the index's own would be."""
    world.origin.script = [Status(503)]
    page = pip.page(world.page_url)

    assert world.held.sha256.encode() in page
    assert len(world.page_requests(world.spare)) == 1
    (told,) = happened(pip, PageElsewhere)
    assert (told.url, told.stale) == (world.page_url, False)


def test_the_spare_s_own_login_goes_to_the_spare_alone(world: World) -> None:
    """It names the user, and whoever else hears it may use it."""
    with_login = world.other.url.replace("//", "//me:secret@")
    world.origin.script = [Status(503)]
    with a_pip(world, mirrors=f"{world.index.url}={with_login}") as pip:
        pip.page(world.page_url)
        (there,) = world.other.distributions
        got = pip.download(there.url, there.sha256)

    assert got == there.content
    assert logins(world.spare) == {"Basic " + base64.b64encode(b"me:secret").decode()}
    assert logins(world.origin) == {None}


def test_where_nobody_has_it_the_host_itself_is_complained_of(world: World, pip: HookedPip) -> None:
    """The user knows that one; and each was asked."""
    world.origin.script = world.spare.script = [Status(503)]
    with pytest.raises(clean_errors()) as raised:
        pip.page(world.page_url)

    assert world.page_url in str(raised.value)
    assert world.spare.log
    (asked, *_) = happened(pip, AskedElsewhere)
    assert asked.failure.kind is Kind.STATUS


def test_none_is_nobody(world: World) -> None:
    """Who forbids it is obeyed, whatever fails."""
    world.origin.script = [Status(503)]
    with a_pip(world, mirrors="none") as pip:
        with pytest.raises(clean_errors()):
            pip.page(world.page_url)

        assert happened(pip, AskedElsewhere) == []
    assert world.spare.log == []


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("what", ["*/demo/", "*.whl"])
def test_a_refusal_of_the_users_own_index_is_an_answer(
    world: World, pip: HookedPip, what: str, status: int
) -> None:
    """What it has taken away must not come back from somebody else."""
    world.origin.script = [Status(status).when(what)]
    with pytest.raises(clean_errors()):
        file_of(world, pip)

    assert world.spare.log == []


# Files.


def test_a_file_comes_from_the_spare(world: World, pip: HookedPip) -> None:
    """Its digest, which the index named, is what makes it right."""
    world.origin.script = [Status(503).when("*.whl")]

    assert file_of(world, pip) == world.held.content
    (told,) = happened(pip, ServedElsewhere)
    assert (told.what, told.length) == ("file", len(world.held.content))


def test_the_rest_of_a_file_comes_from_the_spare(world: World, pip: HookedPip) -> None:
    """What has come is not brought again."""
    world.origin.script = [Fin(HALF).when("*.whl", first=1), Status(503).when("*.whl")]

    assert file_of(world, pip) == world.held.content
    assert world.spare.ranges(world.held.path) == [f"bytes={HALF}-"]
    (told,) = happened(pip, ServedElsewhere)
    assert told.length == len(world.held.content) - HALF


def test_a_host_that_falls_silent_is_left_for_the_spare(world: World) -> None:
    """Long before the user would have given up on it."""
    world.origin.script = [
        Silence(HALF).when("*.whl", first=1),
        Silence(0, "headers").when("*.whl"),
    ]
    with a_pip(world, read_timeout=60.0) as pip:
        assert file_of(world, pip) == world.held.content
        (asked,) = happened(pip, AskedElsewhere)

    assert asked.failure.kind is Kind.SILENT
    assert world.spare.ranges(world.held.path) == [f"bytes={HALF}-{len(world.held.content) - 1}"]


@pytest.mark.parametrize("begun", [0, HALF])
def test_wrong_bytes_of_the_spare_never_reach_pip(world: World, pip: HookedPip, begun: int) -> None:
    """pip would install whatever it served."""
    gone = [Status(503).when("*.whl")]
    world.origin.script = [*([Fin(begun).when("*.whl", first=1)] if begun else []), *gone]
    world.spare.script = [OtherContent(bytes(len(world.held.content))).when("*.whl")]
    with pytest.raises(clean_errors()):
        file_of(world, pip)

    (told,) = happened(pip, Quarantined)
    assert told.expected == world.held.sha256
    assert happened(pip, ServedElsewhere) == []


def test_wrong_bytes_of_the_index_are_asked_of_the_spare(world: World, pip: HookedPip) -> None:
    """What a broken cache before it serves, it serves again."""
    wrong = bytes(len(world.held.content))
    world.origin.script = [OtherContent(wrong).when("*.whl")]

    assert file_of(world, pip) == world.held.content
    (asked,) = happened(pip, AskedElsewhere)
    assert asked.failure.kind is Kind.WRONG_BYTES
    assert len(world.spare.requests(world.held.path)) == 1


def test_a_file_without_a_digest_is_nobody_elses() -> None:
    """Nothing would tell right bytes from wrong ones."""
    with a_world(digests=False) as world, a_pip(world) as pip:
        world.origin.script = [Status(503).when("*.whl")]
        pip.page(world.page_url)
        with pytest.raises(clean_errors()):
            pip.download(world.held.url)

        assert world.spare.requests(world.held.path) == []


FORGED = wheel("demo", "1.0", seed=666)
FORGED_SHA256 = hashlib.sha256(FORGED).hexdigest()
SPELLINGS = {
    "as-it-is": "http://{0}{1}",
    "with-userinfo": "http://x@{0}{1}",
    "with-dots": "http://{0}/a/..{1}",
    "quoted": "http://{0}/%70ackages{2}",
}


def lay_claim(world: World, url: str, more: str = "") -> None:
    """Let the spare's page name a file of another host, by the digest of a forged one."""
    lure = f"/x/{world.held.filename}"
    world.spare.put(lure, FORGED)
    world.spare.put(lure + ".metadata", FORGED)
    links = "".join(f'<a href="{one}#sha256={FORGED_SHA256}"{more}>x</a>' for one in (lure, url))
    page = f"<html><title>Links for demo</title>{links}</html>".encode()
    world.spare.put("/simple/demo/", page, content_type="text/html")
    world.origin.script = [Status(503)]


@pytest.mark.parametrize("beside", ["", ".metadata"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spare_cannot_pass_its_bytes_off_as_a_file_of_another_host(
    world: World, pip: HookedPip, spelling: str, beside: str
) -> None:
    """It would name the digest, serve the bytes, and have them kept under that host's URL."""
    place = f"127.0.0.1:{world.origin.port}"
    path = world.held.path
    url = SPELLINGS[spelling].format(place, path, path[len("/packages") :])
    lay_claim(world, url, f' data-core-metadata="sha256={FORGED_SHA256}"')
    page = pip.page(world.page_url)
    with pytest.raises(clean_errors()):
        pip.download(world.held.url + beside, FORGED_SHA256)

    assert FORGED_SHA256.encode() in page
    assert page.count(b"core-metadata") == 1, "that of its own file"
    assert [one for one in world.spare.log if "/x/" in one.path] == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pip's cache
@pytest.mark.parametrize("by", ["the spare", "the index"])
def test_what_only_a_spare_says_of_a_url_is_not_kept_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Its own word would outlive it, in pip's cache, for ever."""
    authority = Authority()
    with a_world(authority) as world, a_third(world, authority) as third:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.write_to(tmp_path / "ca.pem"))
        mirrors = f"{world.index.url}={world.other.url} {world.index.url}={third.url}"
        options = {"cache": str(tmp_path / "cache")}
        held = world.held if by == "the index" else world.other.distributions[0]
        with a_pip(world, tmp_path / "state", mirrors) as pip:
            pip.options.update(options)
            world.origin.script = [] if by == "the index" else [Reset(0)]
            pip.page(world.page_url)
            world.origin.script = [Reset(0)]
            world.spare.script = [Status(503).when("*.whl")]
            got = pip.download(held.url, held.sha256)

        assert got == held.content
        kept = [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
        there = any(held.content[HALF : HALF + 64] in one.read_bytes() for one in kept)
        assert there == (by == "the index")
    # pip's cache leaves the temporary file of an answer that is not read to the collector,
    # which must not meet it in another test.
    del pip
    gc.collect()


# What is remembered.


def test_a_dead_host_is_found_out_once(world: World, pip: HookedPip) -> None:
    """Each package would wait for it again."""
    world.index.add_wheel("second", "1.0")
    world.other.add_all(world.index.distributions[1:])
    world.origin.script = [Reset(0)]
    pip.page(world.page_url)
    before = len(world.origin.log)
    page = pip.page(f"{world.index.url}second/")

    assert b"second-1.0" in page
    assert len(world.origin.log) == before


def test_the_next_run_still_knows(world: World, tmp_path: Path) -> None:
    """Of fifty pips of one build, one finds out that the host is dead."""
    world.origin.script = [Reset(0)]
    with a_pip(world, tmp_path) as pip:
        pip.page(world.page_url)
    before = len(world.origin.log)
    with a_pip(world, tmp_path) as pip:
        page = pip.page(world.page_url)

    assert world.held.sha256.encode() in page
    assert before > 0
    assert len(world.origin.log) == before


def test_a_host_that_works_again_is_asked_again(world: World, tmp_path: Path) -> None:
    """A spare that has served once would be the index from then on."""
    world.origin.script = [Reset(0)]
    with a_pip(world, tmp_path) as pip:
        pip.page(world.page_url)
        world.origin.script = []
        pip.run.memory.now = pip.run.memory.hosts._now = lambda: time.time() + 40.0
        before = len(world.origin.log)
        pip.page(world.page_url)
        pip.page(world.page_url)

    assert len(world.origin.log) == before + 2
    assert len(world.page_requests(world.spare)) == 1


# The index's own last good page.


@pytest.fixture
def verified(tmp_path: Path) -> Iterator[tuple[World, str]]:
    """A world over TLS, and the CA bundle that knows it."""
    authority = Authority()
    with a_world(authority) as world:
        yield world, authority.write_to(tmp_path / "ca.pem")


def test_a_page_that_the_index_served_before_is_shown_again(
    verified: tuple[World, str], tmp_path: Path
) -> None:
    """Its age is told; the files on it may still be there."""
    world, bundle = verified
    with a_pip(world, tmp_path / "state", "none") as pip:
        fresh = pip.page(world.page_url, bundle)
    world.origin.script = [Status(503)]
    with a_pip(world, tmp_path / "state", "none") as pip:
        again = pip.page(world.page_url, bundle)
        (told,) = happened(pip, PageElsewhere)

    assert world.held.sha256.encode() in fresh
    assert world.held.sha256.encode() in again
    assert told.stale
    assert told.age < 60.0


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # pip itself does not show it
@pytest.mark.parametrize("why", ["not verified", "not wanted", "too old", "with a login"])
def test_a_page_that_may_not_be_shown_again_is_not(
    verified: tuple[World, str], tmp_path: Path, why: str
) -> None:
    """An attacker's, or somebody else's private one, would be kept for the day that it counts."""
    world, bundle = verified
    stale = {"not wanted": 0.0, "too old": 1e-9}.get(why, 86400.0)
    login = {"Authorization": "Basic bWU6c2VjcmV0"} if why == "with a login" else {}
    for script in ([], [Status(503)]):
        world.origin.script = script
        with a_pip(world, tmp_path / "state", "none", stale=stale) as pip:
            if why == "not verified":
                pip.options["trusted_hosts"] = [f"127.0.0.1:{world.origin.port}"]
            with pytest.raises(clean_errors()) if script else contextlib.nullcontext():
                pip.page(world.page_url, bundle, **login)

            assert happened(pip, PageElsewhere) == []
