"""Is the plugin switched on and off where it should be, and is nothing else touched?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.cli import switch
from pip_resilient.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

pieces = [b"# a\n", b"b\r\n", b"c", b"\n", b"\r", b"# >>> pip-resilient >>>\n", b"\xff"]
pieces += [b"@rem pip-resilient begins\r\n", b"export-env {\n"]
scripts = st.lists(st.sampled_from(pieces)).map(b"".join)
shells = st.sampled_from(["sh", "cmd", "nu"])
NU = b"export-env {\n"


def prepared(data: bytes, shell: str) -> tuple[bytes, bytes]:
    """Return a script that may be written to, and the line that it gets."""
    if shell == "nu" and b"\n" + NU not in b"\n" + data:
        data += b"\n" + NU
    return data, switch.SHELLS[shell][0].encode()


@given(scripts, shells)
def test_a_script_is_what_it_was_once_the_block_is_out(data: bytes, shell: str) -> None:
    """It is the user's, and may have been changed by others; half a block is theirs too."""
    data, line = prepared(data, shell)
    written = switch.with_block(data, shell)

    assert written != data
    assert line in written
    assert switch.without_block(written) == data


@pytest.mark.parametrize("shell", ["sh", "cmd"])
def test_what_was_written_behind_the_block_stays_a_line_of_its_own(shell: str) -> None:
    """Two commands in one line are another command."""
    written = switch.with_block(b"first", shell) + b"second\n"

    assert switch.without_block(written) == b"first\nsecond\n"
    assert b"first\nsecond\n" in switch.with_block(written, shell)


@given(scripts, shells)
def test_writing_twice_is_writing_once(data: bytes, shell: str) -> None:
    data, line = prepared(data, shell)
    written = switch.with_block(data, shell)

    assert switch.with_block(written, shell) == written
    assert written.count(line) == 1


@pytest.mark.parametrize("shell", ["sh", "cmd"])
def test_a_script_with_lines_for_windows_gets_such_lines(shell: str) -> None:
    assert switch.with_block(b"a\r\n", shell).replace(b"\r\n", b"").count(b"\n") == 0


def test_a_nushell_module_is_written_where_its_environment_is_made() -> None:
    """A second `export-env` would take the place of the first, and nothing would be activated."""
    script = b"module warning {\n    export-env {\n}\n}\n" + NU + b"    load-env $new\n}\n"
    written = switch.with_block(script, "nu")

    assert written.count(b"export-env") == 2
    assert written.index(b"PIP_RESILIENT") > written.index(b"\n" + NU)
    with pytest.raises(switch.Unknown):
        switch.with_block(b"def activate [] {}\n", "nu")


def test_a_batch_file_is_not_told_to_write_to_files() -> None:
    """What is behind `rem` is still looked through for `>`."""
    written = switch.with_block(b"@echo off\r\n", "cmd")

    assert b">" not in written
    assert b"\r\n@set PIP_RESILIENT=1\r\n" in written


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment's folder, with the scripts that `venv` and others write."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for name in ("activate", "activate.fish", "activate.csh", "Activate.ps1", "python"):
        (folder / "bin" / name).write_bytes(b"# mine\n")
    (folder / "bin" / "activate.bat").write_bytes(b"@rem mine\r\n")
    (folder / "bin" / "activate.nu").write_bytes(NU + b"}\n")
    return folder


