"""What can somebody plant where we keep things, and what comes of it?

The rule: whatever stands in the folder is as good as nothing unless it is a
file of this user's alone. It is never followed, never waited for, and nothing
outside the folder is read, written, given another time or removed. Each room
is asked for everything that it does, and each command that looks into it.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import stat
import time
from typing import TYPE_CHECKING

import pytest

from pip_resilient.cli import main, remembered
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.store import hosts as hosts_file
from pip_resilient.store import last_good
from pip_resilient.store.folder import Folder
from pip_resilient.store.hosts import Hosts
from pip_resilient.store.last_good import LastGood
from pip_resilient.store.partials import SMALLEST, Partials
from pip_resilient.store.runs import Runs
from tests.wall_clock import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such things")

INDEX, PLACE = "https://index.example/simple/", "https://index.example:443"
VALUE = hashlib.sha256(b"x").hexdigest()
NAMES = {
    "hosts": (hosts_file._file_of(PLACE),),
    "pages": (last_good._file_of(INDEX, "demo"), "swept"),
    "partials": (f"sha256-{VALUE}", f"sha256-{VALUE}.notes"),
    "runs": ("1-ab12cd.ndjson",),
}
SECRET = b"nobody else's\n" * 100


class Outside:
    """What must stay as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "folder").mkdir(parents=True)
        (path / "file").write_bytes(SECRET)
        (path / "folder" / "within").write_bytes(SECRET)
        for one in (path / "file", path / "folder" / "within", path / "folder"):
            os.utime(one, (1.0, 1.0))
        self.remember()

    def remember(self) -> None:
        self._before = self._now()

    def _now(self) -> list[tuple[str, int, int, float, bytes]]:
        found = []
        for one in sorted(self.path.rglob("*")):
            about = one.lstat()
            content = one.read_bytes() if one.is_file() else b""
            found.append((str(one), about.st_mode, about.st_uid, about.st_mtime, content))
        return found

    def assert_untouched(self) -> None:
        assert self._now() == self._before


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "outside")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    for name in ("", *NAMES):
        (folder / name).mkdir(mode=0o700)
    return folder


def _use(state: Path) -> None:
    """Do all that is ever done with the folder."""

    def room(name: str) -> Folder | None:
        root = Folder.open(str(state))
        return None if root is None else root.sub(name)

    def clock() -> float:
        return NOW

    hosts = Hosts(room("hosts"), clock)
    hosts.failed(PLACE, Failure(Kind.REFUSED), spare_answered=True)
    hosts.probing(PLACE)
    hosts.answered(PLACE)
    hosts.served_wrong(PLACE)
    Hosts(room("hosts"), clock).known()
    pages = LastGood(room("pages"), clock, most=10)
    assert pages.get(INDEX, "demo") is None or SECRET not in pages.get(INDEX, "demo").content  # type: ignore[union-attr]
    pages.mark(INDEX, "demo")
    pages.keep(INDEX, "demo", b"<html>" * 100, "text/html", 7)
    pages.keep(INDEX, "other", b"<html>" * 100, "text/html", 7)
    _use_partials(Partials(room("partials"), clock))
    runs = Runs(room("runs"), clock)
    assert runs.read("1-ab12cd") is None or SECRET.decode() not in runs.read("1-ab12cd")  # type: ignore[operator]
    runs.keep("1-ab12cd", ["{}"])
    runs.names()
    for words in (("cache",), ("report", "--list"), ("report",)):
        main.main([*words, "--state-dir", str(state)])
    remembered.troubles(str(state), clock)


def _use_partials(partials: Partials) -> None:
    partials.held()
    partials.left_of("sha256", VALUE)
    partial = partials.open("sha256", VALUE, SMALLEST)
    if partial is not None:
        assert partial.stretches() == []
        assert SECRET[:20] not in partial.read(0, 4096)
        partial.write(0, b"x" * 100)
        partial.note(0, 100, hashlib.sha256(b"x" * 100).hexdigest())
        partial.close()
    partial = partials.open("sha256", VALUE, SMALLEST)
    if partial is not None:
        partial.remove()


def _purge(state: Path) -> None:
    main.main(["cache", "purge", "--state-dir", str(state)])


def _use_and_purge(state: Path, outside: Outside) -> None:
    """See that neither changes what is outside, nor waits for it."""
    outside.remember()
    _in_time(lambda: _use(state))
    outside.assert_untouched()
    _in_time(lambda: _purge(state))
    outside.assert_untouched()


def _link(at: Path, outside: Path) -> None:
    at.symlink_to(outside / "file")


