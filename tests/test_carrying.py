"""Is what every Python of a command is sent to safe, and nothing but what it must be?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pip_resilient import carrying

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")

# Outside of any environment; up to Python 3.10 only the link that is in it leads there.
PYTHON = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]

SEEN = """
import json, sys
print(json.dumps({
    "path": sys.path,
    "waits": any(getattr(finder, "waits_for_pip", False) for finder in sys.meta_path),
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "__file__", None),
    "modules": sorted(sys.modules),
}))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder as pip leaves it, with the real carrier in it."""
    home = tmp_path / "home"
    for name in ("pip_resilient", "wrapt"):
        (home / name).mkdir(parents=True)
        home.chmod(0o755)
        (home / name).chmod(0o755)
    for name in ("__init__.py", "activate.py", "carrier/sitecustomize.py"):
        written = home / "pip_resilient" / name
        written.parent.mkdir(exist_ok=True)
        written.write_bytes((Path(carrying.PLUGIN) / name).read_bytes())
    (home / "wrapt" / "__init__.py").write_text("")
    (home / "other.py").write_text("")
    for path in (home / "pip_resilient" / "carrier", *home.rglob("*.py")):
        path.chmod(0o755)
    return home


def carrier_of(home: Path) -> str:
    return str(home / "pip_resilient" / "carrier")


def python(home: Path, code: str = SEEN, *more: str, **env: str) -> dict[str, Any]:
    """Start a Python that is sent to the carrier, and return what it prints."""
    environ = {"PIP_RESILIENT": "1", "PYTHONPATH": os.pathsep.join([carrier_of(home), *more])}
    done = subprocess.run(
        [PYTHON, "-c", code],
        env={**environ, **env},
        capture_output=True,
        text=True,
        check=True,
        cwd=home.parent,
    )
    assert done.stderr == ""
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


# The path.


@pytest.mark.parametrize("before", [None, ""])
def test_no_entry_is_empty(before: str | None) -> None:
    """An empty one is the current folder, where anybody may have laid an `os.py`."""
    assert carrying.path_with_carrier(before) == carrying.CARRIER


def test_what_the_user_has_there_stays() -> None:
    """Their programs find their modules where they did."""
    before = os.pathsep.join(["/a", "/b"])

    assert carrying.path_with_carrier(before) == os.pathsep.join([carrying.CARRIER, before])


def test_one_run_in_another_adds_nothing() -> None:
    """Scripts that call scripts would make it longer and longer."""
    once = carrying.path_with_carrier("/a")

    assert carrying.path_with_carrier(once) == once


def test_the_folder_holds_only_what_python_looks_for() -> None:
    """All that lies there could be imported by any program."""
    names = {path.name for path in Path(carrying.CARRIER).iterdir()}

    assert names - {"__pycache__"} == {"sitecustomize.py"}


def test_a_python_has_the_path_that_it_would_have_had(home: Path) -> None:
    """What pip lists, and what a program imports, hangs on it."""
    with_it = python(home, SEEN)
    without = python(home, SEEN, PYTHONPATH="")

    assert with_it["path"] == without["path"]
    assert with_it["waits"]
    assert not without["waits"]


def test_nothing_beside_the_plugin_can_be_imported(home: Path) -> None:
    """A program that tries `import wrapt` must go on without it, as it did before."""
    code = """
import importlib.util, json
specs = [importlib.util.find_spec(name) for name in ("wrapt", "other", "pip_resilient")]
print(json.dumps([spec and spec.origin for spec in specs]))
"""
    places = python(home, code)
    found = [str(place).startswith(str(home)) for place in places]

    assert found == [False, False, True]


def test_switched_off_it_only_hands_on(home: Path) -> None:
    """PIP_RESILIENT is the switch, here too."""
    seen = python(home, PIP_RESILIENT="0")

    assert not seen["waits"]
    assert "pip_resilient" not in str(seen["modules"])


def test_an_installed_plugin_goes_first(home: Path) -> None:
    """Two of them would be two versions in one pip. Its `.pth` has run by then."""
    script = Path(carrier_of(home), "sitecustomize.py")
    code = f"""
import runpy, sys
class Theirs:
    waits_for_pip = True
    def find_spec(self, *args):
        return None
