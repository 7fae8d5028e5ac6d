"""Is what an earlier run left of a file gone once the file has come?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.faults import FaultServer, Reset, Status
from tests.pip_in_process import hooked_pip
from tests.unfinished import files, leave, left, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults import Fault

PATH = "/demo-1.0.whl"
SIZE = (1 << 20) + 4321
CONTENT = random.Random(0).randbytes(SIZE)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


def test_nothing_is_left_of_what_was_taken_up(state: Path) -> None:
    leave(state, CONTENT, (0, 300_000))
    with FaultServer() as server, hooked_pip() as pip:
        pip.run.state_dir = str(state)
        url = server.put(PATH, CONTENT)

        assert pip.download(url, sha256(CONTENT)) == CONTENT
        assert server.ranges(PATH) == ["bytes=300000-"]
    assert files(state) == []


@pytest.mark.parametrize("cut", [[], [Reset(600_000)]], ids=["in one piece", "in two"])
def test_nothing_is_left_of_what_others_have_brought_meanwhile(
    state: Path, monkeypatch: pytest.MonkeyPatch, cut: list[Fault]
) -> None:
    """A mirror, say, that fell silent before its end; it would take up room for a week."""
    faults = [Status(504), *cut]
    with FaultServer() as server, hooked_pip() as pip:
        pip.run.state_dir = str(state)
        url = server.put(PATH, CONTENT)
        server.script = [one.when("*.whl", first=1) for one in faults]
        monkeypatch.setattr(pip.clock, "sleep", lambda _: leave(state, CONTENT, (0, 300_000)))

        assert pip.download(url, sha256(CONTENT)) == CONTENT
        assert server.ranges(PATH)[:2] == [None, None]
        assert pip.surprises == []
    assert files(state) == []


def test_what_is_left_of_another_file_stays(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = CONTENT[::-1]
    leave(state, other, (0, 300_000))
    with FaultServer(script=[Status(504).when("*.whl", first=1)]) as server, hooked_pip() as pip:
        pip.run.state_dir = str(state)

        assert pip.download(server.put(PATH, CONTENT), sha256(CONTENT)) == CONTENT
    assert left(state, other) == [(0, 300_000)]