def test_every_script_that_activates_gets_its_own_line(prefix: Path) -> None:
    before = {path.name: path.read_bytes() for path in (prefix / "bin").iterdir()}
    os.chmod(prefix / "bin" / "activate", 0o640)
    done = switch.write(str(prefix), "/usr", on=True)

    assert len(done) == 6
    assert all(one.changed and not one.why for one in done)
    assert "\nset -gx PIP_RESILIENT 1\n" in (prefix / "bin" / "activate.fish").read_text()
    assert "\nsetenv PIP_RESILIENT 1\n" in (prefix / "bin" / "activate.csh").read_text()
    assert '\n$env:PIP_RESILIENT = "1"\n' in (prefix / "bin" / "Activate.ps1").read_text()
    assert (prefix / "bin" / "python").read_bytes() == b"# mine\n"
    assert (prefix / "bin" / "activate").stat().st_mode & 0o777 == 0o640
    assert b"\r\n@set PIP_RESILIENT=1\r\n" in (prefix / "bin" / "activate.bat").read_bytes()
    assert (prefix / "bin" / "activate.nu").read_bytes().startswith(NU + b"# >>> pip-res")
    assert len(list((prefix / "bin").iterdir())) == 7

    assert not any(one.changed for one in switch.write(str(prefix), "/usr", on=True))
    assert all(one.changed for one in switch.write(str(prefix), "/usr", on=False))
    assert {path.name: path.read_bytes() for path in (prefix / "bin").iterdir()} == before
    assert not any(one.changed for one in switch.write(str(prefix), "/usr", on=False))


def test_nothing_outside_of_the_environment_is_touched(prefix: Path, tmp_path: Path) -> None:
    """A link may lead to a script that other environments share."""
    shared = tmp_path / "activate"
    shared.write_bytes(b"# shared\n")
    (prefix / "bin" / "activate").unlink()
    (prefix / "bin" / "activate").symlink_to(shared)
    done = {os.path.basename(one.path): one for one in switch.write(str(prefix), "/usr", on=True)}

    assert shared.read_bytes() == b"# shared\n"
    assert "outside" in done["activate"].why
    assert done["activate.fish"].changed


def test_no_folder_of_scripts_elsewhere_is_touched(prefix: Path, tmp_path: Path) -> None:
    shutil.move(str(prefix / "bin"), str(tmp_path / "elsewhere"))
    (prefix / "bin").symlink_to(tmp_path / "elsewhere")
    done = switch.write(str(prefix), "/usr", on=True)

    assert ["outside" in one.why for one in done] == [True] * 6
    assert (tmp_path / "elsewhere" / "activate").read_bytes() == b"# mine\n"


def test_a_script_of_many_names_is_written_under_one_of_them(prefix: Path, tmp_path: Path) -> None:
    """Installers link files into many environments from one store."""
    os.link(prefix / "bin" / "activate", tmp_path / "store")
    switch.write(str(prefix), "/usr", on=True)

    assert (tmp_path / "store").read_bytes() == b"# mine\n"


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may give away")
def test_a_script_stays_its_owners(prefix: Path) -> None:
    """Who had it could not change it any more."""
    path = prefix / "bin" / "activate"
    os.chown(path, 1234, 1234)
    path.chmod(0o640)
    switch.write(str(prefix), "/usr", on=True)

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_signed_script_is_left_alone(prefix: Path) -> None:
    """PowerShell may refuse it with one byte more in it."""
    path = prefix / "bin" / "Activate.ps1"
    path.write_bytes(b"# mine\n# SIG # Begin signature block\n")
    done = {os.path.basename(one.path): one for one in switch.write(str(prefix), "/usr", on=True)}

    assert "signed" in done["Activate.ps1"].why
    assert path.read_bytes() == b"# mine\n# SIG # Begin signature block\n"


