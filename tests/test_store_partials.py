"""Is what is kept of a download right, bounded, and never the cause of an error?

A real file system, with everything on it that a power cut, a full disk and
other hands leave behind. Most tests run through the open folder and by path,
as on Windows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from pip_resilient.store import notes
from pip_resilient.store import partials as room
from pip_resilient.store.folder import Folder
from pip_resilient.store.partials import BUSY, KEPT, MOST, SMALLEST, Partial, Partials, Stretch
from tests.wall_clock import NOW, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024
SIZE = 3 * MIB + 7
CONTENT = Random(0).randbytes(SIZE)
HEX = hashlib.sha256(CONTENT).hexdigest()
NAME = f"sha256-{HEX}"

pytestmark = pytest.mark.usefixtures("reached")
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)


@pytest.fixture
def partials(folder: Folder, clock: Clock) -> Partials:
    return Partials(folder, clock)


@pytest.fixture
def partial(partials: Partials) -> Partial:
    return opened(partials)


def opened(partials: Partials, size: int = SIZE) -> Partial:
    found = partials.open("sha256", HEX, size)

    assert found is not None
    return found


def put(partial: Partial, first: int, end: int) -> None:
    """Write right bytes and note them."""
    assert partial.write(first, CONTENT[first:end])
    partial.note(first, end, digest(CONTENT[first:end]))


def put_growing(partial: Partial, first: int, *ends: int) -> None:
    """Write right bytes, and note at every end all that has come since the first."""
    assert partial.write(first, CONTENT[first : max(ends)])
    for end in ends:
        partial.note(first, end, digest(CONTENT[first:end]))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def leave(path: Path, value: str, size: int, at: float) -> None:
    """Leave an unfinished file of so many bytes, last written then."""
    for name in (f"sha256-{value * 32}", f"sha256-{value * 32}.notes"):
        (path / name).write_bytes(b"")
        (path / name).chmod(0o600)
    os.truncate(path / f"sha256-{value * 32}", size)
    for name in (f"sha256-{value * 32}", f"sha256-{value * 32}.notes"):
        os.utime(path / name, (at, at))


def left(path: Path) -> list[str]:
    return sorted(one.name[7:9] for one in path.iterdir() if one.suffix != ".notes")


# What it is for.


def test_what_was_noted_is_kept_for_the_next_run(partial: Partial, partials: Partials) -> None:
    """It fetches the rest alone."""
    put(partial, 0, 1000)
    put(partial, MIB, 2 * MIB)
    partial.close()
    again = opened(partials)

    assert again.stretches() == [Stretch(0, 1000), Stretch(MIB, 2 * MIB)]
    assert again.read(MIB, 10) == CONTENT[MIB : MIB + 10]


def test_a_process_reads_what_it_wrote(partial: Partial) -> None:
    """Bytes wait here until the whole is known to be right."""
    partial.write(MIB, CONTENT[MIB : 2 * MIB])

    assert partial.read(MIB, MIB) == CONTENT[MIB : 2 * MIB]
    assert partial.read(2 * MIB - 3, 10) == CONTENT[2 * MIB - 3 : 2 * MIB]


def test_what_was_not_noted_is_not_kept(partial: Partial, partials: Partials) -> None:
    """Nobody knows whether it reached the disk."""
    put(partial, 0, 1000)
    partial.write(1000, CONTENT[1000:5000])

    assert opened(partials).stretches() == [Stretch(0, 1000)]


def test_the_longest_note_counts(partial: Partial, partials: Partials) -> None:
    """A stretch grows, and its hash with it."""
    put_growing(partial, 10, 1000, 2000, 3000)

    assert opened(partials).stretches() == [Stretch(10, 3000)]


def test_stretches_that_touch_or_overlap_are_one(partial: Partial, partials: Partials) -> None:
    """What is fetched are the gaps."""
    put(partial, 2000, 3000)
    put(partial, 1000, 2000)
    put(partial, 500, 1500)
    put(partial, 5000, 6000)

    assert opened(partials).stretches() == [Stretch(500, 3000), Stretch(5000, 6000)]


def test_a_whole_file_is_one_stretch(partial: Partial, partials: Partials) -> None:
    """The process was killed before it gave the file out."""
    put(partial, 0, SIZE)

    assert opened(partials).stretches() == [Stretch(0, SIZE)]


def test_what_is_finished_or_wrong_is_gone(
    partial: Partial, partials: Partials, path: Path
) -> None:
    """The one is not needed any more, the other never was."""
    put(partial, 0, 1000)
    partial.remove()

    assert list(path.iterdir()) == []
    assert opened(partials).stretches() == []


def test_after_wrong_bytes_it_begins_anew(partial: Partial, partials: Partials) -> None:
    """The file is fetched once more, from elsewhere."""
    put(partial, 0, 1000)
    partial.remove()
    again = opened(partials)
    put(again, 0, 10)

    assert again.stretches() == [Stretch(0, 10)]


def test_nothing_is_made_before_the_first_byte(partial: Partial, path: Path) -> None:
    """Most downloads fail before it, if they fail."""
    assert partial.stretches() == []
    assert partial.read(0, 10) == b""

    partial.note(0, 10, digest(b""))
    partial.close()

    assert list(path.iterdir()) == []


@posix
def test_both_files_are_for_this_user_alone(partial: Partial, path: Path) -> None:
    """What somebody installs is nobody else's business."""
    put(partial, 0, 1000)

    assert {one.name for one in path.iterdir()} == {NAME, NAME + ".notes"}
    assert {one.stat().st_mode & 0o777 for one in path.iterdir()} == {0o600}