sys.meta_path.insert(0, Theirs())
runpy.run_path({str(script)!r})
"""
    seen = python(home, code + SEEN, PYTHONPATH="")

    assert "pip_resilient.activate" not in seen["modules"]


# The other sitecustomize.


def test_the_next_sitecustomize_runs(home: Path, tmp_path: Path) -> None:
    """Coverage and many distributions have one."""
    (tmp_path / "sitecustomize.py").write_text("import this_is_theirs")
    (tmp_path / "this_is_theirs.py").write_text("")
    seen = python(home, SEEN, str(tmp_path))

    assert "this_is_theirs" in seen["modules"]
    assert seen["sitecustomize"] == str(tmp_path / "sitecustomize.py")
    assert seen["waits"]


def test_its_errors_are_told_as_python_tells_them(home: Path, tmp_path: Path) -> None:
    """Swallowed, they would look like ours, or like nothing."""
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('theirs')")
    argv = [PYTHON, "-c", "print(1)"]
    said = []
    for path in ([str(tmp_path)], [carrier_of(home), str(tmp_path)]):
        env = {"PIP_RESILIENT": "1", "PYTHONPATH": os.pathsep.join(path)}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
        said.append((done.stdout, done.stderr))

    assert said[0] == said[1]
    assert "ValueError: theirs" in said[0][1]


# Nothing is left.


def test_no_bytecode_is_left(home: Path) -> None:
    """pip would not remove that of another Python when the plugin is uninstalled."""
    python(home)

    assert [path.name for path in home.rglob("*.pyc")] == []
    assert not (home / "pip_resilient" / "carrier" / "__pycache__").exists()


def test_bytecode_of_the_python_that_it_was_installed_for_stays(home: Path) -> None:
    """pip made it, knows it, and removes it."""
    compileall = [PYTHON, "-m", "compileall", "-q", str(home)]
    subprocess.run(compileall, check=True)
    before = sorted(home.rglob("*.pyc"))
    python(home)

    assert before
    assert sorted(home.rglob("*.pyc")) == before


# Who may write there.


@posix
def test_a_folder_of_the_users_is_safe(home: Path) -> None:
    """The usual case."""
    assert carrying.why_not(str(home)) == ""


@posix
@pytest.mark.parametrize(
    "part", ["", "pip_resilient", "wrapt", "pip_resilient/carrier/sitecustomize.py"]
)
def test_what_all_may_write_to_is_refused(home: Path, part: str) -> None:
    """Whoever writes there would run in every Python of the command."""
    (home / part).chmod(0o777)

    assert carrying.why_not(str(home)) == f"others than you and root may write to {home / part}"


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root gives away")
def test_what_another_user_owns_is_refused(home: Path) -> None:
    """They may write there as they like."""
    os.chown(home / "pip_resilient" / "carrier", 12345, 0)

    assert "others than you and root" in carrying.why_not(str(home))


@posix
def test_what_a_group_may_write_to_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the group is the user's own: many systems make one for each user."""
    home.chmod(0o775)
    group = home.stat().st_gid
    user = carrying.pwd.struct_passwd(("me", "x", os.geteuid(), group, "", "/", ""))
    monkeypatch.setattr(carrying.pwd, "getpwuid", lambda uid: user)
    said = []
    for name, members in (("me", []), ("me", ["me"]), ("staff", []), ("me", ["you"])):
        entry = carrying.grp.struct_group((name, "x", group, members))
        monkeypatch.setattr(carrying.grp, "getgrgid", lambda gid, entry=entry: entry)
        said.append(bool(carrying.why_not(str(home))))

    assert said == [False, False, True, True]


def test_a_missing_wrapt_is_told(home: Path) -> None:
    """Without it the plugin could not do anything there."""
    (home / "wrapt").rename(home / "elsewhere")

    assert str(home / "wrapt") in carrying.why_not(str(home))


def test_a_broken_plugin_without_stderr_lets_python_start(home: Path) -> None:
    """Daemons close it; then there is nobody to be told."""
    (home / "pip_resilient" / "activate.py").write_text("import (")
    environ = {"PIP_RESILIENT": "1", "PYTHONPATH": carrier_of(home)}
    close_and_start = "import os, sys; os.close(2); os.execv(sys.argv[1], sys.argv[1:])"
    argv = [PYTHON, "-c", close_and_start, PYTHON, "-c", "print('started')"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "started\n")
