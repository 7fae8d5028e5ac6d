"""Does healing keep to the way out: through the proxy, under the certificate?

The rule: every connection of ours goes where pip's first one went, through the same
proxy, verified against the same authority, with the same client certificate.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import (
    CUT,
    HALF,
    SIZE,
    assert_healed,
    assert_resumed,
    fetch,
    fetched,
    last_line,
)
from tests.faults import (
    Authority,
    Fault,
    FaultProxy,
    FaultServer,
    Fin,
    HandshakeEof,
    HandshakeSilence,
    HangUp,
    Silence,
)
from tests.packages import Index

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.faults import Scripted
    from tests.servers.wire import Wire

# --- A proxy ---


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_resets_and_cuts(
    oldest_and_newest: Environment, tmp_path: Path, scheme: str
) -> None:
    """Every retry must take the proxy's way again: there is no other out of a company."""
    authority = Authority() if scheme == "https" else None
    size = 4 * SIZE
    with (
        FaultServer(tls=authority, host="localhost") as server,
        FaultProxy(cut=(SIZE, 2 * SIZE)) as proxy,
    ):
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=size)
        proxy.refuse_next(1, None)
        options = ["--proxy", proxy.url]
        if authority is not None:
            options += ["--cert", authority.write_to(tmp_path / "authority.pem")]
        done = fetch(oldest_and_newest, index.url, *options)
        cuts = [seen for seen in proxy.log if seen.cut]
        refused = [seen for seen in proxy.log if seen.status == 0]
        carried = sum(seen.down for seen in proxy.log)

    assert_healed(done, oldest_and_newest, held)
    assert len(refused) == 1
    assert len(cuts) >= 3
    assert server.connections == len(proxy.log) - len(refused)
    assert {seen.host for seen in proxy.log} == {"localhost"}
    assert carried < 1.2 * size


def test_a_proxy_that_answers_502_is_asked_again(oldest_and_newest: Environment) -> None:
    """What a proxy says of a server for a moment is no reason to give up."""
    authority = Authority()
    with FaultServer(tls=authority, host="localhost") as server, FaultProxy() as proxy:
        index = Index(server)
        held = index.add_wheel("demo", "1.0")
        proxy.refuse_next(2, 502)
        certificate = authority.write_to(oldest_and_newest.home / "authority.pem")
        done = fetch(oldest_and_newest, index.url, "--proxy", proxy.url, "--cert", certificate)
        said = [seen.status for seen in proxy.log]

    assert_healed(done, oldest_and_newest, held)
    assert said[:3] == [502, 502, 200]


# --- TLS ---


@pytest.mark.parametrize(
    "fault",
    [
        HandshakeEof().when(first=1),
        HangUp().when(first=1),
        HandshakeSilence().when(first=1),
        CUT,
        Fin(after=HALF, close_notify=False).when("*.whl", method="GET", first=1),
    ],
    ids=["handshake-eof", "hang-up", "handshake-silence", "reset", "cut-without-close-notify"],
)
def test_tls_with_a_ca_of_ones_own_heals(
    oldest_and_newest: Environment, tmp_path: Path, fault: Scripted
) -> None:
    """Each new connection must be verified against `--cert` like the first one."""
    authority = Authority()
    certificate = authority.write_to(tmp_path / "authority.pem")
    with FaultServer(tls=authority, host="localhost") as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [fault]
        env = {"PIP_RESILIENT_CONNECT_TIMEOUT": "0.5"}
        done = fetch(oldest_and_newest, index.url, "--cert", certificate, env=env)

    assert_healed(done, oldest_and_newest, held)
    assert server.bytes_sent(held.path) < 1.2 * SIZE


def test_a_tls_connection_without_an_answer_gets_a_second_one_beside_it(
    oldest_and_newest: Environment, tmp_path: Path
) -> None:
    """Session tickets come first; taken for the answer, they cost the read timeout: a minute."""
    authority = Authority()
    certificate = authority.write_to(tmp_path / "authority.pem")
    with FaultServer(tls=authority, host="localhost") as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0")
        server.script = [Silence(part="headers").when("*/demo/", first=1)]
        began = time.monotonic()
        done = fetch(oldest_and_newest, index.url, "--cert", certificate)
        took = time.monotonic() - began

    assert done.returncode == 0, done.stderr
    assert fetched(oldest_and_newest, held) == held.content
    assert "asking on a second connection" in done.stderr
    assert took < 40


