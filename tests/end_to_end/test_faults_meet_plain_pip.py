"""Do the faults harm a pip which has no help?

The rule: a fault that a plain pip survives proves nothing about the plugin. Each
test names the pips that fail, so that a pip which learns to survive shows up
here first. The plugin is not even installed in these environments.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.fetching import NEWEST, SIZE, of_pip
from tests.faults import (
    Authority,
    DropEvery,
    Fault,
    FaultProxy,
    FaultServer,
    Fin,
    FlippedBit,
    Reset,
    Silence,
    Status,
    all_but_each,
)
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.end_to_end.environments import Environment


def plain(pip: str) -> Environment:
    return of_pip(pip, plugin=False)


@pytest.fixture(params=["25.0.1", NEWEST])
def either(request: pytest.FixtureRequest) -> Environment:
    """A plain pip: the last one that never resumes, and the newest one."""
    return plain(request.param)


def installed(
    environment: Environment, index: Index, *options: str
) -> subprocess.CompletedProcess[str]:
    """Let pip install `demo` from the index, beside the environment, which is shared."""
    where = ("--index-url", index.url, "--target", str(environment.home / "installed"))
    common = ("install", "--no-cache-dir", "--timeout", "1", *where)
    return environment.pip(*common, *options, "demo", armed=False)


def test_without_faults_all_is_well(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    done = installed(either, index)

    assert done.returncode == 0, done.stderr
    assert server.bytes_sent(held.path) == len(held.content)


@pytest.mark.parametrize("fault", [Reset(after=300_000), Fin(after=300_000)], ids=["reset", "fin"])
def test_one_cut_is_too_much_for_a_pip_that_does_not_resume(
    server: FaultServer, fault: Fault
) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [fault.when("*.whl", method="GET", first=1)]
    done = installed(plain("25.0.1"), index)

    assert done.returncode != 0
    assert server.ranges(held.path) == [None]


def test_one_cut_is_nothing_to_a_pip_that_resumes(server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Reset(after=300_000).when("*.whl", first=1)]
    done = installed(plain(NEWEST), index)

    assert done.returncode == 0, done.stderr
    assert len(server.ranges(held.path)) == 2


def test_many_cuts_are_too_much_for_either(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DropEvery(50_000)]

    assert installed(either, index).returncode != 0


def test_a_cut_page_is_too_much_for_either(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Reset(after=50).when("/simple/", first=1)]

    assert installed(either, index).returncode != 0


def test_a_silent_page_is_too_much_for_either(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Silence(after=50).when("/simple/", first=1)]

    assert installed(either, index).returncode != 0


def test_a_flipped_bit_is_too_much_for_either(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [FlippedBit(100_000).when("*.whl", first=1)]
    done = installed(either, index)

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_bad_connections_are_too_much_for_either(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Status(502).when(connections=all_but_each(3))]
    done = installed(either, index)

    # pip comes back to the same kept connection, and that stays bad.
    assert done.returncode != 0
    assert server.connections == 1


def test_an_outage_outlasts_either(either: Environment, server: FaultServer) -> None:
    over = threading.Event()
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Status(503).when(until=over)]
    during = installed(either, index, "--retries", "1")
    over.set()

    assert during.returncode != 0
    assert installed(either, index).returncode == 0


def test_an_isolated_build_downloads_its_backend(either: Environment, server: FaultServer) -> None:
    index = Index(server)
    backend = index.add_backend()
    index.add_sdist("demo", "1.0")
    done = installed(either, index)

    assert done.returncode == 0, done.stderr
    assert server.bytes_sent(backend.path) == len(backend.content)


def test_a_cut_in_an_isolated_build_is_too_much(server: FaultServer) -> None:
    index = Index(server)
    index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0")
    server.script = [Reset(after=300_000).when("tinybackend*.whl", first=1)]

    assert installed(plain("25.0.1"), index).returncode != 0


def test_pypi_can_be_played_by_its_own_names(either: Environment, tmp_path: Path) -> None:
    hosts = either.python(
        "from pip._internal.models.index import PyPI\n"
        "print(PyPI.netloc, PyPI.file_storage_domain, PyPI.simple_url)",
        armed=False,
    )
    pages_host, files_host, simple_url = hosts.stdout.split()
    authority = Authority()
    with (
        FaultServer(tls=authority, names=[pages_host]) as pages,
        FaultServer(tls=authority, names=[files_host]) as files,
        FaultProxy(
            routes={
                (pages_host, 443): ("127.0.0.1", pages.port),
                (files_host, 443): ("127.0.0.1", files.port),
            }
        ) as proxy,
    ):
        index = Index(
            pages, files, pages_url=f"https://{pages_host}", files_url=f"https://{files_host}"
        )
        held = index.add_wheel("demo", "1.0", size=SIZE)
        certificate = authority.write_to(tmp_path / "authority.pem")
        done = installed(either, index, "--proxy", proxy.url, "--cert", certificate)

        assert done.returncode == 0, done.stderr
        assert index.url.rstrip("/") == simple_url
        assert files.bytes_sent(held.path) == len(held.content)
        assert {seen.host for seen in proxy.log} == {pages_host, files_host}
