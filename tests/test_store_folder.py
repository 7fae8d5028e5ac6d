"""Is a folder only used where it is safe, and does nothing ever raise?

A real file system, with links, pipes, foreign modes and two processes at
once. Every test runs through the open folder and by path, as on Windows.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.store import folder as room
from pip_resilient.store.folder import Entry, Folder

ROOT = Path(__file__).resolve().parents[1]
MOST = 1000
pytestmark = pytest.mark.usefixtures("reached")
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
not_as_root = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere"
)
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "ours"


@pytest.fixture
def folder(path: Path) -> Folder:
    opened = Folder.open(str(path))

    assert opened is not None
    return opened


@posix
def test_a_missing_folder_is_made_for_this_user_alone(path: Path, folder: Folder) -> None:
    """Names of projects are nobody else's business."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_what_is_written_is_read(folder: Folder) -> None:
    """It is what it is for."""
    assert folder.write("a.json", b"one")
    assert folder.write("a.json", b"two")
    assert folder.read("a.json", MOST) == b"two"
    assert folder.names() == ["a.json"]


@posix
def test_a_file_is_for_this_user_alone(path: Path, folder: Folder) -> None:
    """A page may name internal projects."""
    folder.write("a", b"one")

    assert stat.S_IMODE((path / "a").stat().st_mode) == 0o600


def test_the_next_process_finds_it(path: Path, folder: Folder) -> None:
    """Otherwise nothing would outlive the process."""
    folder.write("a", b"one")
    again = Folder.open(str(path))

    assert again is not None
    assert again.read("a", MOST) == b"one"


def test_a_folder_in_a_folder(path: Path, folder: Folder) -> None:
    """Rooms of the store do not share names."""
    inner = folder.sub("hosts")

    assert inner is not None
    assert inner.write("a", b"one")
    assert (path / "hosts" / "a").read_bytes() == b"one"
    assert folder.entries() == []


@posix
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_none(path: Path, mode: int) -> None:
    """What lies there may be anybody's."""
    path.mkdir(parents=True)
    path.chmod(mode)

    assert Folder.open(str(path)) is None


def test_a_link_is_no_folder(path: Path, tmp_path: Path) -> None:
    """Somebody could lead us where he likes."""
    (tmp_path / "real").mkdir(mode=0o700)
    path.parent.mkdir()
    path.symlink_to(tmp_path / "real")

    assert Folder.open(str(path)) is None


def test_a_link_within_is_no_folder(path: Path, folder: Folder, tmp_path: Path) -> None:
    """The same one floor deeper."""
    (tmp_path / "real").mkdir(mode=0o700)
    (path / "hosts").symlink_to(tmp_path / "real")

    assert folder.sub("hosts") is None


def test_a_link_above_is_the_users_own(tmp_path: Path) -> None:
    """Many keep `~/.cache` on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "disk")

    assert Folder.open(str(tmp_path / "cache" / "ours")) is not None


def test_a_file_is_no_folder(path: Path) -> None:
    """Somebody put one there; that is no reason to end a download."""
    path.parent.mkdir()
    path.write_bytes(b"")

    assert Folder.open(str(path)) is None
    assert Folder.open(str(path / "deeper")) is None


@as_root
def test_a_foreign_folder_is_none(path: Path) -> None:
    """Its owner can change it at any time."""
    path.mkdir(parents=True, mode=0o700)
    os.chown(path, 12345, 12345)

    assert Folder.open(str(path)) is None


@as_root
def test_root_keeps_nothing_below_somebody_elses_folder(path: Path) -> None:
    """After `sudo pip` the user could not write there any more."""
    path.parent.mkdir()
    os.chown(path.parent, 12345, 12345)

    assert Folder.open(str(path)) is None
    assert Folder.open(str(path / "deeper" / "still")) is None
    assert list(path.parent.iterdir()) == []


@as_root
def test_a_foreign_file_is_none(path: Path, folder: Folder) -> None:
    """It is not what we wrote."""
    folder.write("a", b"one")
    os.chown(path / "a", 12345, 12345)

    assert folder.read("a", MOST) is None
    assert folder.entries() == []


@posix
@not_as_root
def test_a_read_only_folder_is_read_and_not_written(path: Path, folder: Folder) -> None:
    """A disk may be read-only; what it holds is still good."""
    folder.write("a", b"one")
    path.chmod(0o500)
    again = Folder.open(str(path))
    try:
        assert again is not None
        assert again.read("a", MOST) == b"one"
        assert not again.write("a", b"two")
        assert not again.remove("a")
        assert again.read("a", MOST) == b"one"
    finally:
        path.chmod(0o700)


@posix
@not_as_root
def test_where_nothing_can_be_made_there_is_no_folder(tmp_path: Path) -> None:
    """A home may be read-only."""
    tmp_path.chmod(0o500)
    try:
        assert Folder.open(str(tmp_path / "cache" / "ours")) is None
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc takes no folder, not even root's")
def test_a_file_system_that_takes_nothing_is_none() -> None:
    """The same for root, who may write anywhere else."""
    assert Folder.open("/proc/ours") is None


@pytest.mark.parametrize("path", ["", "\0", "a" * 5000])
def test_no_path_raises(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting may name anything."""
    monkeypatch.chdir(tmp_path)

    assert path == "" or Folder.open(path) is None


