"""Does healing work in odd places: behind a proxy, over TLS, without a home, offline?

The rule: a real pip in a real surrounding, one fault, and what the servers saw.
Where this machine cannot offer the surrounding the test skips and says why.
"""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, our_lines
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
    Reset,
    Silence,
    Status,
)
from tests.packages import Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


# --- A bare container ---


def test_without_home_and_without_cache(oldest_and_newest: Environment) -> None:
    """A container's root often has neither, and there the network is often the worst."""
    environment = oldest_and_newest
    with FaultServer() as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT]
        env = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_CACHE_DIR": os.path.join(os.devnull, "pip")}
        pip = ("env", "-u", "HOME", str(environment.executable), "-m", "pip")
        where = ("--no-deps", "--dest", "out", "--index-url", index.url)
        done = environment.run(*pip, "download", *where, "demo", env=env)

    assert_healed(done, environment, held)
    assert_resumed(server, held)


@pytest.mark.parametrize("fails", [False, True], ids=["self-check-well", "self-check-fails"])
def test_pips_look_for_its_own_update_takes_nothing_away(
    environment: Environment, fails: bool
) -> None:
    """It never retries, asks the same host, and from pip 26.1 on it comes first."""
    with FaultServer() as server:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        index.add_wheel("pip", "99")
        server.script = [CUT, Status(503).when("/simple/demo/", first=1)]
        if fails:
            server.script = [*server.script, Status(503).when("/simple/pip/")]
        # Only options reach an isolated pip, so its look for an update is on.
        done = fetch(environment, index.url, "--isolated")

    assert_healed(done, environment, held)
    assert len(server.requests("/simple/pip/")) <= 1
    assert all("/simple/pip/" not in line for line in our_lines(done.stderr))


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
        done = fetch(
            oldest_and_newest, index.url, "--proxy", proxy.url, "--cert", certificate
        )
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
    oldest_and_newest: Environment, tmp_path: Path, fault: Fault
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
        held = index.add_wheel("demo", "1.0", size=SIZE)
        with FaultProxy(cut=(HALF, HALF)) as proxy:
            server.script = [CUT]
            routes = [("localhost", server.port), ("127.0.0.1", stranger.port)]
            where = ("--proxy", proxy.url, "--cert", certificate)
            command = ("download", "--no-deps", "--dest", "out", "--index-url", index.url)
            with switched(proxy, routes[0], routes[1], server, held.path):
                done = oldest_and_newest.pip(*command, *where, "demo")

    assert done.returncode != 0
    assert "TLS certificate not accepted" in last_line(done)
    assert stranger.connections == 1
    assert stranger.log == []


@contextlib.contextmanager
def switched(
    proxy: FaultProxy,
    wanted: tuple[str, int],
    leads_to: tuple[str, int],
    server: FaultServer,
    path: str,
) -> Iterator[None]:
    """Lead the proxy elsewhere once the file is being sent."""
    original = server._answer

    def answer(request: object, wire: object) -> None:
        if getattr(request, "path", "") == path:
            proxy.routes[wanted] = leads_to
        original(request, wire)  # type: ignore[arg-type]

    server._answer = answer  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        server._answer = original  # type: ignore[method-assign]


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
        done = fetch(
            oldest_and_newest, index.url, *options, env={"PIP_RESILIENT_PATIENCE": "2"}
        )

    if presented:
        assert_healed(done, oldest_and_newest, held)
        assert_resumed(server, held)
        assert server.connections == 2
    else:
        assert done.returncode == 1
        assert server.log == []
        assert "TLS" in last_line(done)


# --- Offline ---


def _unshare() -> tuple[str, ...]:
    """Return what starts a command without any network, or skip."""
    command = ("unshare", "--net") if os.getuid() == 0 else ("unshare", "--map-root-user", "--net")
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no network namespaces here: {error}")
    if tried.returncode:
        pytest.skip(f"no network namespaces here: {tried.stderr.decode()}")
    return command


@pytest.mark.parametrize(
    ("host", "patience", "seconds"),
    [("192.0.2.1", "2", 2.0), ("index.example", "150", 20.0)],
    ids=["address", "name"],
)
def test_offline_ends_soon_and_says_so(
    newest: Environment, host: str, patience: str, seconds: float
) -> None:
    """Nobody waits 150 seconds to be told that the cable is out."""
    pip = (*_unshare(), str(newest.executable), "-m", "pip", "download", "--index-url")
    url = f"https://{host}/simple/"
    plain = newest.run(*pip, url, "--retries", "0", "demo", armed=False)
    began = time.monotonic()
    armed = newest.run(*pip, url, "demo", env={"PIP_RESILIENT_PATIENCE": patience})
    took = time.monotonic() - began

    assert plain.returncode == armed.returncode == 1
    assert seconds <= took < seconds + 8
    assert "network unreachable" in last_line(armed), armed.stderr
    assert "check that this machine is online" in last_line(armed)


# --- Ctrl-C ---


@pytest.mark.parametrize("while_", ["waiting", "silent-body", "silent-headers"])
def test_ctrl_c_ends_pip_at_once(
    oldest_and_newest: Environment, server: FaultServer, while_: str
) -> None:
    """Patience that cannot be stopped is a hanging terminal."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    script = {
        "waiting": [Status(503, headers=(("Retry-After", "50"),)).when("/simple/")],
        "silent-body": [Silence(after=1000).when("*.whl")],
        "silent-headers": [Silence(part="headers").when("/simple/")],
    }[while_]
    path = held.path if while_ == "silent-body" else index.page_path("demo")
    ended = []
    for armed in (False, True):
        server.script = script
        before = len(server.requests(path))
        argv = [oldest_and_newest.executable, "-m", "pip", "download", "--index-url", index.url]
        with subprocess.Popen(
            [str(word) for word in [*argv, "demo"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=oldest_and_newest.environ(armed=armed),
            cwd=oldest_and_newest.work,
            start_new_session=True,
            text=True,
        ) as process:
            try:
                server.wait_until(
                    lambda s, n=before + 1 + (armed and while_ == "silent-body"): (
                        len(s.requests(path)) >= n and s.requests(path)[-1].status is not None
                        or while_ == "silent-headers" and len(s.requests(path)) >= n
                    ),
                    timeout=30,
                )
                process.send_signal(signal.SIGINT)
                began = time.monotonic()
                _, err = process.communicate(timeout=20)
                ended.append((process.returncode, err, time.monotonic() - began))
            finally:
                process.kill()
    (plain_code, plain_err, _), (code, err, took) = ended

    assert code == plain_code != 0
    assert "Operation cancelled by user" in plain_err
    assert "Operation cancelled by user" in err
    assert "Traceback" not in err
    assert took < 1.5