def test_a_closed_one_does_nothing(partial: Partial, partials: Partials) -> None:
    """Whoever still holds it must not meet an error."""
    put(partial, 0, 1000)
    partial.close()
    partial.close()
    partial.note(0, 1000, digest(b""))

    assert not partial.write(0, b"x")
    assert partial.read(0, 10) == b""
    assert partial.stretches() == []
    assert opened(partials).stretches() == [Stretch(0, 1000)]


def test_no_descriptor_is_left_open(partials: Partials) -> None:
    """A process has a thousand of them, and no more."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc/self/fd")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        put(opened(partials), 0, 1000)
        partials.held()

    assert len(os.listdir("/proc/self/fd")) == before


# What is not kept at all.


def test_without_a_folder_nothing_is_kept(clock: Clock) -> None:
    """`--no-cache-dir`."""
    partials = Partials(None, clock)

    assert partials.open("sha256", HEX, SIZE) is None
    assert partials.held() == []


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("sha256", ""),
        ("sha256", "../" * 20),
        ("sha256", "g" * 64),
        ("sha256", HEX.upper()),
        ("sha256", HEX + "\n"),
        ("sha256", HEX * 4),
        ("", HEX),
        ("../sha256", HEX),
        ("sha3_256", HEX),
    ],
)
def test_a_digest_is_never_a_path(partials: Partials, algorithm: str, value: str) -> None:
    """It comes from a page."""
    assert partials.open(algorithm, value, SIZE) is None


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha384", "sha512", "blake2b"])
def test_every_digest_that_pip_knows_names_a_file(
    partials: Partials, path: Path, algorithm: str
) -> None:
    """And says nothing else of it."""
    value = hashlib.new(algorithm, CONTENT).hexdigest()
    partial = partials.open(algorithm, value, SIZE)

    assert partial is not None
    assert partial.write(0, b"x")
    assert sorted(os.listdir(path)) == [f"{algorithm}-{value}", f"{algorithm}-{value}.notes"]


def test_small_files_are_not_kept(partials: Partials) -> None:
    """They are sooner fetched again."""
    assert partials.open("sha256", HEX, SMALLEST - 1) is None
    assert partials.open("sha256", HEX, SMALLEST) is not None


# Damage.


def test_a_truncated_file_is_cut_back_to_its_last_good_note(
    partial: Partial, partials: Partials, path: Path
) -> None:
    """A power cut leaves what was written by then."""
    put_growing(partial, 0, 1000, 2000, 3000)
    put(partial, 5000, 6000)
    os.truncate(path / NAME, 2500)

    assert opened(partials).stretches() == [Stretch(0, 2000)]
    assert opened(partials).read(2000, 1000) == CONTENT[2000:2500]


@pytest.mark.parametrize(
    ("first", "end", "kept"),
    [
        (0, 1, [(2 * MIB, SIZE)]),
        (2 * MIB - 1, 2 * MIB, [(0, MIB), (2 * MIB, SIZE)]),
        (MIB, SIZE, [(0, MIB)]),
        (2 * MIB, SIZE, [(0, 2 * MIB)]),
        (0, SIZE, []),
    ],
)
def test_zeros_are_noticed(
    partial: Partial,
    partials: Partials,
    path: Path,
    first: int,
    end: int,
    kept: list[tuple[int, int]],
) -> None:
    """The same on file systems that keep the length and lose the bytes."""
    put_growing(partial, 0, MIB, 2 * MIB)
    put(partial, 2 * MIB, SIZE)
    with (path / NAME).open("r+b") as file:
        file.seek(first)
        file.write(bytes(end - first))

    assert opened(partials).stretches() == kept


def test_a_file_that_was_emptied_is_filled_again(partial: Partial, partials: Partials) -> None:
    """Old notes on it come true by and by."""
    put_growing(partial, 0, 1000, 2000)
    os.truncate(partial._data, 0)  # type: ignore[arg-type]

    assert opened(partials).stretches() == []

    put(partial, 0, 500)

    assert opened(partials).stretches() == [Stretch(0, 500)]

    put(partial, 500, 1000)

    assert opened(partials).stretches() == [Stretch(0, 1000)]


@pytest.mark.parametrize("cut", range(2, 86, 7))
def test_a_note_that_was_cut_off_harms_no_other(
    partial: Partial, partials: Partials, path: Path, cut: int
) -> None:
    """The disk was full, and then it was not."""
    put(partial, 0, 1000)
    put(partial, 5000, 6000)
    side = path / (NAME + ".notes")
    os.truncate(side, side.stat().st_size - cut)
    partial = opened(partials)

    assert partial.stretches() == [Stretch(0, 1000)]

    put(partial, 8000, 9000)

    assert opened(partials).stretches() == [Stretch(0, 1000), Stretch(8000, 9000)]


@pytest.mark.parametrize("which", [NAME, NAME + ".notes"])
def test_one_file_without_the_other_is_nothing(
    partial: Partial, partials: Partials, path: Path, which: str
) -> None:
    """Somebody tidied up by halves; it does not stay so."""
    put(partial, 0, 1000)
    partial.close()
    (path / which).unlink()
    again = opened(partials)

    assert again.stretches() == []

    put(again, 1000, 2000)

    assert Stretch(1000, 2000) in opened(partials).stretches()


def test_a_file_of_another_size_is_another_one(partial: Partial, partials: Partials) -> None:
    """One of the two pages that named a size was wrong, and nobody knows which."""
    put(partial, 0, 1000)

    assert opened(partials, SIZE + 1).stretches() == []
    assert opened(partials, SIZE - 1).stretches() == []
    assert opened(partials).stretches() == [Stretch(0, 1000)]


def test_nothing_is_written_behind_the_end(partial: Partial, path: Path) -> None:
    """A server that sends too much must not fill the disk."""
    assert not partial.write(SIZE - 1, b"xy")
    assert not partial.write(0, b"x")
    assert list(path.iterdir()) == []


def test_nothing_is_written_before_the_start(partial: Partial) -> None:
    """Whatever went wrong, it is no reason to raise."""
    assert not partial.write(-1, b"x")
    assert partial.read(-1, 10) == b""
    assert partial.read(0, -1) == b""


RUBBISH = [
    b"",
    b"\0" * 5000,
    b"\xff\n" * 500,
    b"1 " * 5000,
    f"1 {SIZE} 0 1000 {'0' * 64}".encode(),
    f"1 {SIZE} 0 1000 {digest(CONTENT[:1000])[:-1]}".encode(),
    f"1 {SIZE} 0 1000 {digest(CONTENT[:1000])}0".encode(),
    f"1 {SIZE} 0 1000 {digest(CONTENT[:1000])}\r".encode(),
    f"1 {SIZE} 0 1000 {digest(CONTENT[:1000]).upper()}".encode(),
    f"1 {SIZE} 0 1000 {hashlib.sha512(CONTENT[:1000]).hexdigest()}".encode(),
    f"1 {SIZE} 0 1000 {hashlib.md5(CONTENT[:1000]).hexdigest()}".encode(),
    f"1 {SIZE} 0 1000 {hashlib.blake2b(CONTENT[:1000], digest_size=32).hexdigest()}".encode(),
    f"2 {SIZE} 0 1000 {digest(CONTENT[:1000])}".encode(),
    f"1 {SIZE} -1 1000 {digest(CONTENT[:1000])}".encode(),
    f"1 {SIZE} 1000 1000 {digest(b'')}".encode(),
    f"1 {SIZE} 1000 10 {digest(b'')}".encode(),
    f"1 {SIZE} 0 {SIZE + 1} {digest(CONTENT + b'x')}".encode(),
    f"1 {'9' * 19} 0 {'9' * 19} {digest(CONTENT)}".encode(),
    f"1 {'9' * 5000} 0 {'9' * 5000} {digest(CONTENT)}".encode(),
]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_what_is_no_note_is_passed_over(
    partial: Partial, partials: Partials, path: Path, rubbish: bytes
) -> None:
    """Another version's, another algorithm's, or nobody's."""
    put(partial, 2000, 3000)
    partial.write(0, CONTENT[:1000])
    side = path / (NAME + ".notes")
    side.write_bytes(rubbish + side.read_bytes() + b"\n" + rubbish)
    put(partial, 4000, 5000)

    assert opened(partials).stretches() == [Stretch(2000, 3000), Stretch(4000, 5000)]
    assert len(partials.held()) == 1


