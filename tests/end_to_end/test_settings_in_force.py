"""Do settings reach a real pip, from where they are written, and bound what it does?

The rule: the environment beats pip.conf, a command's section beats `[global]`; what
is wrong is said in one line each and never a reason not to run pip.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import CUT, SIZE, assert_healed, fetch, last_line
from tests.faults import FaultServer, NeverAnswer, Reset, Silence, Status
from tests.packages import Index

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.faults import Fault


def configured(environment: Environment, text: str) -> dict[str, str]:
    """Write a pip.conf and return the variable that names it."""
    path = environment.home / "pip.conf"
    path.write_text(text, encoding="ascii")
    return {"PIP_CONFIG_FILE": str(path)}


def events_in(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


@pytest.mark.parametrize("wins", ["global", "command", "environment"])
def test_the_nearest_setting_wins(
    oldest_and_newest: Environment, server: FaultServer, wins: str
) -> None:
    """A company writes pip.conf, a user exports a variable: his word is the last."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    paths = {name: environment.home / f"{name}.ndjson" for name in ("global", "command")}
    paths["environment"] = environment.home / "environment.ndjson"
    config = f"[global]\nresilient-log = {paths['global']}\n"
    config += "[install]\nresilient-log = nowhere\n"
    if wins != "global":
        config += f"[download]\nresilient-log = {paths['command']}\n"
    env = configured(environment, config)
    if wins == "environment":
        env["PIP_RESILIENT_LOG"] = str(paths["environment"])
    done = fetch(environment, index.url, env=env)

    assert_healed(done, environment, held)
    assert [name for name, path in paths.items() if path.exists()] == [wins]
    assert {event["event"] for event in events_in(paths[wins])} >= {"retried", "healed"}
    assert not (environment.work / "nowhere").exists()


def test_each_wrong_setting_is_one_line_and_pip_goes_on(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """A typo found one run at a time costs as many runs; one that stops pip costs the day."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0")
    env = configured(environment, "[global]\nresilient-read-timeout = soon\n")
    env.update(PIP_RESILIENT_PATIENCE="0", PIP_RESILIENT_CONNECT_TIMEOUT="inf")
    env.update(PIP_RESILIENT_FOO="1", PIP_RESILIENT_PATIENSE="20")
    done = fetch(environment, index.url, env=env)
    ours = our_lines(done.stderr)
    named = {
        "PIP_RESILIENT_PATIENCE is '0'": "150",
        "PIP_RESILIENT_CONNECT_TIMEOUT is 'inf'": "10",
        "resilient-read-timeout": "60",
        "PIP_RESILIENT_FOO": "not a setting",
        "PIP_RESILIENT_PATIENSE": "PIP_RESILIENT_PATIENCE",
    }

    assert done.returncode == 0, done.stderr
    assert (environment.work / "out" / held.filename).exists()
    assert len(ours) == len(named), done.stderr
    for words, consequence in named.items():
        (line,) = [line for line in ours if f"pip-resilient: {words}" in line]
        assert consequence in line


@pytest.mark.parametrize("kept_in", ["environment", "pip.conf"])
def test_patience_ends_what_nobody_answers(
    oldest_and_newest: Environment, server: FaultServer, kept_in: str
) -> None:
    """Who set it low did so since something else waits."""
    environment, index = oldest_and_newest, Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Status(503).when("/simple/")]
    log = environment.home / "events.ndjson"
    env = {"PIP_RESILIENT_LOG": str(log), "PIP_RESILIENT_PATIENCE": "1.5"}
    if kept_in == "pip.conf":
        del env["PIP_RESILIENT_PATIENCE"]
        env.update(configured(environment, "[global]\nresilient-patience = 1.5\n"))
    done = fetch(environment, index.url, env=env)
    events = events_in(log)
    (last,) = [event for event in events if event["event"] == "gave-up"]
    waits = [float(str(event["wait"])) for event in events if event["event"] == "retried"]

    assert done.returncode == 1
    assert last["why"] == "patience"
    assert float(str(last["spent"])) >= 1.5
    assert 0 < sum(waits) <= 1.5 + 0.001 * len(waits), "each is rounded to milliseconds"
    assert "HTTP status 503" in last_line(done)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Status(503).when("/simple/"), id="503"),
        pytest.param(Reset(after=1000).when("*.whl", ranged=False), id="no-continuation"),
        pytest.param(NeverAnswer(), id="no-answer"),
        pytest.param(Silence(after=50).when("/simple/"), id="silent-page"),
        pytest.param(Silence(after=1000).when("*.whl", ranged=False), id="silent-file"),
    ],
)
def test_a_deadline_bounds_the_run(newest: Environment, server: FaultServer, fault: Fault) -> None:
    """A CI job that is killed from outside leaves no message; this one says what it was."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [fault, Status(503).when("*.whl", ranged=True)]
    log = newest.home / "events.ndjson"
    env = {"PIP_RESILIENT_DEADLINE": "3", "PIP_RESILIENT_LOG": str(log)}
    env["PIP_RESILIENT_READ_TIMEOUT"] = "60"
    began = time.monotonic()
    done = fetch(newest, index.url, env=env)
    took = time.monotonic() - began
    (last,) = [event for event in events_in(log) if event["event"] == "gave-up"]

    assert done.returncode == 1
    assert last["why"] == "deadline"
    assert took < 3 + 20, "and not the timeout"
    assert "network failure" in last_line(done)
    assert not (newest.work / "out" / held.filename).exists()


def test_the_event_log_is_one_schema(oldest_and_newest: Environment, server: FaultServer) -> None:
    """Other programs read it: each line stands alone, and none of them is pip's."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Status(502).when("/simple/", first=1), CUT]
    log = oldest_and_newest.home / "events.ndjson"
    done = fetch(oldest_and_newest, index.url, env={"PIP_RESILIENT_LOG": str(log)})
    events = events_in(log)

    assert_healed(done, oldest_and_newest, held)
    happened, run, around = events[:5], events[5], events[6:]
    assert [event["event"] for event in happened] == [
        *("retried", "healed"),
        *("retried", "resumed", "healed"),
    ]
    assert run["event"] == "run"
    assert {event["event"] for event in around} == {"request", "bytes"}
    assert {event["schema"] for event in events} == {1}
    assert len({event["run"] for event in events}) == 1
    assert {event["place"] for event in (*happened, *around)} == {f"127.0.0.1:{server.port}"}
    assert [event["at"] for event in happened] == sorted(float(str(e["at"])) for e in happened)


def test_an_event_log_that_cannot_be_written_harms_nobody(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """A log is for looking at afterwards; no download is worth less than it."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    env = {"PIP_RESILIENT_LOG": str(oldest_and_newest.home)}
    done = fetch(oldest_and_newest, index.url, env=env)

    assert_healed(done, oldest_and_newest, held)
    assert "Traceback" not in done.stderr
