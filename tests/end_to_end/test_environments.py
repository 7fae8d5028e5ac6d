"""Can the other tests of this folder believe what their environments tell them?"""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end import interpreters, kept
from tests.end_to_end.fetching import or_skip
from tests.end_to_end.namespaces import read_only, refusal

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment

# A child that starts another one, names it, and lets both hang.
HANGING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(f"<{child.pid}>", flush=True)
time.sleep(300)
"""


def test_an_environment_is_made_of_what_was_asked_for(environment: Environment) -> None:
    """A test that says pip 20.3.4 and runs another one proves nothing."""
    pip = environment.pip("--version", armed=False).stdout.split()
    where = environment.python("import pip_resilient; print(pip_resilient.__file__)", armed=False)

    assert pip[1] == environment.pip_version
    assert pip[-1] == f"{environment.python_version})"
    assert where.stdout.startswith(str(environment.site_packages))


def test_its_python_is_the_same_however_it_is_started(each_python: Environment) -> None:
    """A Python that is unpacked and not installed could start a child that is another one."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; {}'])"
    child = each_python.python(code.format("print(sys.prefix)"), armed=False)
    script = each_python.run("pip", "--version", armed=False)

    assert child.stdout.strip() == str(each_python.root), child.stderr
    assert script.stdout.strip().endswith(f"(python {each_python.python_version})"), script.stderr


def test_a_python_that_is_missing_is_a_skip_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A green run must not mean that nothing ran."""
    monkeypatch.setattr(interpreters, "interpreter_of", lambda python: None)
    cells = interpreters.every_python()

    assert [cell.python for cell in cells] == list(interpreters.PYTHONS)
    assert all(f"no Python {cell.python} " in cell.absence for cell in cells)


def test_nothing_of_this_machine_reaches_an_environment(
    newest: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy or an index of the developer's own would decide what the tests say."""
    for name in ("PIP_INDEX_URL", "PIP_RESILIENT", "HTTPS_PROXY", "CI", "PYTHONPATH", "NETRC"):
        monkeypatch.setenv(name, "surprise")
    seen = newest.python("import os; print(sorted(os.environ.values()))", armed=False).stdout
    config = newest.pip("config", "list", armed=False).stdout

    assert "surprise" not in seen
    assert [line.partition("=")[0] for line in config.splitlines()] == [
        ":env:.config-file",
        ":env:.disable-pip-version-check",
        ":env:.no-input",
    ]


def test_a_timeout_ends_the_grandchildren_too(newest: Environment) -> None:
    """What one test leaves running, another one meets."""
    said: list[str] = []
    for seconds in (1, 5, 25):
        with pytest.raises(TimeoutError) as caught:
            newest.python(HANGING, timeout=seconds)
        said = re.findall(r"<(\d+)>", str(caught.value))
        if said:
            break
    child = int(said[0])

    deadline = time.monotonic() + 10
    while _is_running(child) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert not _is_running(child)


def test_a_copy_can_be_damaged_without_harm(newest: Environment) -> None:
    """The environment is shared by all tests of a session."""
    with newest.throw_away_copy() as private:
        removed = private.pip("uninstall", "-y", "pip-resilient", armed=False)

        assert removed.returncode == 0, removed.stderr
        assert not (private.site_packages / "pip_resilient").exists()
    assert (newest.site_packages / "pip_resilient").exists()
    assert not private.root.exists()


def test_an_interrupted_download_is_not_trusted_later(tmp_path: Path) -> None:
    """Half a folder of wheels would fail every later run, until somebody deletes it."""

    def interrupted(into: Path) -> None:
        (into / "half.whl").write_bytes(b"")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.once(tmp_path / "wheels", interrupted)

    assert list(tmp_path.iterdir()) == []


def test_of_two_downloads_at_once_the_first_is_kept(tmp_path: Path) -> None:
    """Two workers of pytest-xdist start with the same empty folder."""
    folder = tmp_path / "wheels"

    def slower(into: Path) -> None:
        kept.once(folder, lambda other: (other / "first.whl").touch())
        (into / "second.whl").touch()

    kept.once(folder, slower)

    assert [path.name for path in folder.iterdir()] == ["first.whl"]
    assert [path.name for path in tmp_path.iterdir()] == ["wheels"]


def test_a_namespace_is_the_commands_own_or_it_is_said_why_not(newest: Environment) -> None:
    """Root writes wherever a mode forbids it."""
    before = or_skip(read_only(str(newest.work)))
    write = ("sh", "-c", f'echo >"{newest.work}/it"')

    assert newest.run(*before, *write).returncode != 0
    assert newest.run(*write).returncode == 0
    assert "no-such-command" in refusal(("no-such-command",))


def _is_running(process: int) -> bool:
    """Tell whether a process is there, and more than a zombie that nobody has reaped."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path("/proc", str(process), "stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return not Path("/proc/self").exists()  # a system without /proc
