"""Is it told once, by one pip alone, how a run went, and does a run never fail by that?"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from pip_resilient import sinks
from pip_resilient.children import Channel
from pip_resilient.events import Healed, Resumed, Retried
from tests.faults import FaultServer, Reset
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pip_resilient.session.run import Run

CONTENT = bytes(range(256)) * 1200


@pytest.fixture
def healed() -> Iterator[Run]:
    """A run in which a file was cut and resumed."""
    with FaultServer(script=[Reset(100_000).when("*.whl", first=1)]) as server, hooked_pip() as pip:
        assert pip.download(server.put("/demo-1.0.whl", CONTENT)) == CONTENT
        pip.hook.closing._told = True  # what is told at the end is told by the tests
        yield pip.run


@pytest.fixture
def parent() -> Iterator[Channel]:
    channel = Channel({})
    channel.open()
    yield channel
    channel.withdraw()


def failed(run: Run, caplog: pytest.LogCaptureFixture, error: BaseException) -> str:
    """Return what is told last of a pip that has reported an error."""
    channel = Channel({})
    channel.open()
    closing = sinks.Closing(channel)
    closing.failed_by(error)
    closing.tell(run)
    channel.withdraw()
    return caplog.messages[-1]


def test_it_is_told_once(healed: Run, parent: Channel, caplog: pytest.LogCaptureFixture) -> None:
    """A session's end and the interpreter's both ask for it."""
    caplog.clear()
    closing = sinks.Closing(parent)
    closing.tell(healed)
    closing.tell(healed)

    assert [line for line in caplog.messages if "healed 1 interruption" in line] == caplog.messages
    assert len(caplog.messages) == 1


def test_a_child_tells_its_parent_and_nobody_else(
    healed: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """pip shows no line of a build that went well, and two summaries would be one too many."""
    environ: dict[str, str] = {}
    parent = Channel(environ)
    parent.open()
    caplog.clear()
    sinks.Closing(Channel(environ)).tell(healed)
    heard = parent.received()
    parent.withdraw()

    assert caplog.messages == []
    assert [type(one) for one in heard if isinstance(one, (Retried, Resumed, Healed))] == [
        *(Retried, Resumed, Healed)
    ]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_its_folder(
    healed: Run, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """pip says it somewhere in a traceback; people would blame the network."""
    error = ValueError("pip's own")
    error.__cause__ = OSError(number, os.strerror(number), "/full/folder")

    assert "disk" in failed(healed, caplog, error)
    assert "/full/folder" in failed(healed, caplog, error)


def test_another_error_of_the_system_is_no_full_disk(
    healed: Run, caplog: pytest.LogCaptureFixture
) -> None:
    error = OSError(errno.EACCES, os.strerror(errno.EACCES), "/full/folder")

    assert "disk" not in failed(healed, caplog, error)


def test_errors_that_go_round_in_a_circle_have_an_end(
    healed: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that raises what it handles makes one."""
    one, other = ValueError(), ValueError()
    one.__context__, other.__context__ = other, one

    assert failed(healed, caplog, one)


def test_the_event_log_grows_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    for line in ("first", "second"):
        write = sinks.to_file(str(path))
        assert write is not None
        write(line)

    assert path.read_text() == "first\nsecond\n"
    assert sinks.to_file(None) is None


def test_a_log_that_cannot_be_written_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The install matters more."""
    write = sinks.to_file(str(tmp_path / "nowhere" / "events.ndjson"))
    assert write is not None
    with caplog.at_level("DEBUG", logger="pip_resilient"):
        write("line")

    assert "no event log" in caplog.text
    assert [one.levelname for one in caplog.records] == ["DEBUG"]
