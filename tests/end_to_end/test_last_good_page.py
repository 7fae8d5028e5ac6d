"""What does pip get when its index is dead and nobody else may be asked for pages?

The rule: what the index itself said last, after patience and with its age in plain
words, never older than the user allows; and never a page that was not for everybody.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.faults import FaultServer, HangUp, Status
from tests.packages import Index, PageForm

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.packages import Distribution

PATIENCE = 3
DEAD = [HangUp()]
CHALLENGE = (("WWW-Authenticate", 'Basic realm="index"'),)


@pytest.fixture
def pypi() -> Iterator[PlayedPyPI]:
    """Play PyPI with pages that pip itself asks for each time, whatever its cache holds."""
    with played_pypi(PageForm(max_age=0)) as played:
        yield played


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=5000)


def download(
    environment: Environment, pypi: PlayedPyPI, **settings: str
) -> subprocess.CompletedProcess[str]:
    env = {f"PIP_RESILIENT_{name}": value for name, value in settings.items()}
    env["PIP_RESILIENT_PATIENCE"] = str(PATIENCE)
    arguments = ("download", "--no-deps", "--dest", "out", "demo")
    return pypi.pip(environment, *arguments, by_options=False, env=env)


def pages_of(environment: Environment) -> list[Path]:
    folder = environment.pip_cache / "pip-resilient" / "pages"
    return [path for path in folder.glob("*") if path.stat().st_size]


def grow_older(environment: Environment, seconds: float) -> None:
    """Let the pages be so many seconds older: the file's time is theirs."""
    for path in pages_of(environment):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def test_after_patience_the_last_good_page_is_used_and_its_age_told(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    before = download(oldest_and_newest, pypi)
    (oldest_and_newest.work / "out" / held.filename).unlink()
    grow_older(oldest_and_newest, 3 * 3600)
    pypi.pages.script = DEAD
    began = time.monotonic()
    done = download(oldest_and_newest, pypi)
    took = time.monotonic() - began
    told = [line for line in our_lines(done.stderr) if "does not answer" in line]

    assert before.returncode == 0, before.stderr
    assert our_lines(before.stderr) == []
    assert done.returncode == 0, done.stderr
    assert (oldest_and_newest.work / "out" / held.filename).read_bytes() == held.content
    assert len(told) == 1
    assert "WARNING" in told[0]
    assert re.search(r"\b180 min ago\b", told[0])
    assert took >= PATIENCE
    assert took <= PATIENCE + 10


@pytest.mark.parametrize("place", ["index.example.com:443", "INDEX.example.com"])
def test_it_is_found_again_however_its_index_is_written(
    newest: Environment, pypi: PlayedPyPI, place: str
) -> None:
    """A port that goes without saying is none, and a host has no case, to whoever looks it up."""
    name = "index.example.com"
    server = pypi.host(name)
    form = PageForm(max_age=0)
    index = Index(server, pages_url=f"https://{name}", files_url=f"https://{name}", form=form)
    held = index.add_wheel("ours", "1.0", size=5000)
    command = ("download", "--no-deps", "--index-url", f"https://{place}/simple/", "ours")
    env = {"PIP_RESILIENT_PATIENCE": "1"}
    before = pypi.pip(newest, *command, "--dest", "first", by_options=False, env=env)
    server.script = [Status(503).when("/simple/ours/")]
    done = pypi.pip(newest, *command, "--dest", "out", by_options=False, env=env)

    assert before.returncode == 0, before.stderr
    assert done.returncode == 0, done.stderr
    assert (newest.work / "out" / held.filename).read_bytes() == held.content


@pytest.mark.parametrize("why", ["never", "too-old"])
def test_it_is_not_used_where_the_user_does_not_want_it(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution, why: str
) -> None:
    download(oldest_and_newest, pypi)
    (oldest_and_newest.work / "out" / held.filename).unlink()
    pypi.pages.script = DEAD
    if why == "too-old":
        grow_older(oldest_and_newest, 3700)
    done = download(oldest_and_newest, pypi, STALE="3600" if why == "too-old" else "0")

    assert done.returncode != 0
    assert not (oldest_and_newest.work / "out" / held.filename).exists()
    assert [line for line in our_lines(done.stderr) if "min ago" in line] == []


@pytest.mark.parametrize("kept_in", ["url", "netrc"])
def test_a_page_that_needed_credentials_is_never_kept(
    oldest_and_newest: Environment, pypi: PlayedPyPI, kept_in: str
) -> None:
    """What a colleague may not see must not lie about in a cache."""
    name = "private.example.com"
    server = pypi.host(name)
    index = Index(server, pages_url=f"https://{name}", files_url=f"https://{name}")
    held = index.add_wheel("ours", "1.0", size=5000)
    url, env = index.url, {}
    if kept_in == "url":
        url = url.replace("://", "://jane:hunter2@")
    else:
        path = oldest_and_newest.home / ".netrc"
        path.write_text(f"machine {name} login jane password hunter2\n", encoding="ascii")
        path.chmod(0o600)
        env["NETRC"] = str(path)
    server.script = [
        Status(401, headers=CHALLENGE).when(
            matching=lambda request: request.header("Authorization") is None
        )
    ]
    arguments = ("download", "--no-deps", "--dest", "out", "--index-url", url, "ours")
    done = pypi.pip(oldest_and_newest, *arguments, by_options=False, env=env)
    folder = oldest_and_newest.pip_cache / "pip-resilient"
    left = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]

    assert done.returncode == 0, done.stderr
    assert [content for content in left if held.filename.encode() in content] == []
    assert [content for content in left if b"hunter2" in content] == []
    assert pages_of(oldest_and_newest) == []


def test_a_page_over_plain_http_is_never_kept(oldest_and_newest: Environment) -> None:
    """Anybody on the way may have written it."""
    with FaultServer() as server:
        index = Index(server)
        index.add_wheel("demo", "1.0")
        arguments = ("download", "--no-deps", "--dest", "out", "--index-url", index.url, "demo")
        done = oldest_and_newest.pip(*arguments)

    assert done.returncode == 0, done.stderr
    assert pages_of(oldest_and_newest) == []
