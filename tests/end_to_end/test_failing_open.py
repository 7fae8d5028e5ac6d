"""Does pip still work when we do not?

Each test damages a private copy of an environment in one way, and then asks for
the same three things: pip installs a file from an index, says at most one line of
ours, and gets rid of us.
"""

from __future__ import annotations

import re
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, left_of_ours, our_lines
from tests.end_to_end.local_index import serving, write_index, write_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEAM = "pip._internal.network.session"

# Taken off after __init__ and put back for close(), so that pip as it is can still
# install from a folder.
NO_POOLMANAGER = """

_init, _close = PipSession.__init__, PipSession.close


def _init_elsewhere(self, *args, **kwargs):
    _init(self, *args, **kwargs)
    self.elsewhere = {}
    for adapter in [*self.adapters.values(), self._trusted_host_adapter]:
        if "poolmanager" in vars(adapter):
            self.elsewhere[adapter] = vars(adapter).pop("poolmanager")


def _close_elsewhere(self):
    for adapter, pools in self.elsewhere.items():
        adapter.poolmanager = pools
    _close(self)


PipSession.__init__, PipSession.close = _init_elsewhere, _close_elsewhere
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A healthy index with one project, `needle`."""
    with serving(write_index(tmp_path, write_wheel(tmp_path / "wheels", "needle"))) as url:
        yield url


def _assert_pip_works(private: Environment, *source: str, lines: int | None = None) -> None:
    """Install, look, and uninstall us; no run may say more than one line of ours."""
    installed = private.pip("install", *source, "needle")
    imported = private.python("import needle", armed=False)
    removed = private.pip("uninstall", "-y", "pip-resilient")
    said = [len(our_lines(run.stderr)) for run in (installed, removed)]

    assert installed.returncode == 0, installed.stderr
    assert imported.returncode == 0, imported.stderr
    assert removed.returncode == 0, removed.stderr
    assert our_lines(installed.stdout + removed.stdout) == []
    assert max(said) <= 1, installed.stderr
    assert lines is None or said == [lines, lines], installed.stderr + removed.stderr
    assert "Traceback" not in installed.stderr
    assert left_of_ours(private) == []


@pytest.mark.parametrize("gone", ["wrapt", "urllib3"])
def test_a_missing_dependency_leaves_pip_alone(damaged: Environment, index: str, gone: str) -> None:
    """`pip uninstall wrapt` is a thing people do; pip itself must survive it."""
    for path in damaged.site_packages.glob(f"{gone}*"):
        shutil.rmtree(path)

    # pip does without urllib3, which only our command line needs.
    _assert_pip_works(damaged, "--index-url", index, lines=1 if gone == "wrapt" else 0)


def test_a_pth_without_its_package_leaves_pip_alone(damaged: Environment, index: str) -> None:
    """A half-finished uninstall must not take pip, the only way to repair it, along."""
    shutil.rmtree(damaged.site_packages / "pip_resilient")
    installed = damaged.pip("install", "--index-url", index, "needle")
    removed = damaged.pip("uninstall", "-y", "pip-resilient")
    after = damaged.pip("list")

    # What is on stderr here is Python's own report of the broken `.pth`.
    assert (installed.returncode, removed.returncode) == (0, 0), removed.stderr
    assert "Successfully installed needle" in installed.stdout
    assert left_of_ours(damaged) == []
    assert (after.returncode, after.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "content"),
    [
        pytest.param("activate", "def broken(:\n", id="activate, syntax"),
        pytest.param("activate", "", id="activate, empty"),
        pytest.param("hook", "def broken(:\n", id="hook, syntax"),
        pytest.param("hook", "raise SystemError('boom')\n", id="hook, raises"),
        pytest.param("hook", "", id="hook, empty"),
        pytest.param("settings", "def broken(:\n", id="settings, syntax"),
        pytest.param("session/adapter", "raise ImportError\n", id="adapter, raises"),
        pytest.param("last_call", "import (\n", id="last_call, syntax"),
    ],
)
def test_a_broken_module_of_ours_leaves_pip_alone(
    damaged: Environment, index: str, module: str, content: str
) -> None:
    """A disk that lost a block, or an update cut short: pip must still be able to repair us."""
    broken = damaged.site_packages / "pip_resilient" / f"{module}.py"
    if not broken.exists():
        pytest.skip(f"this version has no {module}.py")
    broken.write_text(content)
    installed = damaged.pip("install", "--index-url", index, "needle")
    removed = damaged.pip("uninstall", "-y", "pip-resilient")

    assert (installed.returncode, removed.returncode) == (0, 0), installed.stderr
    assert "Successfully installed needle" in installed.stdout
    assert len(our_lines(installed.stderr)) <= 1
    assert module == "activate" or "Traceback" not in installed.stderr
    assert left_of_ours(damaged) == []


def test_a_pip_without_the_session_class_stays_as_it_was(damaged: Environment, index: str) -> None:
    """A future pip may move `PipSession`; the module we wait for is then there, but empty."""
    pip = damaged.site_packages / "pip"
    moved = pip / "_internal" / "network" / "sessions.py"
    (pip / "_internal" / "network" / "session.py").rename(moved)
    for path in pip.joinpath("_internal").rglob("*.py"):
        code = re.sub(rf"{re.escape(SEAM)}\b", f"{SEAM}s", path.read_text("utf-8"))
        path.write_text(code, "utf-8")
    (pip / "_internal" / "network" / "session.py").write_text('"""Moved."""\n')
    moved.write_text(moved.read_text("utf-8") + f"\nimport {SEAM}\n", "utf-8")

    _assert_pip_works(damaged, "--index-url", index, lines=1)


def test_a_session_with_other_adapters_stays_as_it_was(
    damaged: Environment, tmp_path: Path
) -> None:
    """A future pip may have another HTTP stack; half of our patch on it would break it."""
    session = damaged.site_packages / "pip" / "_internal" / "network" / "session.py"
    session.write_text(session.read_text("utf-8") + NO_POOLMANAGER, "utf-8")
    write_wheel(tmp_path, "needle")

    _assert_pip_works(damaged, "--no-index", "--find-links", str(tmp_path), lines=1)


@pytest.mark.parametrize("obstacle", ["file", "read-only folder"])
def test_a_cache_that_cannot_be_written_is_no_obstacle(
    damaged: Environment, index: str, obstacle: str
) -> None:
    """CI images mount the cache read-only; remembering less is no reason to fail."""
    cache = damaged.fresh_cache()
    cache.parent.mkdir(parents=True)
    if obstacle == "file":
        cache.write_bytes(b"")
    else:  # root writes all the same; there the first kind of obstacle is the test
        cache.mkdir()
        cache.chmod(stat.S_IRUSR | stat.S_IXUSR)

    _assert_pip_works(damaged, "--index-url", index)
