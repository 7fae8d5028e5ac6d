"""Do credentials go where they belong, on every connection, and nowhere else?

The rule: what opened the first request opens the retries and the continuations of
the same server too; another server never sees it, however it is reached.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.fetching import CUT, SIZE, assert_healed, assert_resumed, fetch, is_older
from tests.faults import FaultServer, Reset, Status, redirect
from tests.packages import Index

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.faults import Request, Scripted

USER, SECRET = "jane", "hunter2"
BASIC = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode("ascii")
CHALLENGE = (("WWW-Authenticate", 'Basic realm="index"'),)

KEYRING_MODULE = f"""
def get_password(service, user):
    return {SECRET!r} if user == {USER!r} else None
"""
# `get SERVICE USER`, or, as pip 26.3 asks, `--mode=creds --output=json get SERVICE USER`.
KEYRING_COMMAND = f"""#!/bin/sh
case "$1" in
    get) echo {SECRET} ;;
    --mode=creds) echo '{{"username": "{USER}", "password": "{SECRET}"}}' ;;
esac
"""


def _is_stranger(request: Request) -> bool:
    return request.header("Authorization") != BASIC


LOCK: Scripted = Status(401, headers=CHALLENGE).when(matching=_is_stranger)
PAGE_FAILS = [
    Status(503).when("/simple/", first=1),
    Reset(after=20).when("/simple/", first=1),
]


def with_netrc(environment: Environment, *hosts: str) -> dict[str, str]:
    """Write a netrc with our password for these hosts."""
    path = environment.home / ".netrc"
    lines = [f"machine {host} login {USER} password {SECRET}\n" for host in hosts]
    path.write_text("".join(lines), encoding="ascii")
    path.chmod(0o600)
    return {"NETRC": str(path)}


@pytest.mark.parametrize("kept_in", ["url", "netrc"])
def test_every_retry_carries_the_password(
    oldest_and_newest: Environment, server: FaultServer, kept_in: str
) -> None:
    """A continuation without it gets a 401, and a 700 MB file is lost at its end."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [LOCK, *PAGE_FAILS, CUT]
    url = index.url
    env = with_netrc(oldest_and_newest, "127.0.0.1") if kept_in == "netrc" else {}
    if kept_in == "url":
        url = url.replace("://", f"://{USER}:{SECRET}@")
    done = fetch(oldest_and_newest, url, env=env)

    assert_healed(done, oldest_and_newest, held)
    assert_resumed(server, held)
    assert {seen.header("Authorization") for seen in server.log} == {BASIC}


def test_a_redirect_never_takes_the_password_along(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """The file's host is often a stranger's: it must not learn what opens the index."""
    with FaultServer(host="localhost") as stranger:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        stranger.put(held.path, held.content)
        # The second request meets a signed URL that has expired, so the way is walked again.
        stranger.script = [CUT, Status(403).when("*.whl", first=1)]
        server.script = [LOCK, redirect(stranger.url + held.path).when("*.whl")]
        url = index.url.replace("://", f"://{USER}:{SECRET}@")
        done = fetch(oldest_and_newest, url)

    assert_healed(done, oldest_and_newest, held)
    assert len(server.requests(held.path)) == 2
    assert {seen.header("Authorization") for seen in server.log} == {BASIC}
    assert [seen.status for seen in stranger.log] == [200, 403, 206]
    assert {seen.header("Authorization") for seen in stranger.log} == {None}
    assert {seen.header("Cookie") for seen in stranger.log} == {None}


def test_a_redirect_to_a_host_with_a_password_of_its_own(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """Each host in netrc gets its own entry and never another one's."""
    with FaultServer(host="localhost") as other:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        other.put(held.path, held.content)
        other.script = [LOCK, CUT]
        server.script = [redirect(other.url + held.path).when("*.whl")]
        done = fetch(oldest_and_newest, index.url, env=with_netrc(oldest_and_newest, "localhost"))

    assert_healed(done, oldest_and_newest, held)
    assert {seen.header("Authorization") for seen in server.log} == {None}
    assert other.requests(held.path)[-1].header("Authorization") == BASIC
    assert other.requests(held.path)[-1].status == 206


@pytest.mark.parametrize("provider", ["import", "subprocess"])
def test_the_keyring_is_asked_and_the_rest_heals(
    oldest_and_newest: Environment, server: FaultServer, tmp_path: Path, provider: str
) -> None:
    """pip sends the request anew from inside the answer to it: that one must be ours too."""
    environment = oldest_and_newest
    if provider == "subprocess" and is_older(environment, 23, 1):
        pytest.skip("this pip only imports keyring")
    (tmp_path / "keyring.py").write_text(KEYRING_MODULE, encoding="ascii")
    command = tmp_path / "keyring"
    command.write_text(KEYRING_COMMAND, encoding="ascii")
    command.chmod(0o755)
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [LOCK, *PAGE_FAILS, CUT]
    env = {"PIP_NO_INPUT": "0"}
    if provider == "import":
        env["PYTHONPATH"] = str(tmp_path)
    else:
        env["PATH"] = f"{tmp_path}:{environment.environ(armed=True)['PATH']}"
    asked = () if is_older(environment, 23, 1) else ("--keyring-provider", provider)
    done = fetch(environment, index.url.replace("://", f"://{USER}@"), *asked, env=env)

    assert_healed(done, environment, held)
    assert_resumed(server, held)
    assert [seen.status for seen in server.log].count(401) <= 2
    assert server.requests(held.path)[-1].header("Authorization") == BASIC
    assert SECRET not in done.stdout + done.stderr


def test_a_401_is_not_asked_again(oldest_and_newest: Environment, server: FaultServer) -> None:
    """Repeating a wrong password locks accounts."""
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [LOCK]
    url = index.url.replace("://", f"://{USER}:wrong@")
    plain = fetch(oldest_and_newest, url, armed=False)
    before = len(server.log)
    armed = fetch(oldest_and_newest, url)

    assert armed.returncode == plain.returncode != 0
    assert len(server.log) == 2 * before
    assert "answered 401" in armed.stderr.splitlines()[-1]
    assert "wrong" not in armed.stderr.splitlines()[-1]
