"""Does what happened in a build's own pip reach the one that the user sees?"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient import children, events
from pip_resilient.children import VARIABLE, Channel
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from pathlib import Path

PLACE, URL = "index.invalid", "https://index.invalid/demo.whl"
TOLD: list[events.Event] = [
    events.Healed(1.0, PLACE, URL, 2, 1000),
    events.GaveUp(1.0, PLACE, URL, Failure(Kind.STATUS, "", 503, 2.0), 3, 9.0, "once"),
    events.Answered(1.0, PLACE, URL, 404),
    events.RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", True),
]
UNTOLD = events.Overtaken(1.0, PLACE, URL, 5)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment to hand on, with its own folder for temporary files."""
    monkeypatch.setattr(children.tempfile, "tempdir", str(tmp_path))
    return {}


def test_the_outermost_pip_is_the_parent(environ: dict[str, str]) -> None:
    """Only one of them may speak to the user."""
    parent = Channel(environ)

    assert not parent.is_child
    assert Channel(environ).is_child


def test_a_name_cannot_be_guessed(environ: dict[str, str]) -> None:
    """In a folder for all, another user could lay a file there before us."""
    Channel(environ)
    other: dict[str, str] = {}
    Channel(other)

    assert environ[VARIABLE] != other[VARIABLE]


def test_a_healthy_run_makes_no_file(environ: dict[str, str], tmp_path: Path) -> None:
    """Thousands of runs would leave thousands of files."""
    parent, child = Channel(environ), Channel(environ)
    child.send([UNTOLD])

    assert parent.received() == []
    assert list(tmp_path.iterdir()) == []


def test_the_parent_hears_what_matters(environ: dict[str, str]) -> None:
    """A build that failed by the network would look like a broken package."""
    parent = Channel(environ)
    Channel(environ).send([UNTOLD, *TOLD[:2]])
    Channel(environ).send(TOLD[2:])

    assert parent.received() == TOLD


def test_it_is_heard_once_and_deleted(environ: dict[str, str], tmp_path: Path) -> None:
    """A file left behind is litter."""
    parent = Channel(environ)
    Channel(environ).send(TOLD)
    parent.received()

    assert parent.received() == []
    assert list(tmp_path.iterdir()) == []


def test_a_child_hears_nothing(environ: dict[str, str]) -> None:
    """A child of a child must not take what is meant for the parent."""
    parent, child = Channel(environ), Channel(environ)
    child.send(TOLD)

    assert child.received() == []
    assert parent.received() == TOLD


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_nobody_else_may_read_it(environ: dict[str, str]) -> None:
    """URLs of private packages stand in it."""
    Channel(environ)
    Channel(environ).send(TOLD)

    assert stat.S_IMODE(os.stat(environ[VARIABLE]).st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system has no O_NOFOLLOW")
def test_a_link_is_not_followed(environ: dict[str, str], tmp_path: Path) -> None:
    """A link laid there would make us write into, or read, another file."""
    parent = Channel(environ)
    target = tmp_path / "target"
    target.write_text(events.to_json(TOLD[0]) + "\n")
    os.symlink(target, environ[VARIABLE])

    assert parent.received() == []
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.ELOOP))):
        Channel(environ).send(TOLD)


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
    parent._path = str(path)

    assert parent.received() == []


def test_what_is_readable_is_heard_beside_junk(environ: dict[str, str]) -> None:
    """One line cut short must not hide the others."""
    parent = Channel(environ)
    with open(environ[VARIABLE], "w", encoding="ascii") as file:
        file.write('{"event": "hea\n' + events.to_json(TOLD[0]) + "\n")

    assert parent.received() == TOLD[:1]


def test_children_are_told_where_state_is_kept_and_whether_they_are_heard() -> None:
    """pip hands no `--no-cache-dir` down to them, and their lines are not seen."""
    environ: dict[str, str] = {}
    parent = Channel(environ)
    parent.tell_state(None)

    assert environ["PIP_RESILIENT_STATE_DIR"] == "none"
    assert parent.may_announce(here=True)
    assert Channel(environ).may_announce(here=False)
    assert not parent.may_announce(here=False)
    assert not Channel(environ).may_announce(here=True)


def test_what_was_set_before_is_set_again() -> None:
    """The process goes on after us, and its variables are its own."""
    environ = {"PIP_RESILIENT_STATE_DIR": "/mine"}
    parent = Channel(environ)
    parent.tell_state("/elsewhere")
    parent.may_announce(here=False)
    parent.withdraw()

    assert environ == {"PIP_RESILIENT_STATE_DIR": "/mine"}
