"""Do the commands tell of real pips what is so, and write where these read?

The rule: environments with our wheel in them; what is told is held against
what the pip there does.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.environments import our_lines
from tests.faults import FaultProxy, FaultServer, NeverAnswer, refused_port
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from tests.end_to_end.environments import Environment

SECRET = "hunter2"
HANGING = """
import sys, time
if any("pip._internal" in word for word in sys.orig_argv):
    time.sleep(60)
"""
OWN = {"PIP_CONFIG_FILE": ""}
"""Lets pip read the user's own file in the home that a test has."""


def told(
    environment: Environment,
    *words: str,
    armed: bool = True,
    env: Mapping[str, str] | None = None,
    code: int = 0,
) -> Any:
    """Run a command and read its JSON."""
    done = run(environment, *words, "--json", armed=armed, env=env)

    assert done.returncode == code, done.stdout + done.stderr
    assert SECRET not in done.stdout
    return json.loads(done.stdout)


def run(
    environment: Environment,
    *words: str,
    armed: bool = True,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return environment.run("pip-resilient", *words, armed=armed, env=env)


def test_an_armed_pip_is_found_armed(environment: Environment) -> None:
    """Each pip and each Python that we support."""
    said = told(environment, "status")
    shipped = environment.site_packages / "pip_resilient.pth"

    assert said["armed"] is True
    assert said["problems"] == []
    assert said["pip"]["version"] == environment.pip_version
    assert {"PipSession.__init__", "Downloader.__call__"} <= set(said["pip"]["changed"])
    assert said["start_file"]["path"] == str(shipped)
    assert said["start_file"]["sha256"] == hashlib.sha256(shipped.read_bytes()).hexdigest()
    assert said["start_file"]["shipped"] == said["start_file"]["sha256"]
    assert said["prefix"] == str(environment.root)


def test_a_pip_that_is_not_switched_on_is_told_so(newest: Environment) -> None:
    """The seam is tried all the same."""
    said = told(newest, "status", armed=False, code=1)

    assert said["armed"] is False
    assert [one["advice"] for one in said["problems"]] == ['eval "$(pip-resilient enable)"']
    assert said["pip"]["changed"]


def test_looking_leaves_nothing_behind_and_asks_nobody(newest: Environment) -> None:
    with FaultProxy(outside=False) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "HTTP_PROXY": proxy.url}
        for words in (["status"], ["cache"], ["mirrors"]):
            run(newest, *words, env=env)

        assert proxy.connections == 0
    assert not newest.pip_cache.exists()


def test_a_changed_start_up_file_is_told(damaged: Environment) -> None:
    path = damaged.site_packages / "pip_resilient.pth"
    path.write_text(path.read_text() + "import os\n")
    said = told(damaged, "status", code=1)

    assert said["start_file"]["as_shipped"] is False
    assert "not as it was shipped" in said["verdict"]


def test_without_its_start_up_file_pip_is_not_armed(damaged: Environment) -> None:
    (damaged.site_packages / "pip_resilient.pth").unlink()
    said = told(damaged, "status", code=1)

    assert said["armed"] is False
    assert "there is no start-up file" in said["verdict"]


def test_an_unknown_pip_is_told_as_pip_itself_tells_it(damaged: Environment) -> None:
    """What stands in its session module is no longer what we know."""
    path = damaged.site_packages / "pip" / "_internal" / "network" / "session.py"
    path.write_text(path.read_text() + "\nurllib3 = None\ndel urllib3\n")
    said = told(damaged, "status", code=1)

    assert said["armed"] is False
    assert "this pip's session module has no urllib3" in said["pip"]["aside"]
    assert said["pip"]["changed"] == []


def test_without_pip_there_is_an_answer_all_the_same(damaged: Environment) -> None:
    shutil.rmtree(damaged.site_packages / "pip")
    said = told(damaged, "status", code=1)

    assert "No module named 'pip'" in said["verdict"]


def test_what_a_run_has_left_is_told_and_thrown_away(newest: Environment) -> None:
    with refused_port() as port:
        env = {"PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple/", "PIP_RESILIENT_PATIENCE": "1"}
        done = newest.pip("download", "demo", env=env)
    said = told(newest, "status", env=env)

    assert done.returncode
    assert len(said["runs"]) == 1
    assert said["folder"] == str(newest.pip_cache / "pip-resilient")
    gone = told(newest, "cache", "purge")["gone"]
    assert {one["name"]: one["things"] for one in gone}["runs"] == 1
    assert told(newest, "status", env=env)["runs"] == []


