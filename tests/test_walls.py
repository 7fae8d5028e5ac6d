"""Does the house still have its walls?

The rules are those of the design: who may import what, how large a room may be,
what must be explained. The sources are read with `ast`, nothing is imported.
"""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Union

import pytest
from pip._internal.models.index import PyPI

from tests import documents

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pip_resilient"
PATHS = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in PATHS]
each_module = pytest.mark.parametrize("path", PATHS, ids=IDS)

# Rooms from the top of the house to its cellar; an arrow goes only downwards.
FLOORS = (
    *("__main__", "cli", "carrier", "activate", "hook", "changes", "wrapping", "sinks"),
    *("last_call", "wing", "session", "children", "door", "carrying", "options", "settings"),
    *("second_look", "certificates", "diagnosis", "journal", "messages", "ndjson", "events"),
    *("accounts", "exceptions", "store", "mirrors", "policy"),
)
UPWARDS = {("door", "wing")}
"""What only trouble needs is imported at its first sign, and not before."""
PURE = (
    *("policy", "mirrors", "settings", "events", "messages", "journal", "diagnosis", "accounts"),
    "certificates",
)
IMPURE = {
    *("pip", "urllib3", "wrapt", "requests", "socket", "ssl", "time", "random"),
    *("select", "selectors", "threading", "subprocess", "asyncio", "http", "os", "sys"),
}
STORE = {
    *("__future__", "typing", "collections"),
    *("contextlib", "hashlib", "heapq", "json", "math"),
    *("os", "re", "stat"),
}
THEIRS = {"pip", "urllib3", "requests"}
LAZY = {
    ("activate.py", "pip_resilient.hook"),
    ("door.py", "pip_resilient.wing"),
    # Every Python that a command starts runs it, Python 2 too; most never run pip.
    ("sitecustomize.py", "importlib.machinery"),
    ("sitecustomize.py", "importlib.machinery.FileFinder"),
    ("sitecustomize.py", "importlib.machinery.SOURCE_SUFFIXES"),
    ("sitecustomize.py", "importlib.machinery.SourceFileLoader"),
    ("sitecustomize.py", "pip_resilient.activate"),
    ("sitecustomize.py", "sitecustomize"),
    # For builds in environments of their own; pip builds before it blocks imports.
    ("hook.py", "pip_resilient.carrying"),
    # It warns where PySocks is not there.
    ("asking.py", "urllib3.contrib.socks.SOCKSProxyManager"),
    # Where an index answers over verified TLS; in a healthy run too, but not in all of them.
    ("run.py", "pip_resilient.store.folder"),
    ("run.py", "pip_resilient.store.folder.Folder"),
    ("run.py", "pip_resilient.store.last_good"),
    ("run.py", "pip_resilient.store.last_good.LastGood"),
}
BY_A_STRING = ("hook.py", "wrapping.py")

Definition = Union[ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef]


@dataclass(frozen=True)
class Import:
    """One module that is imported.

    Attributes:
        name: Its full name; of `from a import b` both `a` and `a.b`.
        lazy: Whether it stands inside a function.
        typing: Whether only a type checker follows it.
    """

    name: str
    lazy: bool
    typing: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> list[Import]:
    return list(_imports(parsed(path), lazy=False, typing=False))


