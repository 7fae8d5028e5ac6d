"""Does what happened in a build's own pip reach the one that the user sees?"""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient import children, events, ndjson
from pip_resilient.children import VARIABLE, Channel
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACE, URL = "index.invalid", "https://index.invalid/demo.whl"
TOLD: list[events.Event] = [
    events.Healed(1.0, PLACE, URL, 2, 1000),
    events.GaveUp(1.0, PLACE, URL, Failure(Kind.STATUS, "", 503, 2.0), 3, 9.0, "once"),
    events.Answered(1.0, PLACE, URL, 404),
    events.RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", True),
]
UNTOLD = events.Overtaken(1.0, PLACE, URL, 5)


in_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="Linux has them")


@pytest.fixture(params=["memory", "file"])
def environ(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """An environment to hand on, with its own folder for temporary files."""
    yield from _environ(request.param == "memory", tmp_path, monkeypatch)


@pytest.fixture
def of_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The same where there are no files in memory."""
    yield from _environ(False, tmp_path, monkeypatch)


def _environ(
    memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    monkeypatch.setattr(children.tempfile, "tempdir", str(tmp_path))
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    made: list[Channel] = []
    make = Channel.__init__

    def remember(channel: Channel, environ: dict[str, str]) -> None:
        make(channel, environ)
        made.append(channel)

    monkeypatch.setattr(Channel, "__init__", remember)
    yield {}
    for channel in made:
        channel.withdraw()


def outermost(environ: dict[str, str]) -> Channel:
    """Return the way to the children of a pip that nobody else has started."""
    channel = Channel(environ)
    channel.open()
    return channel


def test_the_outermost_pip_is_the_parent(environ: dict[str, str]) -> None:
    """Only one of them may speak to the user."""
    parent = outermost(environ)

    assert not parent.is_child
    assert Channel(environ).is_child


def test_a_name_cannot_be_guessed(of_file: dict[str, str]) -> None:
    """In a folder for all, another user could lay a file there before us."""
    outermost(of_file)
    other: dict[str, str] = {}
    outermost(other)

    assert of_file[VARIABLE] != other[VARIABLE]


def test_a_healthy_run_makes_no_file(environ: dict[str, str], tmp_path: Path) -> None:
    """Thousands of runs would leave thousands of files."""
    parent, child = outermost(environ), Channel(environ)
    child.send([UNTOLD])

    assert parent.received() == []
    assert list(tmp_path.iterdir()) == []


def test_the_parent_hears_what_matters(environ: dict[str, str]) -> None:
    """A build that failed by the network would look like a broken package."""
    parent = outermost(environ)
    Channel(environ).send([UNTOLD, *TOLD[:2]])
    Channel(environ).send(TOLD[2:])

    assert parent.received() == [UNTOLD, *TOLD]


def test_what_stands_around_comes_with_what_matters(environ: dict[str, str]) -> None:
    """Or the parent's report could not tell when in its own run a child's trouble was."""
    about = events.AboutRun(0.0, 5.0, 1.0, True, "install", "1", "2", "3", {}, 1, 2, None)
    parent = outermost(environ)
    Channel(environ).send([UNTOLD], lambda: [about])
    Channel(environ).send(TOLD[:1], lambda: [about])

    assert parent.received() == [about, TOLD[0]]


def test_it_is_heard_once_and_deleted(environ: dict[str, str], tmp_path: Path) -> None:
    """A file left behind is litter."""
    parent = outermost(environ)
    Channel(environ).send(TOLD)
    parent.received()

    assert parent.received() == []
    assert list(tmp_path.iterdir()) == []


def test_a_child_hears_nothing(environ: dict[str, str]) -> None:
    """A child of a child must not take what is meant for the parent."""
    parent, child = outermost(environ), Channel(environ)
    child.send(TOLD)

    assert child.received() == []
    assert parent.received() == TOLD


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_nobody_else_may_read_it(of_file: dict[str, str]) -> None:
    """URLs of private packages stand in it."""
    outermost(of_file)
    Channel(of_file).send(TOLD)

    assert stat.S_IMODE(os.stat(of_file[VARIABLE]).st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system has no O_NOFOLLOW")
def test_a_link_is_not_followed(of_file: dict[str, str], tmp_path: Path) -> None:
    """A link laid there would make us write into, or read, another file."""
    parent = outermost(of_file)
    target = tmp_path / "target"
    target.write_text(ndjson.to_json(TOLD[0]) + "\n")
    os.symlink(target, of_file[VARIABLE])

    assert parent.received() == []
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.ELOOP))):
        Channel(of_file).send(TOLD)


# In memory.


@in_memory
def test_it_goes_with_the_parent(environ: dict[str, str]) -> None:
    """A build that outlives a killed pip must not leave a file that nobody reads."""
    code = (
        "import os, sys; from pip_resilient.children import Channel;"
        " one = Channel({}); one.open(); print(one._path, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        (sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        environ[VARIABLE] = parent.stdout.readline().strip()
        Channel(environ).send(TOLD)
        assert os.path.getsize(environ[VARIABLE])
        parent.kill()
        parent.wait(10)

        with pytest.raises(FileNotFoundError):
            Channel(environ).send(TOLD)


@in_memory
def test_another_process_of_that_number_is_left_alone(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Its file of that number is not ours to write to."""
    path = tmp_path / "theirs"
    with open(path, "w", encoding="ascii") as theirs:
        environ[VARIABLE] = f"/proc/{os.getpid()}/fd/{theirs.fileno()}"
        with pytest.raises(OSError, match=re.escape(os.strerror(errno.ELOOP))):
            Channel(environ).send(TOLD)

    assert path.read_bytes() == b""


@in_memory
def test_a_parent_that_is_done_holds_no_file_open(environ: dict[str, str]) -> None:
    """The process goes on after us."""
    before = os.listdir("/proc/self/fd")
    outermost(environ).withdraw()

    assert os.listdir("/proc/self/fd") == before


@given(
    st.binary()
    | st.sampled_from(
        [
            b'{"event": "healed"}',
            b'{"event": [], "schema": 1}',
            b'{"event": "gave-up", "schema": 1, "failure": {"kind": 5}}',
            b'{"event": "healed", "schema": 1, "other": 1}',
            b"[]\n5\nnull",
            b"[" * 10_000,
        ]
    )
)
def test_junk_is_nothing(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    """A child killed in the midst of a line must not fail the parent."""
    path = tmp_path_factory.getbasetemp() / "junk.ndjson"
    path.write_bytes(junk)
    parent = Channel({})
    parent.withdraw()
    parent._path = str(path)

    assert parent.received() == []


def test_what_is_readable_is_heard_beside_junk(environ: dict[str, str]) -> None:
    """One line cut short must not hide the others."""
    parent = outermost(environ)
    with open(environ[VARIABLE], "a", encoding="ascii") as file:
        file.write('{"event": "hea\n' + ndjson.to_json(TOLD[0]) + "\n")

    assert parent.received() == TOLD[:1]


def test_children_are_told_where_state_is_kept_and_whether_they_are_heard(
    environ: dict[str, str],
) -> None:
    """pip hands no `--no-cache-dir` down to them, and their lines are not seen."""
    parent = outermost(environ)
    parent.tell_state(None)

    assert environ["PIP_RESILIENT_STATE_DIR"] == "none"
    assert parent.may_announce(here=True)
    assert Channel(environ).may_announce(here=False)
    assert not parent.may_announce(here=False)
    assert not Channel(environ).may_announce(here=True)


def test_what_was_set_before_is_set_again() -> None:
    """The process goes on after us, and its variables are its own."""
    environ = {"PIP_RESILIENT_STATE_DIR": "/mine"}
    parent = outermost(environ)
    parent.tell_state("/elsewhere")
    parent.may_announce(here=False)
    parent.withdraw()

    assert environ == {"PIP_RESILIENT_STATE_DIR": "/mine"}