def test_a_link_is_no_file(path: Path, folder: Folder, tmp_path: Path) -> None:
    """What it leads to was not written by us, and is not to be overwritten."""
    (tmp_path / "secret").write_bytes(b"secret")
    (path / "a").symlink_to(tmp_path / "secret")

    assert folder.read("a", MOST) is None
    assert not folder.touch("a", 1.0)
    assert folder.write("a", b"one")
    assert folder.read("a", MOST) == b"one"
    assert (tmp_path / "secret").read_bytes() == b"secret"


@posix
def test_a_pipe_is_no_file(path: Path, folder: Folder) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(path / "a", 0o600)

    assert folder.read("a", MOST) is None


@posix
def test_a_file_that_others_may_write_is_none(path: Path, folder: Folder) -> None:
    """What stands in it may be anybody's."""
    folder.write("a", b"one")
    (path / "a").chmod(0o622)

    assert folder.read("a", MOST) is None
    assert folder.mtime("a") is None


def test_a_file_that_is_too_large_is_none(folder: Folder) -> None:
    """Memory is not filled by a file that we cannot have written."""
    folder.write("a", b"x" * 10)

    assert folder.read("a", 10) == b"x" * 10
    assert folder.read("a", 9) is None
    assert folder.read_start("a", 4) == b"x" * 4


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "/a",
        "a\\b",
        ".hidden",
        "a\0",
        "a:b",
        "a\n",
        "a.b.c",
        "a" * 137,
    ],
)
def test_a_name_is_never_a_path(path: Path, folder: Folder, name: str) -> None:
    """A host's name comes from a redirect."""
    path.parent.joinpath("a").write_bytes(b"not ours")

    assert not folder.write(name, b"x")
    assert folder.read(name, MOST) is None
    assert not folder.remove(name)
    assert not folder.touch(name, 1.0)
    assert folder.mtime(name) is None
    assert folder.sub(name) is None
    assert folder.open_file(name, make=True) is None
    assert path.parent.joinpath("a").read_bytes() == b"not ours"


@given(st.text(max_size=20))
def test_any_name_is_a_plain_one_or_refused(name: str) -> None:
    """Whatever Windows or a shell makes of the others."""
    if room._is_name(name):
        assert name == os.path.basename(name)
        assert name.isascii()
        assert not name.startswith(".")


def test_what_is_missing_is_none(folder: Folder) -> None:
    """The first run has nothing."""
    assert folder.read("a", MOST) is None
    assert folder.mtime("a") is None
    assert not folder.touch("a", 1.0)
    assert not folder.remove("a")


def test_a_file_has_the_time_it_was_given(folder: Folder) -> None:
    """A server's clock on a network disk is not ours."""
    folder.write("a", b"one", mtime=1000.5)

    assert folder.entries() == [Entry("a", 3, 1000.5)]
    assert folder.touch("a", 2000.0)
    assert folder.mtime("a") == 2000.0


def test_a_time_that_is_none_leaves_what_was_there(folder: Folder) -> None:
    """A wrong clock is no reason to lose a page."""
    folder.write("a", b"one")

    assert not folder.write("a", b"two", mtime=float("nan"))
    assert not folder.touch("a", 1e300)
    assert folder.read("a", MOST) == b"one"


