"""What does a company's proxy with a list of allowed hosts leave of our ways out?

The rule: a real tinyproxy that knows one host, by plain http and by CONNECT. What
is on the list heals through it; a mirror that is not on it is refused, as the proxy
says, and never asked any other way.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.fetching import (
    CUT_PAGE,
    DROPS,
    NEWEST,
    SIZE,
    assert_healed,
    assert_in_pieces,
    fetch,
    last_line,
    of_pip,
)
from tests.end_to_end.own_server import own_folder, running
from tests.end_to_end.server_software import NotAvailable, tinyproxy
from tests.faults import Authority, FaultServer, Status
from tests.packages import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.own_server import OwnServer

CONFIGURATION = """
Port {port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 60
MaxClients 50
StatHost "ready.test"
LogLevel Connect
Filter "{folder}/allowed"
FilterDefaultDeny Yes
"""
ALLOWED, DENIED = "127.0.0.1", "localhost"


@contextmanager
def strict_proxy() -> Iterator[OwnServer]:
    """Run a tinyproxy that knows one host, or skip."""
    try:
        program = str(tinyproxy())
    except NotAvailable as error:
        pytest.skip(str(error))
    with own_folder() as folder:
        (folder / "allowed").write_text("^127\\.0\\.0\\.1$\n^ready\\.test$\n")

        def argv_on(port: int) -> list[str]:
            configuration = CONFIGURATION.format(port=port, folder=folder)
            (folder / "tinyproxy.conf").write_text(configuration)
            return [program, "-d", "-c", str(folder / "tinyproxy.conf")]

        with running(folder, argv_on, ready="http://ready.test/") as server:
            yield server


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_allowed_heals(scheme: str) -> None:
    """Every new connection takes the proxy's way again."""
    environment = of_pip(NEWEST)
    authority = Authority() if scheme == "https" else None
    with strict_proxy() as proxy, FaultServer(tls=authority, host=ALLOWED) as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        options = ["--proxy", proxy.url]
        if authority is not None:
            options += ["--cert", authority.write_to(environment.home / "authority.pem")]
        server.script = [CUT_PAGE]
        plain = fetch(environment, index.url, *options, armed=False)
        server.script = [DROPS]
        armed = fetch(environment, index.url, *options)
        said = proxy.said

    assert plain.returncode != 0
    assert_healed(armed, environment, held)
    assert_in_pieces(server, held)
    assert said.count("CONNECT 127.0.0.1" if authority else "GET http://127.0.0.1") >= 8


@pytest.mark.parametrize(
    ("scheme", "why"),
    [("http", "HTTP status 403"), ("https", "proxy forbids this host (the proxy answered 403)")],
)
def test_a_spare_that_is_not_allowed_is_never_reached(scheme: str, why: str) -> None:
    """The file host fails for good, and the spare stands behind the proxy's no."""
    environment = of_pip(NEWEST)
    authority = Authority() if scheme == "https" else None
    with (
        strict_proxy() as proxy,
        FaultServer(tls=authority, host=ALLOWED) as server,
        FaultServer(tls=authority, host=DENIED) as spare,
    ):
        index, mirror = Index(server), Index(spare)
        index.add_wheel("demo", "1.0", size=SIZE)
        mirror.add_all(index.distributions)
        server.script = [Status(503).when("*.whl")]
        env = through(proxy, index, mirror)
        if authority is not None:
            env["PIP_CERT"] = authority.write_to(environment.home / "authority.pem")
        done = fetch(environment, index.url, env={**env, "PIP_RESILIENT_PATIENCE": "5"})
        refused = proxy.said.count(f'Proxying refused on filtered domain "{DENIED}"')

    assert done.returncode != 0
    assert spare.log == []
    assert refused == 1
    assert f"Mirrors did not have it either ({DENIED}:{spare.port}: {why})" in last_line(done)


def through(proxy: OwnServer, index: Index, mirror: Index) -> dict[str, str]:
    """Return what sends everything through a proxy, and names a spare for an index."""
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
    spare = {"PIP_RESILIENT_MIRRORS": f"{index.url}={mirror.url}"}
    return {**dict.fromkeys(names, proxy.url), **spare}


def test_a_spare_that_is_allowed_takes_over() -> None:
    environment = of_pip(NEWEST)
    with (
        strict_proxy() as proxy,
        FaultServer(host=ALLOWED) as server,
        FaultServer(host=ALLOWED) as spare,
    ):
        index, mirror = Index(server), Index(spare)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        mirror.add_all(index.distributions)
        server.script = [Status(503).when("*.whl")]
        done = fetch(environment, index.url, env=through(proxy, index, mirror))
        said = proxy.said

    assert done.returncode == 0, done.stderr
    assert spare.bytes_sent(held.path) == len(held.content)
    assert f"GET http://{ALLOWED}:{spare.port}" in said
    assert (environment.work / "out" / held.filename).read_bytes() == held.content
