"""What does a user, or a script, get to read?

The rule: on a healthy network nothing of ours, byte for byte; in trouble, lines on
stderr alone, plain ASCII, each saying whose it is, and none with a password.
pip's own words and exit codes stay pip's.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import CUT, SIZE, assert_healed, fetch, is_older, last_line
from tests.faults import (
    Authority,
    FaultProxy,
    FaultServer,
    Reset,
    Status,
    refused_port,
    unavailable,
)
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

# Spaces: pip indents what is said during a download.
OURS = re.compile(r" *(WARNING: )?pip-resilient: [ -~]+")
SECRET = "hunter2"

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


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def normalised(text: str, environment: Environment) -> str:
    """Take out what differs between two runs of plain pip: folders, speeds and ports."""
    text = text.replace(str(environment.home), "HOME")
    text = re.sub(r"[^\n]*[\d.]+/[\d.]+ [kM]?B [^\n]*\n", "BAR\n", text)
    return re.sub(r"127\.0\.0\.1:\d+", "SERVER", text)


# --- Nothing to say ---


def test_a_healthy_install_is_the_same_to_the_byte(environment: Environment) -> None:
    """A plugin that can be seen, or that asks for more, will be blamed for everything."""
    said, asked = [], []
    for armed in (True, False):
        run = environment.with_fresh_home()
        with FaultServer() as server:
            index = Index(server)
            index.add_wheel("demo", "1.0", size=SIZE, requires=["other>=1"])
            index.add_wheel("other", "1.0", size=SIZE)
            where = ("--index-url", index.url, "--target", str(run.home / "site"))
            done = run.pip("install", *where, "demo", armed=armed)
            said.append((done.returncode, *(normalised(t, run) for t in (done.stdout, done.stderr))))
            asked.append(
                [
                    (s.method, s.path, [p for p in s.headers if p[0] != "Host"], s.connection)
                    for s in server.log
                ]
            )

    assert said[0] == said[1]
    assert said[0][0] == 0, said[0]
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "command", [("freeze",), ("--version",), ("config", "list"), ("cache", "dir"), ("check",)]
)
def test_commands_without_network_say_nothing_of_ours(
    oldest_and_newest: Environment, command: tuple[str, ...]
) -> None:
    """Scripts read them; `pip config list` shows our variables only because it shows all."""
    plain = oldest_and_newest.pip(*command, armed=False)
    armed = oldest_and_newest.pip(*command)
    shown = armed.stdout.replace(":env:.resilient='1'\n", "")

    assert plain.returncode == armed.returncode
    assert (shown, armed.stderr) == (plain.stdout, plain.stderr)


# --- stdout belongs to pip ---


def test_outdated_as_json_stays_json(environment: Environment) -> None:
    """Dashboards parse it; pip up to 21.3 asks with several threads at once."""
    names = ("demo", "other", "third")
    folder = environment.home / "site"
    with FaultServer() as server:
        index = Index(server)
        for name in names:
            old = index.add_wheel(name, "1.0")
            index.add_wheel(name, "2.0")
            zipfile.ZipFile(io.BytesIO(old.content)).extractall(folder)
        server.script = [Reset(after=20).when("/simple/", first=3)]
        where = ("--index-url", index.url, "--path", str(folder))
        done = environment.pip("list", "--outdated", "--format", "json", *where)
    listed = {
        each["name"]: (each["version"], each["latest_version"]) for each in json.loads(done.stdout)
    }

    assert done.returncode == 0, done.stderr
    assert listed == dict.fromkeys(names, ("1.0", "2.0"))
    assert "healed 3 interruptions" in last_line(done)


def test_index_versions_lists_what_stands_behind_the_cut(
    newest: Environment, server: FaultServer
) -> None:
    """A page cut short shows an old version as the newest."""
    index = Index(server)
    for version in ("1.0", "2.0"):
        index.add_wheel("demo", version)
    server.script = [Reset(after=500).when("/simple/", first=1)]
    done = newest.pip("index", "versions", "--index-url", index.url, "demo")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "demo (2.0)"
    assert our_lines(done.stdout) == []
    assert "healed 1 interruption" in last_line(done)


def test_our_lines_are_ascii_marked_and_on_stderr(
    environment: Environment, server: FaultServer
) -> None:
    """Anything else spoils what is parsed, and crashes where the locale is C."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    page = "<title>\u65c5\u9928 \x1b[31mWi-Fi</title><form>".encode()
    portal = Status(200, page, "text/html; charset=utf-8").when("/simple/", first=1)
    server.script = [portal, CUT]
    done = fetch(environment, index.url, env={"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"})
    ours = our_lines(done.stderr)

    assert_healed(done, environment, held)
    assert len(ours) == 3
    assert [line for line in ours if not OURS.fullmatch(line)] == []
    assert "pip-resilient" not in done.stdout


@pytest.mark.parametrize(("quiet", "expected"), [("-q", True), ("-qq", False)])
def test_quiet_keeps_our_lines_and_quieter_does_not(
    oldest_and_newest: Environment, server: FaultServer, quiet: str, expected: bool
) -> None:
    """-q keeps pip's warnings, -qq is for those who want none of them."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = fetch(oldest_and_newest, index.url, quiet)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert len(server.ranges(held.path)) == 2
    assert bool(done.stderr) is expected


def test_the_log_file_tells_what_was_healed(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """It is what people attach to an issue."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    log = oldest_and_newest.home / "pip.log"
    done = fetch(oldest_and_newest, index.url, "-q", "--log", str(log))
    logged = our_lines(log.read_text("utf-8"))

    assert done.returncode == 0, done.stderr
    assert "resuming" in logged[0]
    assert "healed" in logged[-1]
    assert [line.partition("WARNING: ")[2] for line in logged] == [
        line.partition("WARNING: ")[2] for line in our_lines(done.stderr)
    ]


# --- Passwords ---


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_no_password_is_ever_written(
    oldest_and_newest: Environment, server: FaultServer, ends: str
) -> None:
    """Logs of CI runs are public, and so is what is pasted into an issue."""
    environment = oldest_and_newest
    with FaultProxy(require=("jane", SECRET)) as proxy:
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        server.script = [CUT] if ends == "well" else [unavailable().when("*.whl")]
        proxy.refuse_next(1, 503)
        url = index.url.replace("://", f"://user:{SECRET}@")
        through = proxy.url.replace("://", f"://jane:{SECRET}@")
        log, ndjson = environment.home / "pip.log", environment.home / "events.ndjson"
        env = {"PIP_RESILIENT_LOG": str(ndjson), "PIP_RESILIENT_PATIENCE": "1"}
        done = fetch(environment, url, "--proxy", through, "--log", str(log), env=env)
    events = [json.loads(line) for line in ndjson.read_text("ascii").splitlines()]

    assert (done.returncode == 0) is (ends == "well"), done.stderr
    assert any(event["event"] == "retried" for event in events)
    assert len(our_lines(done.stderr)) >= 2
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in log.read_text("utf-8")
    assert SECRET not in ndjson.read_text("ascii")
    assert held.filename in ndjson.read_text("ascii")


# --- Failing for good ---


def both(
    environment: Environment, url: str, *options: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """Run plain and armed pip one after the other, neither with much patience."""
    plain = fetch(environment, url, "--retries", "1", *options, armed=False, env=env)
    armed = fetch(
        environment, url, *options, env={**env, "PIP_RESILIENT_PATIENCE": "0.2"}
    )
    return plain, armed


def assert_fails_alike(
    plain: subprocess.CompletedProcess[str], armed: subprocess.CompletedProcess[str], *said: str
) -> None:
    """See the exit code of plain pip, and a last line that names the cause."""
    assert plain.returncode == armed.returncode != 0
    assert armed.stdout.replace("pip-resilient", "") == armed.stdout
    assert OURS.fullmatch(last_line(armed)), armed.stderr
    for words in said:
        assert words in last_line(armed)


def test_a_refused_port_is_named(oldest_and_newest: Environment) -> None:
    """pip says "No matching distribution found", and people look for a typo."""
    with refused_port() as port:
        runs = both(oldest_and_newest, f"http://127.0.0.1:{port}/simple/")

    assert_fails_alike(*runs, "network failure", "connection refused", f"127.0.0.1:{port}")


def test_a_missing_project_is_pips_own_business(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """It is an answer; a line of ours would send people to look for a network fault."""
    plain, armed = both(oldest_and_newest, server.url + "/simple/")

    assert plain.returncode == armed.returncode == 1
    assert our_lines(armed.stderr) == []
    assert normalised(armed.stderr, oldest_and_newest) == normalised(
        plain.stderr, oldest_and_newest
    )
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
        connections = server.connections
        plain = fetch(
            oldest_and_newest,
            server.url + "/simple/",
            *("--cert", certificate, "--retries", "0"),
            armed=False,
        )
        seen = server.log

    assert_fails_alike(plain, armed, "TLS certificate not accepted", "localhost", "--cert")
    assert connections == 1
    assert seen == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_login_is_named(
    oldest_and_newest: Environment, tmp_path: Path, scheme: str
) -> None:
    """pip speaks of a missing package, or shows ten lines of urllib3."""
    authority = Authority() if scheme == "https" else None
    with (
        FaultServer(tls=authority, host="localhost") as server,
        FaultProxy(require=("jane", SECRET)) as proxy,
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
