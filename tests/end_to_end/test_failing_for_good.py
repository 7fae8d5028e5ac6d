"""What does a pip say and return that cannot succeed?

The rule: the exit code is plain pip's; the last line is ours, and names the cause
where pip's own words mislead. What is an answer stays pip's business.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import NEWEST, fetch, last_line, of_pip
from tests.faults import Authority, FaultProxy, FaultServer, Status, refused_port
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NEITHER = "this was neither a network failure nor a missing package: "
OURS = re.compile(r"WARNING: pip-resilient: [ -~]+")


# The resolver's answer for a name that nobody has, wherever this test runs.
NO_SUCH_NAME = """
import socket

_resolve = socket.getaddrinfo


def getaddrinfo(host, *arguments, **options):
    if str(host).endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _resolve(host, *arguments, **options)


socket.getaddrinfo = getaddrinfo
"""


def both(
    environment: Environment, url: str, *options: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """Run plain and armed pip one after the other, neither with much patience."""
    plain = fetch(environment, url, "--retries", "1", *options, armed=False, env=env)
    armed = fetch(environment, url, *options, env={**env, "PIP_RESILIENT_PATIENCE": "0.2"})
    return plain, armed


def assert_fails_alike(
    plain: subprocess.CompletedProcess[str], armed: subprocess.CompletedProcess[str], *said: str
) -> None:
    """See the exit code of plain pip, and a last line that names the cause."""
    assert plain.returncode == armed.returncode != 0
    assert our_lines(armed.stdout) == []
    assert our_lines(armed.stderr)[-1] == last_line(armed), armed.stderr
    assert OURS.fullmatch(last_line(armed)), armed.stderr
    for words in said:
        assert words in last_line(armed)


def test_a_refused_port_is_named(oldest_and_newest: Environment) -> None:
    """pip says "No matching distribution found", and people look for a typo."""
    with refused_port() as port:
        runs = both(oldest_and_newest, f"http://127.0.0.1:{port}/simple/")

    assert_fails_alike(*runs, "network failure", "connection refused", f"127.0.0.1:{port}")


def test_the_cause_stands_last_where_pip_first_looks_for_its_own_update(
    newest: Environment,
) -> None:
    """From pip 26.1 on it does, and without retries that session looks like the command's."""
    with refused_port() as port:
        url = f"http://127.0.0.1:{port}/simple/"
        runs = both(newest, url, "--retries", "0", PIP_DISABLE_PIP_VERSION_CHECK="0")

    assert_fails_alike(*runs, "network failure", "connection refused", f"127.0.0.1:{port}")
    assert "part of this" not in runs[1].stderr


@pytest.mark.parametrize("pip", ["23.0.1", NEWEST])
def test_the_cause_stands_last_where_pip_closes_its_session_before_it_fails(pip: str) -> None:
    """So does `pip index`; what is said of the run then is said too early."""
    environment = of_pip(pip)
    with refused_port() as port:
        asked = ("index", "versions", "demo", "--index-url", f"http://127.0.0.1:{port}/simple/")
        plain = environment.pip(*asked, "--retries", "0", armed=False)
        armed = environment.pip(*asked, env={"PIP_RESILIENT_PATIENCE": "0.2"})

    assert_fails_alike(plain, armed, "network failure", "connection refused", f":{port}")


def test_a_missing_project_is_pips_own_business(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """It is an answer; a line of ours would send people to look for a network fault."""
    plain, armed = both(oldest_and_newest, server.url + "/simple/")

    assert plain.returncode == armed.returncode == 1
    assert our_lines(armed.stderr) == []
    assert armed.stderr == plain.stderr
    assert len(server.requests("/simple/demo/")) == 2


def test_an_unknown_host_is_named_and_not_waited_for(
    oldest_and_newest: Environment, tmp_path: Path
) -> None:
    """A typo in the index URL is the commonest cause, and no patience helps there."""
    (tmp_path / "sitecustomize.py").write_text(NO_SUCH_NAME, encoding="ascii")
    runs = both(oldest_and_newest, "https://index.invalid/simple/", PYTHONPATH=str(tmp_path))

    assert_fails_alike(*runs, "host name does not exist", "index.invalid", "1 attempt")


@pytest.mark.parametrize("where", ["page", "file"])
def test_a_403_is_told_from_a_missing_package(
    oldest_and_newest: Environment, server: FaultServer, where: str
) -> None:
    """A company's index that refuses looks to pip like one that has no such project."""
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Status(403).when("/simple/" if where == "page" else "*.whl")]
    plain, armed = both(oldest_and_newest, index.url)

    assert_fails_alike(plain, armed, "answered 403", "a refusal")
    # Neither comes back: it is an answer.
    assert len([seen for seen in server.log if seen.status == 403]) == 2


