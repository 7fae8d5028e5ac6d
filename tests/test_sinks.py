"""Is it told once, by one pip alone, how a run went, and does a run never fail by that?"""

from __future__ import annotations

import errno
import logging
import os
import warnings
from typing import TYPE_CHECKING

import pytest

from pip_resilient import ndjson, sinks
from pip_resilient.children import VARIABLE, Channel
from pip_resilient.events import GaveUp, Healed, Resumed, Retried
from pip_resilient.policy.failure import Failure, Kind
from tests.faults import FaultServer, Reset
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pip_resilient.session.run import Run

DEAD = Failure(Kind.REFUSED)
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_log_that_nobody_reads_ends(tmp_path: Path) -> None:
    """Opening a pipe waits for its reader, for ever."""
    os.mkfifo(tmp_path / "pipe")
    write = sinks.to_file(str(tmp_path / "pipe"))
    assert write is not None
    write("line")
    write("line")


def test_a_log_is_given_up_at_its_first_error(tmp_path: Path) -> None:
    """A disk that is full now and then would leave half a log."""
    path = tmp_path / "later" / "events.ndjson"
    write = sinks.to_file(str(path))
    assert write is not None
    write("line")
    path.parent.mkdir()
    write("line")

    assert not path.exists()


def test_what_pip_only_warns_of_is_no_failure(
    healed: Run, parent: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    """It tells of conflicts at CRITICAL, and exits with 0."""
    healed.journal.add(GaveUp(1.0, "h.invalid", "https://h.invalid/", DEAD, 3, 150.0, "patience"))
    closing = sinks.Closing(parent)
    pips = logging.getLogger("pip._internal.commands.install")
    watch = sinks.Watch(closing)
    logging.getLogger("pip").addHandler(watch)
    try:
        pips.critical("demo 1.0 requires other, which is not installed.")
        assert not closing.failed
        try:
            raise ValueError("an error")
        except ValueError:
            pips.critical("an error")
    finally:
        logging.getLogger("pip").removeHandler(watch)

    assert closing.failed


@pytest.mark.parametrize("name", ["", "/proc/999999999/fd/5"])
def test_who_has_no_parent_speaks(healed: Run, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A variable outlives the pip that had set it, in a shell that was started from it."""
    caplog.clear()
    sinks.Closing(Channel({VARIABLE: name})).tell(healed)

    assert len(caplog.messages) == 1
    assert "healed 1 interruption" in caplog.text


def test_what_is_started_after_the_end_speaks_for_itself(healed: Run) -> None:
    """A program may go on, and start other pips."""
    environ: dict[str, str] = {}
    parent = Channel(environ)
    parent.open()
    sinks.Closing(parent).tell(healed)

    assert environ == {}
    assert parent.received() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_says_nothing_and_takes_nothing(healed: Run, parent: Channel) -> None:
    """It would say everything a second time, and what children have told would be lost."""
    closing = sinks.Closing(parent)
    with open(parent._path, "a", encoding="ascii") as file:
        file.write(ndjson.to_json(healed.happened[-1]) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the server's threads, which the child has not got
        child = os.fork()
    if not child:
        try:
            closing.tell(healed)
            parent.withdraw()
        finally:
            os._exit(closing._told)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert [type(one) for one in parent.received()] == [Healed]