def test_a_certificate_that_changes_ends_the_file(
    oldest_and_newest: Environment, tmp_path: Path
) -> None:
    """A stranger who cuts the first connection must not get to serve the second one."""
    trusted, foreign = Authority(), Authority()
    certificate = trusted.write_to(tmp_path / "trusted.pem")
    with (
        FaultServer(tls=trusted, host="localhost") as server,
        FaultServer(tls=foreign, host="localhost") as stranger,
    ):
        index = Index(server)
        index.add_wheel("demo", "1.0", size=SIZE)
        with FaultProxy() as proxy:

            def lead_elsewhere(_: object) -> bool:
                proxy.routes["localhost", server.port] = ("127.0.0.1", stranger.port)
                return False

            server.script = [Fault().when("*.whl", matching=lead_elsewhere), CUT]
            done = fetch(oldest_and_newest, index.url, "--proxy", proxy.url, "--cert", certificate)

    assert done.returncode != 0
    assert "TLS certificate not accepted" in last_line(done)
    assert stranger.connections == 1
    assert stranger.log == []


class Demanding(Authority):
    """An authority whose servers let nobody in without a certificate of its own."""

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return a context that asks the client for its certificate."""
        context = super().server_context(*names)
        context.verify_mode = ssl.CERT_REQUIRED
        self._authority.configure_trust(context)
        return context

    def write_client(self, path: Path) -> str:
        """Write a client's key and certificate to one file and return its name."""
        issued = self._authority.issue_cert("client.example")
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)


@pytest.mark.parametrize("presented", [True, False], ids=["presented", "missing"])
def test_the_client_certificate_goes_with_every_connection(
    oldest_and_newest: Environment, tmp_path: Path, presented: bool
) -> None:
    """The continuation is a connection of ours: without it the server hangs up."""
    authority = Demanding()
    options = ["--cert", authority.write_to(tmp_path / "authority.pem")]
    if presented:
        options += ["--client-cert", authority.write_client(tmp_path / "client.pem")]
    with FaultServer(tls=authority, host="localhost") as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT]
        env = {"PIP_RESILIENT_PATIENCE": "10" if presented else "2"}
        done = fetch(oldest_and_newest, index.url, *options, env=env)

    if presented:
        assert_healed(done, oldest_and_newest, held)
        assert_resumed(server, held)
        assert server.connections == 2
    else:
        assert done.returncode == 1
        assert server.log == []
        # On TLS 1.3 the alert may be lost behind a reset.
        assert "network failure" in last_line(done)


def test_a_trusted_host_stays_trusted_and_heals(oldest_and_newest: Environment) -> None:
    """It is mounted later than the other adapters, and a company's index needs it."""
    with FaultServer(tls=Authority(), host="localhost") as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT]
        done = fetch(oldest_and_newest, index.url, "--trusted-host", "localhost")

    assert_healed(done, oldest_and_newest, held)
    assert_resumed(server, held)


class HttpOnly(FaultProxy):
    """A proxy that answers a TLS greeting as squid, tinyproxy and most others do: with a 400."""

    def _serve(self, wire: Wire, number: int) -> None:
        if wire.socket.recv(1, socket.MSG_PEEK) == b"\x16":
            wire.read_some()
            wire.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            wire.fin()
        super()._serve(wire, number)


@pytest.mark.parametrize(
    ("said", "proxy_class"),
    [("option", HttpOnly), ("variable", HttpOnly), ("variable", FaultProxy)],
    ids=["option", "variable", "waits-for-a-line"],
)
def test_a_proxy_written_https_is_used_as_http(
    oldest_and_newest: Environment, tmp_path: Path, said: str, proxy_class: type[FaultProxy]
) -> None:
    """It is what systems write into their settings; stock pip then fails with riddles."""
    authority = Authority()
    certificate = authority.write_to(tmp_path / "authority.pem")
    with FaultServer(tls=authority, host="localhost") as server, proxy_class() as proxy:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT]
        wrong = proxy.url.replace("http://", "https://")
        options = ("--proxy", wrong) if said == "option" else ()
        env = {"HTTPS_PROXY": wrong} if said == "variable" else {}
        if proxy_class is FaultProxy:
            env["PIP_RESILIENT_CONNECT_TIMEOUT"] = "1"
        done = fetch(oldest_and_newest, index.url, "--cert", certificate, *options, env=env)
        through = [seen.status for seen in proxy.log]

    assert_healed(done, oldest_and_newest, held)
    assert len([line for line in our_lines(done.stderr) if "using it as http" in line]) == 1
    # One that only waits for more has been asked for a tunnel first, to see what it speaks.
    looks = 1 if proxy_class is FaultProxy else 0
    assert through == [200] * (looks + 2)
    assert server.connections == looks + 2
