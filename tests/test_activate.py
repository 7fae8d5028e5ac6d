"""Do we wait for pip at next to no cost, and only where we are wanted?

Started interpreters are looked at end to end; here the parts are tried alone.
"""

from __future__ import annotations

import gc
import os
import sys
import types
import weakref
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient import activate
from pip_resilient.activate import Finder, Loader, arm, disarm, stand_aside
from pip_resilient.children import VARIABLE
from tests.pip_in_process import hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PTH = Path(__file__).resolve().parents[1] / "pip_resilient.pth"
SEAM = "pip._internal.network.session"


@pytest.fixture(autouse=True)
def _meta_path_as_before() -> Iterator[None]:
    before = list(sys.meta_path)
    yield
    sys.meta_path[:] = before


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the hook was offered; it stands in for the real one."""
    offered: list[Any] = []
    hook = types.ModuleType("pip_resilient.hook")
    vars(hook)["take"] = lambda module, *rest: offered.append(module)
    monkeypatch.setitem(sys.modules, "pip_resilient.hook", hook)
    monkeypatch.setattr("pip_resilient.hook", hook, raising=False)
    monkeypatch.setattr(sys, "argv", ["pip", "install"])
    return offered


class Theirs:
    """A finder and a loader of somebody else's."""

    def __init__(self, code: str = "answer = 42") -> None:
        self.code = code
        self.asked: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        self.asked.append(name)
        return ModuleSpec(name, self, origin="theirs")  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        exec(self.code, vars(module))


class Old:
    """A loader without `exec_module`, as zipimporter's is on Python 3.9."""

    def get_code(self, name: str) -> Any:
        return compile("answer = __name__", name, "exec")


def finders() -> list[Any]:
    return [finder for finder in sys.meta_path if type(finder) is Finder]


def module_of(loader: Any) -> types.ModuleType:
    module = types.ModuleType(SEAM)
    module.__spec__ = ModuleSpec(SEAM, loader)
    module.__loader__ = loader
    return module


def start(monkeypatch: pytest.MonkeyPatch, value: str | None) -> bool:
    """Run our .pth line as Python does at its start; return whether we then wait."""
    if value is None:
        monkeypatch.delenv("PIP_RESILIENT", raising=False)
    else:
        monkeypatch.setenv("PIP_RESILIENT", value)
    lines = PTH.read_text(encoding="ascii").splitlines()
    for line in lines:
        if line.startswith("import "):  # what `site` looks for
            exec(line, {})
    return len(finders()) == 1