def test_a_foreign_certificate_is_named_and_nothing_is_sent(
    oldest_and_newest: Environment, tmp_path: Path
) -> None:
    """Who stands in the middle must learn nothing, however often we would ask."""
    trusted, foreign = Authority(), Authority()
    certificate = trusted.write_to(tmp_path / "trusted.pem")
    with FaultServer(tls=foreign, host="localhost") as server:
        armed = fetch(oldest_and_newest, server.url + "/simple/", "--cert", certificate)
        tls = server.connections
        plain = fetch(
            oldest_and_newest,
            server.url + "/simple/",
            *("--cert", certificate, "--retries", "0"),
            armed=False,
        )
        seen = server.log

    assert_fails_alike(plain, armed, "TLS certificate not accepted", "localhost", "--cert")
    # One attempt, and one look at who issued that certificate; no request with either.
    assert tls == 2
    assert 'issued by "' in last_line(armed)
    assert seen == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_login_is_named(
    oldest_and_newest: Environment, tmp_path: Path, scheme: str
) -> None:
    """pip speaks of a missing package, or shows ten lines of urllib3."""
    authority = Authority() if scheme == "https" else None
    with (
        FaultServer(tls=authority, host="localhost") as server,
        FaultProxy(require=("jane", "hunter2")) as proxy,
    ):
        index = Index(server)
        index.add_wheel("demo", "1.0")
        options = ["--proxy", proxy.url]
        if authority is not None:
            options += ["--cert", authority.write_to(tmp_path / "authority.pem")]
        armed = fetch(oldest_and_newest, index.url, *options)
        asked = len(proxy.log)
        plain = fetch(oldest_and_newest, index.url, *options, "--retries", "0", armed=False)

    assert_fails_alike(plain, armed, "proxy", f"127.0.0.1:{proxy.port}")
    assert asked == 1
    assert server.log == []


def test_a_dead_proxy_is_named_with_the_variable_that_set_it(
    oldest_and_newest: Environment,
) -> None:
    """A VPN that was switched off leaves it behind, and nobody remembers where."""
    with refused_port() as port:
        proxy = f"http://jane:hunter2@127.0.0.1:{port}"
        runs = both(oldest_and_newest, "https://index.example/simple/", HTTPS_PROXY=proxy)

    assert_fails_alike(*runs, f"127.0.0.1:{port}", "HTTPS_PROXY in the environment", "refused")
    assert "hunter2" not in runs[1].stderr


def test_a_ca_bundle_that_is_not_there_is_named(oldest_and_newest: Environment) -> None:
    """It moved in an update of the image; every pip of it fails from then on."""
    with FaultServer(tls=Authority(), host="localhost") as server:
        url = server.url + "/simple/"
        runs = both(oldest_and_newest, url, "--cert", "/nowhere/bundle.pem")

    assert_fails_alike(*runs, "CA bundle not found", "/nowhere/bundle.pem", "--cert", NEITHER)


def test_a_client_certificate_that_is_not_there_is_no_ca_bundle(
    oldest_and_newest: Environment,
) -> None:
    """requests says "TLS certificate file", and people look at their CAs."""
    url = "https://index.example/simple/"
    runs = both(oldest_and_newest, url, "--client-cert", "/nowhere/own.pem")

    assert_fails_alike(*runs, "client certificate not found (/nowhere/own.pem)", NEITHER)


def test_socks_without_its_support_is_named(oldest_and_newest: Environment) -> None:
    """No stock pip has PySocks; repeating the request cannot install it."""
    runs = both(
        oldest_and_newest, "https://index.example/simple/", "--proxy", "socks5://127.0.0.1:1"
    )

    assert_fails_alike(*runs, "SOCKS support is missing", "1 attempt", "(--proxy)", NEITHER)
