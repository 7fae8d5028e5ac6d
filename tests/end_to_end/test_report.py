"""Does a real pip leave what the report needs, and nothing at all when it is healthy?"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.fetching import CUT, SIZE, assert_healed, fetch, last_line
from tests.faults import FaultServer, Status, unavailable
from tests.packages import Index

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess
    from typing import Any

    from tests.end_to_end.environments import Environment

SECRET = "hunter2"


def kept(environment: Environment) -> list[Path]:
    return sorted((environment.pip_cache / "pip-resilient" / "runs").glob("*"))


def report(environment: Environment, *words: str) -> CompletedProcess[str]:
    env = {"COLUMNS": "120"}
    return environment.run("python", "-m", "pip_resilient", "report", *words, armed=False, env=env)


def document(environment: Environment) -> dict[str, Any]:
    done = report(environment, "--json")

    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_healed_run_is_reported(oldest_and_newest: Environment, server: FaultServer) -> None:
    """On the terminal, for programs and as a page."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Status(502).when("/simple/", first=1), CUT]
    assert_healed(fetch(environment, index.url), environment, held)
    told = document(environment)
    shown = report(environment)
    page = report(environment, "--html", "run.html")
    kinds = [event["event"] for event in told["events"]]
    place = f"127.0.0.1:{server.port}"

    assert told["good"]
    assert told["run"]["command"] == "download"
    assert told["run"]["pip"] == environment.pip_version
    assert not told["run"]["failed"]
    assert told["totals"]["failures"] == 2
    assert told["totals"]["brought"][place] >= SIZE
    assert kinds.count("request") == told["run"]["requests"]
    assert {"retried", "resumed", "healed", "bytes"} <= set(kinds)
    assert shown.returncode == 0, shown.stderr
    assert "Healed 2 interruptions" in shown.stdout
    assert place in shown.stdout
    assert page.returncode == 0, page.stderr
    assert held.filename in (environment.work / "run.html").read_text("ascii")


def test_a_failed_run_leads_to_its_report(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """The last line names it, and there it is."""
    environment, index = oldest_and_newest, Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [unavailable().when("*.whl")]
    done = fetch(environment, index.url, env={"PIP_RESILIENT_PATIENCE": "1"})
    told = document(environment)

    assert done.returncode != 0
    assert last_line(done).endswith(". Details: pip-resilient report")
    assert told["run"]["failed"]
    assert told["verdict"] in last_line(done)
    assert told["run"]["settings"] == {"patience": "1.0"}


def test_a_healthy_run_leaves_nothing(oldest_and_newest: Environment, server: FaultServer) -> None:
    """Nobody wants to look at it."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    done = fetch(oldest_and_newest, index.url)

    assert done.returncode == 0, done.stderr
    assert kept(oldest_and_newest) == []
    assert report(oldest_and_newest).returncode == 1


@pytest.mark.parametrize(
    ("options", "env"),
    [
        (("--no-cache-dir",), {}),
        (("--no-cache",), {"PIP_RESILIENT_STATE_DIR": "state"}),
        ((), {"PIP_NO_CACHE_DIR": "off", "PIP_RESILIENT_STATE_DIR": "state"}),
        ((), {"PIP_RESILIENT_STATE_DIR": "none"}),
    ],
)
def test_who_wants_nothing_kept_has_nothing(
    oldest_and_newest: Environment,
    server: FaultServer,
    options: tuple[str, ...],
    env: dict[str, str],
) -> None:
    """A container's layer, or somebody's wish."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    assert_healed(fetch(environment, index.url, *options, env=env), environment, held)

    assert list(environment.home.rglob("runs")) == []
    assert not (environment.work / "state").exists()


@pytest.mark.parametrize(
    ("asked", "shown"), [("", "https://mirror.invalid/simple/"), (f"?token={SECRET}", '"?"')]
)
def test_no_password_is_kept(
    oldest_and_newest: Environment, server: FaultServer, asked: str, shown: str
) -> None:
    """Reports are made to be shown."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    url = index.url.replace("://", f"://user:{SECRET}@")
    mirrors = f"https://jane:{SECRET}@mirror.invalid/simple/{asked}"
    env = {"PIP_RESILIENT_MIRRORS": mirrors}
    assert_healed(fetch(environment, url, env=env), environment, held)
    (file,) = kept(environment)

    assert SECRET not in file.read_text("ascii")
    assert shown in file.read_text("ascii")
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_happened_in_a_build_is_in_the_report(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """It is a pip of its own, and nobody sees what it says."""
    index = Index(server)
    index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = oldest_and_newest.pip("install", "--index-url", index.url, "--target", "site", "demo")

    assert done.returncode == 0, done.stderr
    told = document(oldest_and_newest)
    assert len(kept(oldest_and_newest)) == 1
    assert told["run"]["command"] == "install"
    assert told["totals"]["failures"] == 1
    (child,) = [event for event in told["events"] if event["event"] == "run"]
    assert 0 < child["at"] < told["run"]["duration"]
    resumed = [event["at"] for event in told["events"] if event["event"] == "resumed"]
    assert child["at"] < resumed[0] < told["run"]["duration"]