@pytest.mark.parametrize("command", ["enable", "disable"])
def test_outside_of_an_environment_there_is_nothing_to_write_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)

    assert main([command, "--write"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "no virtual environment" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("environ", "parent", "windows", "shell"),
    [
        ({"SHELL": "/bin/zsh"}, "", False, "zsh"),
        ({"SHELL": "/bin/zsh"}, "fish", False, "fish"),
        ({"SHELL": "/bin/zsh"}, "-bash", False, "bash"),
        ({"SHELL": "/bin/tcsh"}, "make", False, "csh"),
        ({"SHELL": "/opt/nu"}, "make", False, "nu"),
        ({"SHELL": "/opt/elvish"}, "make", False, "sh"),
        ({}, "pwsh", False, "powershell"),
        ({}, "github", False, "sh"),
        ({"PSModulePath": os.pathsep.join("abc")}, "", True, "powershell"),
        ({"PSModulePath": os.pathsep.join("ab")}, "", True, "cmd"),
    ],
)
def test_the_shell_is_found_out(
    environ: dict[str, str], parent: str, windows: bool, shell: str
) -> None:
    assert switch.shell_of(environ, parent, windows) == shell


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that reads it")
@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish", "tcsh", "nu"])
def test_a_shell_understands_its_line(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    show = "sh -c 'env | grep ^PIP_RESILIENT='"
    on, off = switch.SHELLS["csh" if shell == "tcsh" else shell]
    code = f"{on}; {show}; {off}; {show}"
    environ = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [shell, "-c", code], env=environ, capture_output=True, text=True, check=False
    )

    assert done.stdout == "PIP_RESILIENT=1\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("enable", "--dockerfile"), "ENV PIP_RESILIENT=1\n"),
        (("enable", "--github"), 'env:\n  PIP_RESILIENT: "1"\n'),
        (("disable", "--gitlab"), 'variables:\n  PIP_RESILIENT: "0"\n'),
        (("disable", "--shell", "fish"), "set -e PIP_RESILIENT\n"),
        (("enable", "--shell", "cmd"), "set PIP_RESILIENT=1\n"),
    ],
)
def test_the_line_is_all_that_is_printed(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """It is read by `eval`, or appended to a file."""
    assert main(words) == 0
    assert capsys.readouterr().out == said


def test_the_line_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["enable", "--github", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == ["env:", '  PIP_RESILIENT: "1"']


def unwrapped(text: str) -> str:
    """Return a text as it is on a terminal of any width: a long path is cut anywhere."""
    return "".join(text.split())


@pytest.fixture
def entered(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment that the command runs in."""
    monkeypatch.setattr("sys.prefix", str(prefix))
    monkeypatch.setattr("sys.base_prefix", "/usr")
    return prefix


def test_what_was_written_is_told_script_by_script(
    entered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that it takes another activation, or people think that it did not work."""
    codes = [main([word, "--write"]) for word in ("enable", "enable", "disable", "disable")]
    said = capsys.readouterr()
    script = entered / "bin" / "activate"
    told = [
        *("switches the plugin on now", "did so before"),
        *("no longer switches the plugin on", "did not do so"),
    ]

    assert codes == [0, 0, 0, 0]
    assert [unwrapped(said.out).count(unwrapped(f"{script}: {one}")) for one in told] == [1] * 4
    assert unwrapped(said.err).count(unwrapped("from the next activation")) == 2


def test_what_was_left_alone_is_told_and_is_a_problem(
    entered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shared").write_bytes(b"# shared\n")
    (entered / "bin" / "activate").unlink()
    (entered / "bin" / "activate").symlink_to(tmp_path / "shared")

    assert main(["enable", "--write"]) == 1
    left_alone = unwrapped(f"{entered / 'bin' / 'activate'}: left alone: ")
    assert left_alone in unwrapped(capsys.readouterr().out)
    assert main(["enable", "--write", "--json"]) == 1
    scripts = json.loads(capsys.readouterr().out)["scripts"]
    assert [os.path.basename(one["path"]) for one in scripts if one["why"]] == ["activate"]


def test_where_there_is_no_script_nothing_is_written(
    entered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(entered / "bin")
    (entered / "bin").mkdir()

    assert main(["enable", "--write"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert unwrapped("no activate script") in unwrapped(said.err)
    assert list((entered / "bin").iterdir()) == []


def test_outside_of_an_environment_nothing_is_written(
    entered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scripts, if it has any, are everybody's."""
    monkeypatch.setattr("sys.base_prefix", str(entered))
    before = (entered / "bin" / "activate").read_bytes()

    assert main(["enable", "--write"]) == 2
    assert capsys.readouterr().out == ""
    assert (entered / "bin" / "activate").read_bytes() == before
