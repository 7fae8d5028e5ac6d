"""Does the proxy carry what it should, and cut and refuse where it should?

The rule: what the proxy does not spoil on purpose arrives as it was sent, and
any host name can be played by a local server.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.faults import Authority, FaultProxy, FaultServer, Reset, Silence, Status, refused_port
from tests.servers.client import CONTENT, LONG, SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "files.index.example"


@contextlib.contextmanager
def tunnelled(
    proxy: FaultProxy,
    authority: Authority,
    headers: dict[str, str] | None = None,
    timeout: float = LONG,
) -> Iterator[http.client.HTTPSConnection]:
    """Yield a connection through the proxy to a host that does not exist."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", proxy.port, timeout=timeout, context=authority.client_context()
    )
    connection.set_tunnel(HOST, 443, headers or {})
    with contextlib.closing(connection):
        yield connection


def fetched(connection: http.client.HTTPConnection, url: str = "/file") -> bytes:
    connection.request("GET", url)
    with connection.getresponse() as response:
        return response.read()


def broken() -> contextlib.AbstractContextManager[object]:
    """Expect the body not to arrive whole."""
    return pytest.raises((OSError, http.client.HTTPException))


@pytest.fixture
def played(authority: Authority) -> Iterator[FaultServer]:
    """A TLS server with a certificate for the invented host."""
    with FaultServer(tls=authority, names=[HOST]) as server:
        server.put("/file", CONTENT)
        yield server


@pytest.fixture
def proxy(played: FaultServer) -> Iterator[FaultProxy]:
    with FaultProxy(routes={(HOST, 443): ("127.0.0.1", played.port)}) as running:
        yield running


def test_a_tunnel_leads_to_the_server_that_plays_the_host(
    proxy: FaultProxy, played: FaultServer, authority: Authority
) -> None:
    with tunnelled(proxy, authority) as connection:
        assert fetched(connection) == CONTENT

    assert [(seen.method, seen.host, seen.port) for seen in proxy.log] == [("CONNECT", HOST, 443)]
    assert played.log[0].header("Host") == HOST
    assert proxy.log[0].down > len(CONTENT)


def test_one_tunnel_carries_several_requests(
    proxy: FaultProxy, played: FaultServer, authority: Authority
) -> None:
    with tunnelled(proxy, authority) as connection:
        bodies = [fetched(connection) for _ in range(3)]

    assert bodies == [CONTENT] * 3
    assert (proxy.connections, played.connections) == (1, 1)


def test_plain_requests_are_forwarded(server: FaultServer) -> None:
    with FaultProxy(routes={("plain.example", 80): ("127.0.0.1", server.port)}) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=LONG)
        with contextlib.closing(connection):
            assert fetched(connection, "http://plain.example/file?x=1") == CONTENT

        assert [(seen.method, seen.host) for seen in proxy.log] == [("GET", "plain.example")]
    assert server.log[0].path == "/file"
    assert server.log[0].header("Host") == "plain.example"


def test_a_password_is_wanted(proxy: FaultProxy, authority: Authority, played: FaultServer) -> None:
    with FaultProxy(require=("me", "secret"), routes=proxy.routes) as strict:
        with tunnelled(strict, authority) as connection, pytest.raises(OSError, match="407"):
            fetched(connection)
        token = base64.b64encode(b"me:secret").decode()
        allowed = {"Proxy-Authorization": f"Basic {token}"}
        with tunnelled(strict, authority, allowed) as connection:
            assert fetched(connection) == CONTENT

        assert [seen.status for seen in strict.log] == [407, 200]
        assert [seen.authorization for seen in strict.log] == [None, f"Basic {token}"]
    assert played.log[0].header("Proxy-Authorization") is None


def test_the_next_tunnels_are_refused(proxy: FaultProxy, authority: Authority) -> None:
    proxy.refuse_next(2, status=503)
    for _ in range(2):
        with tunnelled(proxy, authority) as connection, pytest.raises(OSError, match="503"):
            fetched(connection)
    with tunnelled(proxy, authority) as connection:
        assert fetched(connection) == CONTENT


def test_the_next_tunnels_are_reset(proxy: FaultProxy, authority: Authority) -> None:
    proxy.refuse_next(1, status=None)
    with tunnelled(proxy, authority) as connection, pytest.raises(ConnectionResetError):
        fetched(connection)

    assert proxy.log[0].cut


def test_a_host_that_refuses_is_a_502(authority: Authority) -> None:
    with (
        refused_port() as port,
        FaultProxy(routes={(HOST, 443): ("127.0.0.1", port)}) as proxy,
        tunnelled(proxy, authority) as connection,
        pytest.raises(OSError, match="502"),
    ):
        fetched(connection)


def test_a_closed_proxy_leads_nowhere_but_to_its_routes_and_the_loopback(
    authority: Authority, server: FaultServer
) -> None:
    """What is played must not be able to ask the real one by accident."""
    with FaultProxy(outside=False) as proxy:
        with tunnelled(proxy, authority) as connection, pytest.raises(OSError, match="502"):
            fetched(connection)
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=LONG)
        with contextlib.closing(connection):
            assert fetched(connection, f"{server.url}/file") == CONTENT

    assert [(seen.host, seen.status) for seen in proxy.log] == [(HOST, 502), ("127.0.0.1", 200)]


def test_cuts_follow_from_the_seed(played: FaultServer, authority: Authority) -> None:
    routes = {(HOST, 443): ("127.0.0.1", played.port)}
    cuts = []
    for _ in range(2):
        with FaultProxy(cut=(10_000, 60_000), seed=7, routes=routes) as proxy:
            for _ in range(3):
                with tunnelled(proxy, authority) as connection, broken():
                    fetched(connection)
            cuts.append([seen.down for seen in proxy.log])
            assert all(seen.cut for seen in proxy.log)

    assert cuts[0] == cuts[1]
    assert len(set(cuts[0])) == 3
    assert all(10_000 <= down <= 60_000 for down in cuts[0])


def test_the_servers_own_faults_come_through(
    proxy: FaultProxy, played: FaultServer, authority: Authority
) -> None:
    played.script = [Reset(after=1000).when(first=1), Status(502).when(first=1)]
    with tunnelled(proxy, authority) as connection, broken():
        fetched(connection)
    with tunnelled(proxy, authority) as connection:
        fetched(connection)

    assert [seen.status for seen in played.log] == [200, 502]


def test_a_stop_ends_tunnels_that_say_nothing(played: FaultServer, authority: Authority) -> None:
    played.script = [Silence(after=1000)]
    with contextlib.ExitStack() as stack:
        with FaultProxy(routes={(HOST, 443): ("127.0.0.1", played.port)}) as proxy:
            connection = stack.enter_context(tunnelled(proxy, authority, timeout=SHORT))
            with pytest.raises(socket.timeout):
                fetched(connection)
            tunnel = f"connection 1 of {proxy.port}"
            assert tunnel in {thread.name for thread in threading.enumerate()}

        assert tunnel not in {thread.name for thread in threading.enumerate()}