def test_zeros_behind_a_note_are_not_part_of_it(
    partial: Partial, partials: Partials, path: Path
) -> None:
    """After a power cut they stand where the next one was."""
    put(partial, 0, 1000)
    side = path / (NAME + ".notes")
    os.truncate(side, side.stat().st_size + 500)
    put(partial, 1000, 2000)

    assert opened(partials).stretches() == [Stretch(0, 2000)]


def test_a_thousand_mebibytes_of_notes_are_not_read(
    partial: Partial, partials: Partials, path: Path
) -> None:
    """Memory and time are bounded whatever stands there."""
    put(partial, 0, MIB)
    side = path / (NAME + ".notes")
    os.truncate(side, 1 << 30)

    tracemalloc.start()
    found = opened(partials).stretches(), len(partials.held())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == ([], 1)
    assert most < 8 * MIB

    put(partial, MIB, 2 * MIB)

    assert opened(partials).stretches() == [Stretch(MIB, 2 * MIB)]


def test_notes_that_never_match_cost_no_more_than_some_readings(
    partial: Partial, partials: Partials, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand of them would hash for hours."""
    put(partial, 0, SIZE)
    side = path / (NAME + ".notes")
    lines = (f"1 {SIZE} {first} {SIZE} {'0' * 64}\n" for first in range(20_000))
    side.write_text("".join(lines))
    read: list[int] = []
    read_at = notes.read_at

    def counted(fd: int, offset: int, count: int) -> bytes:
        found = read_at(fd, offset, count)
        read.append(len(found))
        return found

    monkeypatch.setattr(notes, "read_at", counted)

    assert opened(partials).stretches() == []
    assert sum(read) <= 4 * SIZE + MIB


# Other hands.


@pytest.mark.parametrize("which", [NAME, NAME + ".notes"])
def test_a_link_is_not_followed(
    partial: Partial, partials: Partials, path: Path, tmp_path: Path, which: str
) -> None:
    """What it leads to was not written by us, and is not to be overwritten."""
    (tmp_path / "secret").write_bytes(b"secret")
    (path / which).symlink_to(tmp_path / "secret")

    assert partial.stretches() == []
    assert partial.read(0, 6) == b""

    put(partial, 0, 1000)

    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert opened(partials).stretches() == [Stretch(0, 1000)]


@posix
@pytest.mark.parametrize("which", [NAME, NAME + ".notes"])
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_none(
    partial: Partial, partials: Partials, path: Path, which: str, mode: int
) -> None:
    """What stands in it may be anybody's."""
    put(partial, 0, 1000)
    partial.close()
    (path / which).chmod(mode)
    again = opened(partials)

    assert again.stretches() == []

    put(again, 1000, 2000)

    assert Stretch(1000, 2000) in opened(partials).stretches()
    assert (path / which).stat().st_mode & 0o777 == 0o600


@as_root
@pytest.mark.parametrize("which", [NAME, NAME + ".notes"])
def test_a_foreign_file_is_none(
    partial: Partial, partials: Partials, path: Path, which: str
) -> None:
    """It is not what we wrote."""
    put(partial, 0, 1000)
    partial.close()
    os.chown(path / which, 12345, 12345)

    assert opened(partials).stretches() == []
    assert opened(partials).write(0, b"x")
    assert (path / which).stat().st_uid == 0


@posix
@pytest.mark.parametrize("which", [NAME, NAME + ".notes"])
def test_a_pipe_is_no_file(partial: Partial, path: Path, which: str) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(path / which, 0o600)

    assert partial.stretches() == []
    put(partial, 0, 1000)
    assert partial.stretches() == [Stretch(0, 1000)]


@pytest.mark.parametrize("which", [NAME, NAME + ".notes"])
def test_a_folder_in_its_place_turns_it_off(
    partial: Partial, partials: Partials, path: Path, which: str
) -> None:
    """It may be full of something; the download goes on without."""
    (path / which / "deeper").mkdir(parents=True)

    assert not partial.write(0, b"x")
    assert partial.stretches() == []

    partial.remove()
    assert opened(partials).stretches() == []
    assert (path / which / "deeper").is_dir()


def test_a_folder_that_is_taken_away_is_no_error(
    partial: Partial, partials: Partials, path: Path
) -> None:
    """`pip cache purge`, or somebody's rm, before and in the midst of a download."""
    writing = opened(partials)
    put(writing, 0, 1000)
    shutil.rmtree(path)

    assert not partial.write(0, b"x")
    assert writing.read(0, 1000) == CONTENT[:1000]
    put(writing, 1000, 2000)
    assert writing.stretches() == [Stretch(0, 2000)]
    assert opened(partials).stretches() == []
    assert partials.held() == []
    writing.remove()
    partial.remove()
    assert not path.exists()


def test_one_that_another_process_finished_goes_on(
    partial: Partial, partials: Partials, path: Path
) -> None:
    """It has told pip already what it holds, and nobody fails."""
    put(partial, 0, 1000)
    going_on = opened(partials)

    assert going_on.stretches() == [Stretch(0, 1000)]

    partial.remove()
    put(going_on, 1000, 2000)

    assert going_on.read(0, 2000) == CONTENT[:2000]
    assert going_on.stretches() == [Stretch(0, 2000)]
    assert opened(partials).stretches() == []

    going_on.remove()

    assert list(path.iterdir()) == []


# A full disk.


@posix
def test_a_file_that_cannot_grow_turns_it_off(path: Path, partials: Partials) -> None:
    """The kernel's own limit; what was there before is still good."""
    script = (
        "import hashlib, resource, sys, time\n"
        "from pip_resilient.store.folder import Folder\n"
        "from pip_resilient.store.partials import Partials\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_300_000, 1_300_000))\n"
        "content = sys.stdin.buffer.read()\n"
        "partial = Partials(Folder.open(sys.argv[1]), time.time)"
        ".open('sha256', sys.argv[2], len(content))\n"
        "for first in range(0, len(content), 100_000):\n"
        "    piece = content[first:first + 100_000]\n"
        "    print(int(partial.write(first, piece)), end='')\n"
        "    partial.note(first, first + len(piece), hashlib.sha256(piece).hexdigest())\n"
        "assert partial.read(0, 1_200_000) == content[:1_200_000]\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path), HEX],
        cwd=ROOT,
        input=CONTENT,
        capture_output=True,
        check=True,
    )

    assert ended.stdout == b"1" * 13 + b"0" * 19
    assert opened(partials).stretches() == [Stretch(0, 1_300_000)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(path)]
    mounted = shutil.which("mount") and subprocess.run(command, check=False, capture_output=True)
    if not mounted or mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_turns_it_off(
    small_disk: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The download goes on; what is there can be read and is kept."""
    monkeypatch.setattr(Folder, "free", lambda _: None)
    partials = Partials(Folder.open(str(small_disk / "partials")), clock)
    partial = opened(partials)
    put(partial, 0, MIB)

    assert not partial.write(MIB, CONTENT[MIB:])
    assert not partial.write(0, b"x")
    partial.note(MIB, SIZE, digest(CONTENT[MIB:]))
    assert partial.read(0, MIB) == CONTENT[:MIB]
    assert partial.stretches() == [Stretch(0, MIB)]

    partial.close()

    assert opened(partials).stretches() == [Stretch(0, MIB)]

    opened(partials).remove()

    assert os.statvfs(small_disk).f_bavail == os.statvfs(small_disk).f_blocks


def test_a_disk_full_of_data_takes_no_note(
    small_disk: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note that cannot be written turns it off as well: nothing would be kept."""
    monkeypatch.setattr(Folder, "free", lambda _: None)
    partials = Partials(Folder.open(str(small_disk / "partials")), clock)
    partial = opened(partials)

    assert partial.write(0, CONTENT[:MIB])
    with (small_disk / "other").open("wb", buffering=0) as other:
        while os.statvfs(small_disk).f_bavail:
            other.write(bytes(4096))
    partial.note(0, MIB, digest(CONTENT[:MIB]))

    assert not partial.write(0, b"x")
    assert opened(partials).stretches() == []


# Age, and how much there may be.


def test_what_nobody_wrote_to_for_a_week_goes(partials: Partials, path: Path, clock: Clock) -> None:
    """Somebody gave up, or has long had it from elsewhere."""
    leave(path, "aa", 1000, clock.now - KEPT - 1)
    leave(path, "bb", 1000, clock.now - KEPT + 1)
    opened(partials)

    assert left(path) == ["bb"]


def test_notes_alone_go_as_well(partials: Partials, path: Path, clock: Clock) -> None:
    """Their file was removed by hand."""
    leave(path, "aa", 1000, clock.now - KEPT - 1)
    (path / f"sha256-{'aa' * 32}").unlink()
    opened(partials)

    assert list(path.iterdir()) == []


def test_what_is_asked_for_is_never_too_old(partials: Partials, path: Path, clock: Clock) -> None:
    """Its digest says what it is, however old it is."""
    put(opened(partials), 0, 1000)
    for one in path.iterdir():
        os.utime(one, (NOW - 100 * KEPT, NOW - 100 * KEPT))

    assert opened(partials).stretches() == [Stretch(0, 1000)]


def test_a_file_from_a_wrong_clock_is_not_kept_for_ever(
    partials: Partials, path: Path, clock: Clock
) -> None:
    """The clock was a year ahead, and was set right; or a week, and comes after."""
    leave(path, "aa", 1000, clock.now + 365 * 86_400)
    leave(path, "bb", 1000, clock.now + KEPT - 1)
    opened(partials)

    assert left(path) == ["bb"]

    clock.now += 2 * KEPT
    opened(partials)

    assert left(path) == []


@pytest.mark.parametrize("jump", [-365 * 86_400.0, 365 * 86_400.0])
def test_what_is_written_now_survives_a_jump_of_the_clock(
    partials: Partials, path: Path, clock: Clock, jump: float
) -> None:
    """A board without a battery starts in 1970, and learns of today later."""
    leave(path, "aa", 1000, clock.now)
    clock.now += jump
    leave(path, "aa", 2000, clock.now - 1)  # its next bytes bear the new time
    leave(path, "bb", 2000, clock.now + 1)
    opened(partials)

    assert left(path) == ["aa", "bb"]


def test_the_oldest_go_first(folder: Folder, path: Path, clock: Clock) -> None:
    """All of them together are bounded."""
    for age, value in enumerate(["aa", "bb", "cc", "dd"], 2):
        leave(path, value, MIB, clock.now - age * BUSY)
    opened(Partials(folder, clock, most=SIZE + 2 * MIB))

    assert left(path) == ["aa", "bb"]


def test_what_is_being_written_makes_no_room(folder: Folder, path: Path, clock: Clock) -> None:
    """Another process would lose what it fetches at this moment."""
    leave(path, "aa", MIB, clock.now - BUSY + 1)
    leave(path, "bb", MIB, clock.now - BUSY - 1)

    assert Partials(folder, clock, most=SIZE).open("sha256", HEX, SIZE) is None
    assert left(path) == ["aa", "bb"]


def test_nothing_goes_for_a_file_that_is_too_large(
    partials: Partials, path: Path, clock: Clock
) -> None:
    """It is not kept, so it needs no room; what is too old goes all the same."""
    leave(path, "aa", MIB, clock.now - KEPT - 1)
    leave(path, "bb", MIB, clock.now - BUSY - 1)

    assert partials.open("sha256", HEX, MOST + 1) is None
    assert left(path) == ["bb"]


def test_a_tenth_of_a_small_disk_at_most(
    partials: Partials, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is pip's, and the user's."""
    leave(path, "aa", 2 * MIB, clock.now - 2 * BUSY)
    leave(path, "bb", 2 * MIB, clock.now - 3 * BUSY)
    monkeypatch.setattr(Folder, "free", lambda _: 10 * (SIZE + 2 * MIB) - 4 * MIB)

    assert partials.open("sha256", HEX, SIZE) is not None
    assert left(path) == ["aa"]

    monkeypatch.setattr(Folder, "free", lambda _: 10 * SIZE - 2 * MIB - 10)

    assert partials.open("sha256", HEX, SIZE) is None


def test_a_large_file_is_continued_though_it_fills_the_disk(
    partials: Partials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it takes itself is not what leaves no room for it."""
    monkeypatch.setattr(Folder, "free", lambda _: 10 * SIZE)
    put(opened(partials), 0, SIZE - 10)
    monkeypatch.setattr(Folder, "free", lambda _: 9 * SIZE + 10)

    assert opened(partials).stretches() == [Stretch(0, SIZE - 10)]


def test_the_disk_says_how_much_is_free(folder: Folder, path: Path) -> None:
    """By the folder, wherever it lies."""
    if not hasattr(os, "statvfs"):
        pytest.skip("no statvfs")
    free = folder.free()

    assert free is not None
    assert free == pytest.approx(shutil.disk_usage(path).free, rel=0.1)


# What people are told of it.


def test_what_is_held_is_told(partial: Partial, partials: Partials, path: Path) -> None:
    """`cache info` names digests, the whole sizes and what is there of them."""
    put_growing(partial, 0, 1000, 2000)
    put(partial, 1500, 3000)
    put(partial, MIB, 2 * MIB)
    os.utime(path / NAME, (NOW, NOW))
    leave(path, "aa", 5000, NOW - 60)
    (held, other) = sorted(partials.held(), key=lambda one: one.size, reverse=True)

    assert held == room.Held(f"sha256:{HEX}", SIZE, 3000 + MIB, pytest.approx(NOW))  # type: ignore[arg-type]
    assert other == (f"sha256:{'aa' * 32}", 0, 0, pytest.approx(NOW - 60))
    assert [one.mtime for one in partials.held()] == sorted(one.mtime for one in partials.held())
