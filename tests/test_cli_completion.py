"""Do real shells complete what the commands take?"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pip_resilient.cli.completion import SHELLS
from pip_resilient.cli.main import COMMANDS, main

NAMES = {module.NAME for module in COMMANDS}
OF_LINE = [
    ("", NAMES),
    ("st", {"status"}),
    ("status --j", {"--json"}),
    ("enable --shell ", {"sh", "bash", "zsh", "fish", "csh", "nu", "powershell", "cmd"}),
    ("cache pu", {"purge"}),
    ("cache purge part", {"partials"}),
    ("completion z", {"zsh"}),
]
ASK_BASH = """
eval "$SCRIPT"
COMP_WORDS=(pip-resilient $LINE)
[ "${LINE% }" = "$LINE" ] || COMP_WORDS+=("")
[ -n "$LINE" ] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_pip_resilient
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> str:
    shell = request.node.callspec.params.get("shell", "bash")
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def ask(shell: str, code: str, script: str, line: str) -> list[str]:
    path = os.environ["PATH"]
    environ = {"SCRIPT": script, "LINE": line, "PATH": path, "HOME": "/nonexistent"}
    done = subprocess.run(
        [shell, *(["-f"] if shell == "zsh" else []), "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(("line", "expected"), OF_LINE)
def test_bash(script: str, line: str, expected: set[str]) -> None:
    found = set(ask("bash", ASK_BASH, script, line))

    assert found == expected or (not line and expected < found)


@pytest.mark.parametrize("shell", ["zsh"])
def test_zsh_takes_it_in(script: str, shell: str) -> None:
    """Its completion proper needs a terminal; the same functions are called there."""
    code = (
        'autoload -U compinit && compinit -u -D && eval "$SCRIPT" && print $_comps[pip-resilient]'
    )

    assert "_pip_resilient" in " ".join(ask(shell, code, script, ""))


@pytest.mark.parametrize("shell", ["fish"])
@pytest.mark.parametrize(("line", "expected"), OF_LINE)
def test_fish(script: str, shell: str, line: str, expected: set[str]) -> None:
    code = 'printf %s "$SCRIPT" | source; complete -C "pip-resilient $LINE"'
    found = {said.partition("\t")[0] for said in ask(shell, code, script, line)}

    assert found == expected or (not line and expected <= found)


@pytest.mark.parametrize("name", SHELLS)
def test_nothing_else_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read by `eval`."""
    assert main(["completion", name]) == 0
    assert capsys.readouterr().err == ""
