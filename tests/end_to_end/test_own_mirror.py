"""Does an install finish when the user's own index, a public full mirror, does not serve?

The rule: what it mirrors is PyPI, so PyPI can make up for it. But a page of PyPI's next
to that of a further index would be a merge of two indexes that nobody asked for; there
pip gets to see what the mirror said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import is_older
from tests.faults import FaultServer, HangUp, Status, too_many_requests
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedMirror, PlayedPyPI
    from tests.faults import Request, Scripted
    from tests.packages import Distribution

OWN = "https://mirrors.aliyun.com/pypi/simple/"


def _is_pip(request: Request) -> bool:
    return (request.header("User-Agent") or "").startswith("pip/")


PAGE_FAULTS: dict[str, Scripted] = {
    "refuses-pip": Status(403).when("/pypi/simple/", matching=_is_pip),
    "429": too_many_requests(600).when("/pypi/simple/"),
    "503": Status(503).when("/pypi/simple/"),
    "dead": HangUp().when(),
}


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=100_000)


@pytest.fixture
def own(pypi: PlayedPyPI, held: Distribution) -> PlayedMirror:
    return pypi.mirror("mirrors.aliyun.com", "/pypi")


def download(
    environment: Environment,
    pypi: PlayedPyPI,
    *options: str,
    armed: bool = True,
    patience: str = "10",
) -> subprocess.CompletedProcess[str]:
    common = ("download", "--no-deps", "--dest", "out", "--index-url", OWN)
    env = {"PIP_RESILIENT_PATIENCE": patience} if armed else {}
    arguments = (*common, *options, "demo")
    return pypi.pip(environment, *arguments, armed=armed, by_options=False, env=env)


def downloaded(environment: Environment, held: Distribution) -> bytes:
    return (environment.work / "out" / held.filename).read_bytes()


@pytest.mark.parametrize("how", PAGE_FAULTS)
def test_a_page_that_it_does_not_give_comes_from_pypi(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    own: PlayedMirror,
    held: Distribution,
    how: str,
) -> None:
    own.server.script = [PAGE_FAULTS[how]]
    done = download(oldest_and_newest, pypi)

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert len(pypi.pages.requests("/simple/demo/")) == 1
    assert 1 <= own.server.connections <= 3
    assert any("PyPI" in line for line in our_lines(done.stderr))
    assert our_lines(done.stdout) == []


@pytest.mark.parametrize("how", ["refuses-pip", "dead"])
def test_beside_a_private_index_its_page_fails_as_with_plain_pip(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    own: PlayedMirror,
    held: Distribution,
    how: str,
) -> None:
    """Else a name of that index could be looked up, and found, on PyPI."""
    with FaultServer() as private:
        Index(private).add_wheel("own", "1.0")
        beside = ("--extra-index-url", f"{private.url}/simple/")
        own.server.script = [PAGE_FAULTS[how]]
        done = download(oldest_and_newest, pypi, *beside, patience="2")
        plain = download(oldest_and_newest, pypi, *beside, "--retries", "0", armed=False)

    assert done.returncode == plain.returncode == 1, done.stderr
    assert pypi.pages.log == []
    assert pypi.files.log == []


@pytest.mark.parametrize("private_beside", [False, True], ids=["alone", "beside-a-private-one"])
def test_a_file_that_it_lists_and_has_not_got_comes_from_pypi(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    own: PlayedMirror,
    held: Distribution,
    private_beside: bool,
) -> None:
    """By its digest, so it cannot be another file; and its name was PyPI's to begin with."""
    with FaultServer() as private:
        Index(private).add_wheel("own", "1.0")
        beside = ("--extra-index-url", f"{private.url}/simple/") if private_beside else ()
        own.server.remove(f"/pypi{held.path}")
        done = download(oldest_and_newest, pypi, *beside)

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert pypi.pages.log == []
    assert len(pypi.files.requests(held.path)) == 1


def test_metadata_that_it_lists_and_has_not_got_comes_from_pypi(
    newest: Environment, pypi: PlayedPyPI, own: PlayedMirror, held: Distribution
) -> None:
    """Stock pip ends there with an HTTP error."""
    own.server.remove(f"/pypi{held.path}.metadata")
    done = download(newest, pypi)

    assert not is_older(newest, 23)
    assert done.returncode == 0, done.stderr
    assert downloaded(newest, held) == held.content
    assert [seen.path for seen in pypi.files.log] == [held.path + ".metadata"]
    assert pypi.pages.log == []


def test_a_project_that_it_has_not_got_is_not_looked_for(
    oldest_and_newest: Environment, pypi: PlayedPyPI, own: PlayedMirror
) -> None:
    """A 404 for a page is an answer, whoever gives it."""
    own.server.remove("/pypi/simple/demo/")
    done = download(oldest_and_newest, pypi)

    assert done.returncode == 1
    assert pypi.pages.log == []


PLAIN = "http" + OWN[5:]


@pytest.mark.parametrize("missing", ["page", "file"])
def test_by_plain_http_it_is_that_mirror_too(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution, missing: str
) -> None:
    """So it stands in many guides; what PyPI says comes by https, and the file by its digest."""
    with FaultServer() as server:
        host = "mirrors.aliyun.com"
        pypi.proxy.routes[host, 80] = ("127.0.0.1", server.port)
        url = f"http://{host}"
        Index(server, pages_url=url, files_url=url, prefix="/pypi").add_all([held])
        path = "/pypi/simple/" if missing == "page" else "*.whl*"
        server.script = [Status(503).when(path)]
        options = ("--no-deps", "--dest", "out", "--index-url", PLAIN, "--trusted-host", host)
        env = {"PIP_RESILIENT_PATIENCE": "10"}
        done = pypi.pip(oldest_and_newest, "download", *options, "demo", env=env)

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert len(pypi.pages.requests("/simple/demo/")) == (missing == "page")
    assert len(pypi.files.requests(held.path)) == 1