def test_what_is_set_is_what_pip_reads(oldest_and_newest: Environment) -> None:
    done = run(oldest_and_newest, "mirrors", "--set", "tuna", "files:aliyun", armed=False, env=OWN)
    said = oldest_and_newest.pip("config", "get", "global.resilient-mirrors", env=OWN)
    found = told(oldest_and_newest, "mirrors", env=OWN)
    serves = {one["name"]: one["serves"] for one in found["mirrors"] if one["serves"]}

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("wrote resilient-mirrors = tuna files:aliyun to")
    assert said.stdout == "tuna files:aliyun\n"
    assert serves == {"tuna": ["files of PyPI", "pages of PyPI"], "aliyun": ["files of PyPI"]}


def test_it_is_set_without_a_pip_too(damaged: Environment) -> None:
    """The network may be the reason why there is none yet."""
    away = damaged.home / "pip"
    shutil.move(str(damaged.site_packages / "pip"), str(away))
    done = run(damaged, "mirrors", "--set", "none", armed=False, env=OWN)
    shutil.move(str(away), str(damaged.site_packages / "pip"))
    said = damaged.pip("config", "get", "global.resilient-mirrors", env=OWN)

    assert done.returncode == 0
    assert said.stdout == "none\n"


def test_a_named_mirror_is_measured(newest: Environment) -> None:
    """Nobody else is reached here, and that is told too."""
    with FaultServer() as server, FaultProxy(outside=False) as proxy:
        index = Index(server)
        index.add_wheel("pip", "25.0", size=600_000)
        url = index.url.replace("//", f"//u:{SECRET}@")
        env = {
            "PIP_RESILIENT_MIRRORS": url,
            "HTTPS_PROXY": proxy.url,
            "HTTP_PROXY": proxy.url,
            "NO_PROXY": "127.0.0.1",
        }
        said = told(newest, "mirrors", "--measure", env=env)
        text = run(newest, "mirrors", "--measure", env={**env, "COLUMNS": "100"})
    (own,) = [one for one in said["measured"] if not one["failure"]]

    assert own["source"] == index.url
    assert own["speed"] > 0
    assert own["ranges"] is True
    assert "PyPI" in {one["name"] for one in said["measured"] if one["failure"]}
    assert text.returncode == 0
    assert "  ####" in text.stdout
    assert max(map(len, text.stdout.splitlines())) <= 100


def test_measuring_ends_in_time_where_nobody_answers(newest: Environment) -> None:
    """A pip that is never ready, and a proxy that is silent: 30 s are promised."""
    folder = newest.home / "hanging"
    folder.mkdir()
    folder.joinpath("sitecustomize.py").write_text(HANGING)
    with FaultServer(script=[NeverAnswer()]) as silent:
        env = {"HTTPS_PROXY": silent.url, "PYTHONPATH": str(folder)}
        began = time.monotonic()
        said = told(newest, "mirrors", "--measure", env=env, code=1)
        seconds = time.monotonic() - began

    assert all(one["failure"] for one in said["measured"])
    assert seconds < 30.0


@pytest.mark.skipif(os.name == "nt", reason="sources a script of the Bourne shell")
def test_what_is_written_arms_pip_when_the_environment_is_activated(damaged: Environment) -> None:
    scripts = damaged.executable.parent
    names = [path.name for path in scripts.iterdir() if "ctivate" in path.name]
    before = {name: (scripts / name).read_bytes() for name in names}
    done = run(damaged, "enable", "--write", armed=False)
    again = run(damaged, "enable", "--write", armed=False)
    code = f". {scripts}/activate && pip-resilient status --json"
    said = damaged.run("sh", "-c", code, armed=False)

    assert (done.returncode, again.returncode) == (0, 0)
    assert json.loads(said.stdout)["armed"] is True
    assert run(damaged, "disable", "--write", armed=False).returncode == 0
    assert {name: (scripts / name).read_bytes() for name in names} == before
    assert len(our_lines(done.stderr)) == 1
    assert our_lines(again.stderr) == []