def _link_to_a_folder(at: Path, outside: Path) -> None:
    at.symlink_to(outside / "folder", target_is_directory=True)


def _link_to_nothing(at: Path, outside: Path) -> None:
    """Who opens it to write would make the file there."""
    at.symlink_to(outside / "made")


def _link_to_itself(at: Path, outside: Path) -> None:
    at.symlink_to(at)


def _hard_link(at: Path, outside: Path) -> None:
    """One that leads to a file which others may write, or which is somebody else's."""
    (outside / "file").chmod(0o666)
    os.link(outside / "file", at)


def _pipe(at: Path, outside: Path) -> None:
    os.mkfifo(at)


def _folder(at: Path, outside: Path) -> None:
    at.mkdir()
    (at / "within").write_bytes(b"x")


def _sparse(at: Path, outside: Path) -> None:
    with at.open("wb") as file:
        file.truncate(10 << 30)
    at.chmod(0o600)


def _somebody_elses(at: Path, outside: Path) -> None:
    at.write_bytes(SECRET)
    if os.geteuid():
        pytest.skip("only root can give a file away")
    os.chown(at, 12345, 12345)


def _for_everybody(at: Path, outside: Path) -> None:
    at.write_bytes(SECRET)
    at.chmod(0o666)


_PLANTED: dict[str, Callable[[Path, Path], None]] = {
    plant.__name__.strip("_"): plant
    for plant in (
        *(_link, _link_to_a_folder, _link_to_nothing, _link_to_itself, _hard_link),
        *(_pipe, _folder, _sparse, _somebody_elses, _for_everybody),
    )
}


@pytest.mark.parametrize("planted", _PLANTED)
def test_what_stands_in_place_of_our_files_is_nothing(
    planted: str, state: Path, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    for room, names in NAMES.items():
        for name in names:
            _PLANTED[planted](state / room / name, outside.path)
    _use_and_purge(state, outside)
    assert "nobody else" not in capsys.readouterr().out


@pytest.mark.parametrize("planted", _PLANTED)
def test_what_stands_in_place_of_our_folders_is_nothing(
    planted: str, state: Path, outside: Outside
) -> None:
    for room in NAMES:
        (state / room).rmdir()
        _PLANTED[planted](state / room, outside.path)
    _use_and_purge(state, outside)


@pytest.mark.parametrize("planted", _PLANTED)
def test_what_stands_in_place_of_the_whole_is_nothing(
    planted: str, state: Path, outside: Outside
) -> None:
    shutil.rmtree(state)
    _PLANTED[planted](state, outside.path)
    _use_and_purge(state, outside)


@pytest.mark.parametrize("planted", _PLANTED)
def test_other_names_are_left_alone_or_removed(planted: str, state: Path, outside: Outside) -> None:
    """With line ends, dots and letters in them; and as a writer's that has died."""
    names = ("a\nb", "..x", ".writing-1-aa", "a" * 200, "x\x1b[2J", "\udcff", "-rf", "a.json", "é")
    for room in NAMES:
        for name in names:
            _PLANTED[planted](state / room / name, outside.path)
    _use_and_purge(state, outside)


def test_what_has_another_name_too_is_not_changed(state: Path, outside: Outside) -> None:
    """A snapshot of the home may be made of hard links; it has to stay what it was."""
    (outside.path / "file").chmod(0o600)
    for room, names in NAMES.items():
        for name in names:
            os.link(outside.path / "file", state / room / name)
    outside.remember()
    _in_time(lambda: _use(state))
    outside.assert_untouched()


def test_instead_of_what_has_another_name_a_new_file_is_made(state: Path, outside: Outside) -> None:
    room = Folder.open(str(state / "partials"))
    assert room is not None
    os.link(outside.path / "file", state / "partials" / "x")
    fd = room.open_file("x", make=True)

    assert fd is not None
    assert os.fstat(fd).st_size == 0
    os.close(fd)
    outside.assert_untouched()


def test_thousands_of_files_are_looked_through_in_time(state: Path) -> None:
    for number in range(1_000):
        (state / "partials" / f"sha256-{number:064x}").write_bytes(b"")
    _in_time(lambda: _use(state), most=10.0)


def test_nothing_is_made_for_others(state: Path) -> None:
    _use(state)

    made = list(state.rglob("*"))
    assert {one.parent.name for one in made if one.is_file()} == set(NAMES) - {"partials"}
    assert [one for one in made if stat.S_IMODE(one.lstat().st_mode) & 0o077] == []


def _in_time(work: Callable[[], None], most: float = 5.0) -> None:
    """See that it comes back, and that 10 GB of zeros were not read into the memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    work()
    assert time.process_time() - began < most
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