@pytest.mark.parametrize("value", ["1", "true", "YES", " on ", "True"])
def test_four_words_switch_on(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """What the README says must work as people type it."""
    assert start(monkeypatch, value)


@pytest.mark.parametrize("value", [None, "", "0", "false", "no", "off", "2", "enable", "y"])
def test_everything_else_is_off(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Whoever is unsure gets stock pip."""
    assert not start(monkeypatch, value)


def test_arming_twice_is_arming_once() -> None:
    """In a virtual environment every .pth runs twice."""
    arm()
    arm()

    assert len(finders()) == 1
    assert sys.meta_path[0] is finders()[0]


def test_disarming_leaves_the_others() -> None:
    """Other tools have their finders there, too."""
    before = list(sys.meta_path)
    arm()
    disarm()
    disarm()

    assert sys.meta_path == before


@pytest.mark.parametrize(
    "name",
    [
        "pip",
        "pip._internal.network",
        "pip._internal.network.sessions",
        "pip._internal.network.auth",
        "pip._vendor.requests",
        "network.session",
        "json",
    ],
)
def test_only_the_seams_are_looked_at(name: str) -> None:
    """Every import of every program passes here."""
    theirs = Theirs()
    sys.meta_path.insert(0, theirs)  # type: ignore[arg-type]

    assert Finder().find_spec(name) is None
    assert theirs.asked == []


@pytest.mark.parametrize("home", activate.HOMES)
@pytest.mark.parametrize("seam", activate.SEAMS)
def test_a_seam_is_found_by_the_others_and_wrapped(home: str, seam: str) -> None:
    """pip comes from folders, zips and frozen programs."""
    theirs = Theirs()
    sys.meta_path.insert(0, theirs)  # type: ignore[arg-type]
    spec = Finder().find_spec(home + seam)

    assert type(spec.loader) is Loader
    assert spec.origin == "theirs"
    assert theirs.asked == [home + seam]


def other_copy() -> types.ModuleType:
    """Return this module as `pip-resilient run` loads it: by file, a second time."""
    spec = spec_from_file_location("elsewhere", activate.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_copies_of_us_do_not_ask_each_other_for_ever() -> None:
    """pip would end with a RecursionError."""
    theirs = Theirs()
    sys.meta_path[:] = [Finder(), other_copy().Finder(), theirs]  # type: ignore[list-item]

    assert type(sys.meta_path[0].find_spec(SEAM).loader) is Loader  # type: ignore[union-attr]
    assert theirs.asked == [SEAM]


def test_two_copies_of_us_arm_once() -> None:
    """Every patch would be made twice, and every retry with it."""
    arm()
    before = list(sys.meta_path)
    other_copy().arm()

    assert sys.meta_path == before


def test_a_seam_that_nobody_finds_is_not_found() -> None:
    """Then pip itself is broken, and says so."""
    sys.meta_path[:] = [Finder()]

    assert Finder().find_spec(SEAM) is None


def test_the_hook_is_offered_the_seam_after_it_has_run(taken: list[Any]) -> None:
    """Before that there is nothing to change."""
    theirs = Theirs()
    module = module_of(Loader(theirs))
    Loader(theirs).exec_module(module)

    assert taken == [module]
    assert vars(module)["answer"] == 42


@pytest.mark.parametrize(
    ("home", "before", "waits"),
    [
        ("pip", False, True),
        ("pip", True, False),
        ("pipenv.patched.pip", True, True),
    ],
)
def test_waiting_ends_with_the_last_seam(
    taken: list[Any], monkeypatch: pytest.MonkeyPatch, home: str, before: bool, waits: bool
) -> None:
    """Every import after it would be asked about; pip's own may follow pipenv's copy."""
    network = f"{home}._internal.network"
    for own in ("pip._internal.network.session", "pip._internal.network.download"):
        monkeypatch.delitem(sys.modules, own, raising=False)
    if before:
        monkeypatch.setitem(sys.modules, f"{network}.session", types.ModuleType("session"))
    module = types.ModuleType(f"{network}.download")
    module.__spec__ = ModuleSpec(module.__name__, None)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    arm()
    Loader(Theirs()).exec_module(module)

    assert taken == [module]
    assert bool(finders()) is waits


def test_the_module_gets_its_own_loader_back(taken: list[Any]) -> None:
    """pip's vendored pkg_resources asks `__loader__` for data files."""
    theirs = Theirs()
    module = module_of(Loader(theirs))
    Loader(theirs).exec_module(module)

    assert module.__loader__ is theirs
    assert module.__spec__ is not None
    assert module.__spec__.loader is theirs


def test_a_loader_without_exec_module_is_understood(taken: list[Any]) -> None:
    """pip 21.1 to 22.1 run pip from a zip for build isolation."""
    module = module_of(Loader(Old()))
    Loader(Old()).exec_module(module)

    assert vars(module)["answer"] == SEAM
    assert taken == [module]
    assert Loader(Old()).create_module(module.__spec__) is None


def test_a_wrapped_loader_does_all_that_it_did() -> None:
    """`get_data` and `is_package` are asked by name."""
    theirs = Theirs()

    assert Loader(theirs).code == "answer = 42"


def test_an_error_of_pip_s_own_is_pip_s_own(taken: list[Any]) -> None:
    """A broken pip must be told as it is."""
    theirs = Theirs("raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        Loader(theirs).exec_module(module_of(theirs))

    assert taken == []


@pytest.mark.parametrize("program", ["/x/pip/_vendor/pyproject_hooks/_in_process/_in_process.py"])
def test_a_build_backend_is_left_alone(
    taken: list[Any], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """It has lost site-packages, and its network is not pip's business."""
    monkeypatch.setattr(sys, "argv", [program])
    Loader(Theirs()).exec_module(module_of(Theirs()))

    assert taken == []


@pytest.mark.parametrize("argv", [[], [""], [None]])
def test_a_program_without_a_name_is_no_backend(
    taken: list[Any], monkeypatch: pytest.MonkeyPatch, argv: list[Any]
) -> None:
    """Python in another program has such words, or none."""
    monkeypatch.setattr(sys, "argv", argv)
    Loader(Theirs()).exec_module(module_of(Theirs()))

    assert len(taken) == 1


def test_a_failing_hook_does_not_fail_pip(
    taken: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip must always be able to uninstall us."""

    def take(module: Any, *rest: Any) -> None:
        raise RuntimeError("unknown pip")

    monkeypatch.setitem(vars(sys.modules["pip_resilient.hook"]), "take", take)
    arm()
    module = module_of(Theirs())
    Loader(Theirs()).exec_module(module)
    said = capsys.readouterr()

    assert vars(module)["answer"] == 42
    assert finders() == []
    assert said.out == ""
    assert said.err == (
        "pip-resilient: standing aside, pip runs without it (RuntimeError: unknown pip)\n"
    )


@pytest.mark.parametrize("stderr", [None, "closed"])
def test_without_stderr_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, stderr: str | None
) -> None:
    """pythonw has none, and daemons close theirs."""
    with open(tmp_path / "closed", "w", encoding="utf-8") as file:
        pass
    monkeypatch.setattr(sys, "stderr", file if stderr else None)
    stand_aside("because")


def test_undo_takes_back_what_is_not_pip_s_too() -> None:
    """A program that runs pip in process would hand our variable on, and meet us at its end."""
    with hooked_pip() as pip:
        hook = weakref.ref(pip.hook)
        while_on = os.environ.get(VARIABLE)
    del pip
    gc.collect()

    assert while_on is not None
    assert VARIABLE not in os.environ
    assert hook() is None, "something of the interpreter's still holds it"


def test_undo_leaves_the_variable_of_an_outer_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that pip started has it from its parent, and so have its own children."""
    monkeypatch.setenv(VARIABLE, "/of/the/outer/pip")
    with hooked_pip():
        pass

    assert os.environ[VARIABLE] == "/of/the/outer/pip"
