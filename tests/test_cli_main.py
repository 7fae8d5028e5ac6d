"""Does each command end as a command should, whatever has become of its output?"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.cli import main as main_module
from pip_resilient.cli.main import COMMANDS, main

if TYPE_CHECKING:
    from pathlib import Path

ARGV = (sys.executable, "-m", "pip_resilient", "completion", "bash")
posix = pytest.mark.skipif(os.name == "nt", reason="pipes and files of POSIX")


def started(**streams: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(ARGV, text=True, check=False, timeout=60, **streams)


@posix
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`| head` ends so."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = started(stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_problems_are_problems_also_where_nobody_reads_them(unbuffered: str) -> None:
    """`set -o pipefail` and `| tee` are to notice."""
    reading, writing = os.pipe()
    os.close(reading)
    words = (sys.executable, "-m", "pip_resilient", "status")
    environ = {name: text for name, text in os.environ.items() if name != "PIP_RESILIENT"}
    environ["PYTHONUNBUFFERED"] = unbuffered
    try:
        done = subprocess.run(
            words, stdout=writing, stderr=subprocess.PIPE, env=environ, check=False, timeout=60
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_complaints_that_could_not_be_written_change_no_exit_code(tmp_path: Path) -> None:
    """120 is Python's own, and in no manual."""
    words = (sys.executable, "-m", "pip_resilient", "report", "--state-dir", str(tmp_path))
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=full, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_output_that_could_not_be_written_is_an_error() -> None:
    """Half a script would be taken for a whole one."""
    with open("/dev/full", "w", encoding="ascii") as full:
        done = started(stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 1
    assert done.stderr.startswith("pip-resilient: standard output: No space left")
    assert len(done.stderr.splitlines()) == 1


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    """Services start programs so."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m pip_resilient completion bash {closed}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


def ending(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """Return how a command ends in which this is raised."""

    def raised(*_: object) -> int:
        raise error

    monkeypatch.setattr(main_module, "_run", raised)
    return main([])


def test_ctrl_c_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


def test_what_is_missing_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(monkeypatch, ModuleNotFoundError(name="urllib3")) == 1
    assert capsys.readouterr().err == (
        "pip-resilient: urllib3 is missing; python -m pip install urllib3\n"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "No such file or directory"),
        (OSError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left"), "standard output: No space left"),
    ],
)
def test_what_is_not_standard_outputs_fault_is_not_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, said: str
) -> None:
    """In a working folder that was deleted, it is not."""
    monkeypatch.setattr(main_module, "_write_no_more", lambda: None)

    assert ending(monkeypatch, error) == 1
    assert capsys.readouterr().err == f"pip-resilient: {said}\n"


@pytest.mark.parametrize(("words", "code"), [((), 2), (("nothing",), 2), (("--help",), 0)])
def test_usage(words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked for is a result, what was not is none."""
    assert main(words) == code
    said = capsys.readouterr()

    assert bool(said.out) is (code == 0)
    assert bool(said.err) is (code != 0)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_every_command_explains_itself(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command.NAME, "--help"]) == 0
    said = capsys.readouterr()

    assert said.out.startswith(f"usage: pip-resilient {command.NAME}")
    assert said.err == ""