def _imports(node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, lazy, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield Import(child.module or "", lazy, typing)
            yield from (
                Import(f"{child.module}.{alias.name}", lazy, typing) for alias in child.names
            )
        else:
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _imports(
                child, lazy=lazy or function, typing=typing or _is_type_checking(child)
            )


def _is_type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def room_of(name: str) -> str:
    """Return the floor that a module of ours is on: `session` of `pip_resilient.session.body`."""
    return name.removeprefix("pip_resilient.").partition(".")[0]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def definitions(node: ast.AST) -> Iterator[Definition]:
    for child in ast.walk(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child


def test_the_walls_are_looked_at() -> None:
    """A wrong path would make every test of this file pass over nothing."""
    assert len(PATHS) > 20


@each_module
def test_what_decides_is_pure(path: Path) -> None:
    """A policy with a clock or a socket in it could not be tried in a thousand networks."""
    if room_of(module_name(path)) in PURE:
        found = {one.name for one in imports_of(path) if not one.typing and one.top in IMPURE}

        assert found == set()


@each_module
def test_the_store_needs_next_to_nothing(path: Path) -> None:
    """It decides nothing, and what it imports is paid for by healthy runs too."""
    if room_of(module_name(path)) == "store":
        found = {one.name for one in imports_of(path) if one.top not in STORE}

        assert {room_of(name) for name in found if name.startswith("pip_resilient.")} <= {
            *("store", "policy")
        }
        assert {name for name in found if not name.startswith("pip_resilient.")} == set()


@each_module
def test_only_the_hook_needs_wrapt(path: Path) -> None:
    """It costs more than all the rest of ours, and only patches need it."""
    if path.name != "hook.py":
        assert "wrapt" not in {one.top for one in imports_of(path)}


@each_module
def test_nothing_of_theirs_is_imported_by_name(path: Path) -> None:
    """Debian 11 has second copies: a class imported by name is not the one that is raised."""
    if "cli" not in path.parts:
        assert {one.name for one in imports_of(path) if one.top in THEIRS} == set()


@each_module
def test_only_what_touches_others_imports_by_a_string(path: Path) -> None:
    """Such an import goes through every wall unseen."""
    called = {
        getattr(node.func, "attr", getattr(node.func, "id", ""))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
    }

    assert path.name in BY_A_STRING or called & {"import_module", "__import__"} == set()


def test_starting_costs_two_modules_that_are_there_anyway() -> None:
    """Every interpreter of the environment pays for what stands there."""
    found = {
        (one.top, one.lazy)
        for one in imports_of(PACKAGE / "activate.py")
        if not one.typing and one.top != "__future__"
    }

    assert found == {("os", False), ("sys", False), ("pip_resilient", True)}


@pytest.mark.parametrize("room", ["", "cli", "mirrors", "policy", "session", "store"])
def test_a_package_itself_imports_nothing(room: str) -> None:
    """`import pip_resilient` is paid for at every start."""
    assert imports_of(PACKAGE / room / "__init__.py") == []


@each_module
def test_imports_stand_at_the_top(path: Path) -> None:
    """pip 26.3 blocks imports once it installs wheels: a late one would fail there."""
    late = {one.name for one in imports_of(path) if one.lazy}

    assert {name for name in late if not _allowed(path, name)} == set()


def _allowed(path: Path, name: str) -> bool:
    return any(path.name == where and f"{what}.".startswith(f"{name}.") for where, what in LAZY)


def wing() -> set[str]:
    """Return the names of the modules that only trouble needs."""
    modules = {module_name(path) for path in PATHS if path.name != "__init__.py"}
    return modules & {one.name for one in imports_of(PACKAGE / "wing.py")}


def test_the_wing_has_rooms() -> None:
    """With none in it, the next test would pass over nothing."""
    assert len(wing()) > 5


def loaded_with(module: str) -> set[str]:
    """Return what of ours is loaded as soon as a module is."""
    paths = {module_name(path): path for path in PATHS}
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in paths and name not in found:
            found.add(name)
            imports = imports_of(paths[name])
            waiting += [one.name for one in imports if not one.typing and not one.lazy]
    return found


def test_the_wing_is_entered_by_its_door() -> None:
    """What the hook loads is paid for by every healthy run."""
    assert loaded_with("pip_resilient.hook") & wing() == set()


def test_all_of_the_wing_is_loaded_at_once() -> None:
    """What is left for later may not be there any more, or may not be imported then."""
    everything = {module_name(path) for path in PATHS if path.name != "__init__.py"}
    starts = loaded_with("pip_resilient.activate") | loaded_with("pip_resilient.last_call")
    starts |= loaded_with("pip_resilient.carrier.sitecustomize")
    everything -= loaded_with("pip_resilient.__main__")  # never in pip's process
    rest = everything - loaded_with("pip_resilient.hook") - loaded_with("pip_resilient.wing")
    rest -= loaded_with("pip_resilient.__main__")  # another program

    assert rest <= starts


@each_module
def test_arrows_go_only_downwards(path: Path) -> None:
    """A circle would make every room depend on every other."""
    here = room_of(module_name(path))
    if here != PACKAGE.name:
        there = {
            room_of(one.name) for one in imports_of(path) if one.name.startswith("pip_resilient.")
        }
        above = set(FLOORS[: FLOORS.index(here)])

        assert {(here, room) for room in there & above} <= UPWARDS


def test_the_document_has_the_rooms_in_the_order_of_their_floors() -> None:
    """Whoever reads it looks there for what may import what."""
    house = documents.section(documents.read(documents.DOCS / "design.md"), "The house")
    named = [name for row in documents.rows(house) for name in re.findall(r"`([^`]+)`", row[0])]
    rooms = {room_of(module_name(path)) for path in PATHS} - {PACKAGE.name}

    assert named[0] == "pip_resilient.pth"
    assert tuple(re.sub(r"/|\.py\Z", "", name) for name in named[1:]) == FLOORS
    assert set(FLOORS) == rooms


def test_no_module_imports_itself_by_a_detour() -> None:
    """A circle at run time fails or not by the order of imports."""
    arrows = {
        module_name(path): {one.name for one in imports_of(path) if not one.typing}
        for path in PATHS
    }
    circles = [name for name in arrows if name in _reached(name, arrows)]

    assert circles == []


def _reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        name = waiting.pop()
        if name in arrows and name not in reached:
            reached.add(name)
            waiting += arrows[name]
    return reached


@each_module
def test_a_room_is_small_enough_to_be_read_at_once(path: Path) -> None:
    """A longer one has two questions to answer."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


@each_module
def test_a_function_fits_on_a_page(path: Path) -> None:
    """A longer one cannot be understood without scrolling."""
    long = {
        one.name: lines
        for one in definitions(parsed(path))
        if not isinstance(one, ast.ClassDef) and (lines := _lines(one)) > 40
    }

    assert long == {}


def _lines(one: Definition) -> int:
    """Count lines, the docstring aside."""
    assert one.end_lineno is not None
    lines = one.end_lineno - one.lineno + 1
    first = one.body[0]
    if ast.get_docstring(one) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


@each_module
def test_a_room_is_named_for_what_is_in_it(path: Path) -> None:
    """Anything may be put into `utils`, and so it is."""
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}


@each_module
def test_everything_public_is_explained(path: Path) -> None:
    """What is not explained is found out by reading all that uses it."""
    tree = parsed(path)
    bare = [one.name for one in _public(tree) if ast.get_docstring(one) is None]

    assert ast.get_docstring(tree)
    assert bare == []


@each_module
def test_each_module_opens_with_its_question_and_its_rule(path: Path) -> None:
    """Who knows neither reads all of it. A command opens with its help."""
    tree = parsed(path)
    doc = ast.get_docstring(tree) or ""
    names = {target for one in tree.body if isinstance(one, ast.Assign) for target in _targets(one)}

    if path.stem not in ("__init__", "__main__") and not {"NAME", "HELP"} <= names:
        assert "?" in doc.splitlines()[0]
        assert re.search(r"(?m)^The rules?\b", doc)


def _targets(node: ast.Assign) -> Iterator[str]:
    return (target.id for target in node.targets if isinstance(target, ast.Name))


def _public(node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for child in node.body:
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(child, kinds) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from _public(child)


def tracked() -> dict[str, bytes]:
    """Return each file of the checkout, new ones too, by its path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = (name.decode() for name in listed.stdout.split(b"\0") if name)
    return {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}


def registries() -> list[str]:
    """Return the hosts that packages and images come from, in pieces: this file is searched too."""
    parts = (
        *("deb/debian/org", "security/debian/org", "archive/debian/org", "snapshot/debian/org"),
        *("archive/ubuntu/com", "security/ubuntu/com", "ports/ubuntu/com"),
        *("registry/npmjs", "npmjs/com", "registry/yarnpkg", "crates/io", "docker/io"),
        *("hub/docker/com", "ghcr/io", "quay/io"),
    )
    return [PyPI.netloc, PyPI.file_storage_domain, *(".".join(one.split("/")) for one in parts)]


def places_of_one_machine(content: bytes) -> list[bytes]:
    """Return the paths in a file that are somebody's home; `/home/me` is the documents'."""
    homes = rb"(?<![\w.\])}])(?:/root(?=/\.|$)|/home/(?!me\b)\w+|/Users/\w+)"
    return re.findall(homes, content, re.MULTILINE)


def test_no_registry_is_named_anywhere() -> None:
    """pip's constants and each tool's settings name it.

    A name typed here would be asked one day by mistake.
    """
    names = [name.encode() for name in registries()]
    found = {
        path: there
        for path, content in tracked().items()
        if (there := [name for name in names if name in content.lower()])
    }

    assert found == {}


def test_no_place_of_one_machine_is_named_anywhere() -> None:
    """It is there on no other one, and says who wrote it."""
    found = {
        path: there
        for path, content in tracked().items()
        if (there := places_of_one_machine(content))
    }

    assert found == {}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("cd {}root/.cache", True),
        ("'{}root/.pip'", True),
        ('"{}home/x/pip.conf"', True),
        ("{}home/me/venv", False),
        ("{}home/melody/venv", True),
        ("{}Users/x/Library", True),
        ("https://devpi.example{}root/pypi/", False),
    ],
)
def test_a_place_of_one_machine_is_told_from_others(written: str, found: bool) -> None:
    """A pattern that finds nothing would pass everywhere."""
    assert bool(places_of_one_machine(written.format("/").encode())) is found