def test_a_file_is_opened_to_be_changed_in_place(path: Path, folder: Folder) -> None:
    """What is large is not written anew for every piece that comes."""
    assert folder.open_file("a", make=False) is None
    assert os.listdir(path) == []

    one, other = folder.open_file("a", make=True), folder.open_file("a", make=True, append=True)

    assert one is not None
    assert other is not None
    os.write(one, b"one")
    os.write(other, b"two")
    os.write(one, b"-")
    os.close(one)
    os.close(other)
    assert folder.read("a", MOST) == b"one-wo"
    assert stat.S_IMODE((path / "a").stat().st_mode) == 0o600 or os.name != "posix"


def test_what_is_opened_is_this_users_alone(path: Path, folder: Folder, tmp_path: Path) -> None:
    """A link or a folder in its place goes if it can, and is not written to."""
    (tmp_path / "secret").write_bytes(b"secret")
    (path / "a").symlink_to(tmp_path / "secret")
    (path / "b").mkdir()
    before = (folder.open_file("a", make=False), folder.open_file("b", make=True))
    fd = folder.open_file("a", make=True)

    assert before == (None, None)
    assert fd is not None
    os.write(fd, b"one")
    os.close(fd)
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert folder.read("a", MOST) == b"one"


def test_a_file_is_not_lost_for_want_of_descriptors(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it cannot be opened now does not make it somebody else's."""
    folder.write("a", b"one")

    def none_left(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(room.os, "open", none_left)

        assert folder.open_file("a", make=True) is None

    assert folder.read("a", MOST) == b"one"


def test_what_dead_writers_left_is_swept(path: Path, folder: Folder) -> None:
    """Killed runs would fill the disk."""
    (path / ".writing-1-old").write_bytes(b"x")
    os.utime(path / ".writing-1-old", (1000.0, 1000.0))
    (path / ".writing-2-new").write_bytes(b"x")
    folder.write("a", b"one", mtime=1000.0)
    folder.sweep(time.time())

    assert sorted(os.listdir(path)) == [".writing-2-new", "a"]


def test_a_failed_write_leaves_nothing(
    path: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk must not become fuller."""
    folder.write("a", b"one")

    def full(fd: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "_write", full)

    assert not folder.write("a", b"two")
    assert folder.read("a", MOST) == b"one"
    assert os.listdir(path) == ["a"]


def test_a_folder_that_is_taken_away_is_empty(path: Path, folder: Folder) -> None:
    """`pip cache purge`, or somebody's rm, in the midst of a run."""
    folder.write("a", b"one")
    (path / "a").unlink()
    path.rmdir()

    assert folder.read("a", MOST) is None
    assert not folder.write("a", b"one")
    assert folder.names() == []
    assert folder.entries() == []
    folder.sweep(0.0)


def test_an_open_folder_is_closed_with_its_owner(path: Path) -> None:
    """A process has a thousand descriptors, and no more."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc/self/fd")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert Folder.open(str(path)) is not None

    assert len(os.listdir("/proc/self/fd")) == before


def test_two_processes_that_write_one_name_do_no_harm(path: Path, folder: Folder) -> None:
    """Each reader gets what one of them wrote, never a mixture."""
    writer = (
        "import sys; from pip_resilient.store.folder import Folder\n"
        "folder, letter = Folder.open(sys.argv[1]), sys.argv[2].encode()\n"
        "for size in range(400): assert folder.write('a', letter * (20_000 + size))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", writer, str(path), letter], cwd=ROOT)
        for letter in "xy"
    ]
    seen = set()
    while any(one.poll() is None for one in writers):
        data = folder.read("a", 30_000)
        if data is not None:
            seen.add(data[:1])

            assert len(data) >= 20_000
            assert len(set(data)) == 1

    assert [one.returncode for one in writers] == [0, 0]
    last = folder.read("a", 30_000)  # they may have been too quick for us until now
    assert last in (b"x" * 20_399, b"y" * 20_399)
    assert seen <= {b"x", b"y"}
    assert os.listdir(path) == ["a"]
