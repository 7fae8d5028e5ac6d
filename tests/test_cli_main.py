"""Does each command end as a command should, whatever has become of its output?"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from pip_resilient.cli import main as main_module
from pip_resilient.cli.main import COMMANDS, main

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
