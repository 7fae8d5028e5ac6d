"""Is the last good page the one that came, and anything else no page?"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.store import last_good as room
from pip_resilient.store.folder import Folder
from pip_resilient.store.last_good import LARGEST, MARKS_KEPT, OLDEST, Kept, LastGood
from tests.wall_clock import NOW, Clock

ROOT = Path(__file__).resolve().parents[1]
INDEX = "https://index.example/simple/"
PAGE = b"<a href='demo-1.0.tar.gz'>demo</a>" * 100
HTML = "text/html"


@pytest.fixture
def pages(folder: Folder, clock: Clock) -> LastGood:
    return LastGood(folder, clock)


def file_of(path: Path) -> Path:
    (found,) = [one for one in path.iterdir() if one.name != "swept"]
    return found


def test_the_page_that_came_is_kept(pages: LastGood, folder: Folder, clock: Clock) -> None:
    """The next run may find the index down."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    clock.now += 60

    assert LastGood(folder, clock).get(INDEX, "demo") == Kept(
        PAGE,
        HTML,
        pytest.approx(NOW),
        7,  # type: ignore[arg-type]
    )


@given(st.binary(max_size=2000), st.text(max_size=50), st.none() | st.integers(0, 2**53))
def test_any_page_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, said: str, serial: int | None
) -> None:
    """Line ends and zeros in it are its own."""
    folder = Folder.open(str(tmp_path_factory.getbasetemp() / "any"))
    pages = LastGood(folder, lambda: NOW)
    pages.keep(INDEX, "demo", content, said, serial)

    assert pages.get(INDEX, "demo") == Kept(
        content,
        said,
        pytest.approx(NOW),
        serial,  # type: ignore[arg-type]
    )


def test_a_fresh_page_is_not_from_the_future(pages: LastGood) -> None:
    """A file's time is rounded to what the file system can hold."""
    pages.keep(INDEX, "demo", PAGE, HTML)
    kept = pages.get(INDEX, "demo")

    assert kept is not None
    assert kept.fetched_at <= NOW


def test_indexes_and_projects_do_not_share(pages: LastGood) -> None:
    """A private project may have a public one's name."""
    pages.keep(INDEX, "demo", PAGE, HTML)

    assert pages.get("https://other.example/simple/", "demo") is None
    assert pages.get(INDEX, "dem") is None
    assert pages.get(INDEX + "\n", "demo") is None


def test_nothing_of_the_url_stands_on_the_disk(pages: LastGood, path: Path) -> None:
    """A caller's mistake must not write a password down."""
    pages.keep("https://user:secret@index.example/simple/", "demo", PAGE, HTML)

    assert b"secret" not in file_of(path).read_bytes()
    assert "secret" not in file_of(path).name


def test_the_same_page_is_not_written_again(pages: LastGood, path: Path, clock: Clock) -> None:
    """Most pages are as they were an hour ago."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    inode = file_of(path).stat().st_ino
    clock.now += 3600
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    kept = pages.get(INDEX, "demo")

    assert file_of(path).stat().st_ino == inode
    assert kept is not None
    assert kept.fetched_at == pytest.approx(clock.now)


def test_a_new_page_takes_the_old_ones_place(pages: LastGood) -> None:
    """There is one last page."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    pages.keep(INDEX, "demo", PAGE + b"!", "application/json", 8)

    assert pages.get(INDEX, "demo") == Kept(
        PAGE + b"!",
        "application/json",
        pytest.approx(NOW),
        8,  # type: ignore[arg-type]
    )


def test_a_serial_is_never_lowered(pages: LastGood) -> None:
    """A node of the origin may be behind; a mirror that is behind must not pass for it."""
    pages.keep(INDEX, "demo", PAGE, HTML, 9)
    pages.keep(INDEX, "demo", b"older", HTML, 8)
    pages.keep(INDEX, "demo", b"none", HTML, None)

    assert pages.mark(INDEX, "demo") == 9
    assert pages.mark(INDEX, "other") is None


def test_a_page_is_good_for_a_week(pages: LastGood, clock: Clock) -> None:
    """Older ones lack too many security releases."""
    pages.keep(INDEX, "demo", PAGE, HTML)
    clock.now += OLDEST - 1

    assert pages.get(INDEX, "demo") is not None

    clock.now += 2

    assert pages.get(INDEX, "demo") is None


def test_a_page_from_the_future_is_none(pages: LastGood, clock: Clock) -> None:
    """Nobody knows how old it is."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    clock.now -= 3600

    assert pages.get(INDEX, "demo") is None
    assert pages.mark(INDEX, "demo") == 7


@pytest.mark.parametrize("keeps", [0, 1, 30, 200, -1, -100])
def test_a_truncated_page_is_none(pages: LastGood, path: Path, keeps: int) -> None:
    """A power cut leaves what was written by then."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    file = file_of(path)
    file.write_bytes(file.read_bytes()[:keeps])
    os.utime(file, (NOW, NOW))

    assert pages.get(INDEX, "demo") is None


def test_a_page_of_zeros_is_none(pages: LastGood, path: Path) -> None:
    """The same on other file systems."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    file = file_of(path)
    file.write_bytes(bytes(file.stat().st_size))
    os.utime(file, (NOW, NOW))

    assert pages.get(INDEX, "demo") is None
    assert pages.mark(INDEX, "demo") is None


@given(st.data())
def test_a_page_with_another_byte_is_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A changed digest in it would be believed."""
    path = tmp_path_factory.getbasetemp() / "flipped"
    pages = LastGood(Folder.open(str(path)), lambda: NOW)
    pages.keep(INDEX, "demo", b"once more", HTML)
    pages.keep(INDEX, "demo", PAGE[:100], HTML, 7)
    file = file_of(path)
    found = bytearray(file.read_bytes())
    found[data.draw(st.integers(0, len(found) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(found)
    os.utime(file, (NOW, NOW))

    assert pages.get(INDEX, "demo") is None

    pages.keep(INDEX, "demo", PAGE[:100], HTML, 7)


def test_a_page_under_another_name_is_none(pages: LastGood, path: Path) -> None:
    """It is another project's."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    file = file_of(path)
    file.rename(path / room._file_of(INDEX, "other"))

    assert pages.get(INDEX, "other") is None
    assert pages.mark(INDEX, "other") is None


@pytest.mark.parametrize(
    "said", [b"", b"{}", b"[]", b"[1]", b"[2,1,1,1,1,1,1]", b"nul", b"[" * 900]
)
def test_another_versions_line_is_none(pages: LastGood, folder: Folder, said: bytes) -> None:
    """Whoever goes back to an older version must not meet an error."""
    name = room._file_of(INDEX, "demo")
    folder.write(name, room._seal(name, said) + b" " + said + b"\n" + PAGE, NOW)

    assert pages.get(INDEX, "demo") is None
    assert pages.mark(INDEX, "demo") is None

    pages.keep(INDEX, "demo", PAGE, HTML, 7)

    assert pages.get(INDEX, "demo") is not None


@pytest.mark.parametrize(
    ("content", "said"), [(bytes(LARGEST + 1), HTML), (PAGE, "text/html;" + "x" * 2000)]
)
def test_a_page_that_is_too_large_is_not_kept(
    pages: LastGood, path: Path, content: bytes, said: str
) -> None:
    """And the one before it is not the last one."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    pages.keep(INDEX, "demo", content, said, 8)

    assert pages.get(INDEX, "demo") is None
    assert pages.mark(INDEX, "demo") == 8
    assert file_of(path).stat().st_size < 1000


def test_without_a_folder_nothing_is_kept(clock: Clock) -> None:
    """`--no-cache-dir`."""
    pages = LastGood(None, clock)
    pages.keep(INDEX, "demo", PAGE, HTML, 7)

    assert pages.get(INDEX, "demo") is None
    assert pages.mark(INDEX, "demo") is None


def test_a_full_disk_is_no_error(
    pages: LastGood, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has come; that it cannot be kept is nobody's business."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    monkeypatch.setattr(Folder, "write", lambda *_: False)
    pages.keep(INDEX, "demo", b"new", HTML, 8)

    assert pages.get(INDEX, "demo") == Kept(
        PAGE,
        HTML,
        pytest.approx(NOW),
        7,  # type: ignore[arg-type]
    )


def test_old_pages_leave_their_serial(
    pages: LastGood, path: Path, folder: Folder, clock: Clock
) -> None:
    """Disks are small, but a mirror must not get to show what is older than we saw."""
    pages.keep(INDEX, "demo", PAGE, HTML, 7)
    pages.keep(INDEX, "unnumbered", PAGE, HTML)
    clock.now += OLDEST + 60
    LastGood(folder, clock).keep(INDEX, "other", PAGE, HTML)

    assert pages.mark(INDEX, "demo") == 7
    assert (path / room._file_of(INDEX, "demo")).stat().st_size < 1000
    assert not (path / room._file_of(INDEX, "unnumbered")).exists()

    clock.now += MARKS_KEPT
    LastGood(folder, clock).keep(INDEX, "other", b"new", HTML)

    assert pages.mark(INDEX, "demo") is None
    assert len(os.listdir(path)) == 2


def test_what_is_not_ours_stays_however_old(pages: LastGood, path: Path, folder: Folder) -> None:
    """The folder that somebody named may be one in which they work."""
    folder.write("index.html", b"mine", NOW - MARKS_KEPT - 60)
    pages.keep(INDEX, "demo", PAGE, HTML)

    assert (path / "index.html").read_bytes() == b"mine"


def test_the_oldest_pages_go_first(folder: Folder, clock: Clock) -> None:
    """All of them together are bounded."""
    for number in range(10):
        LastGood(folder, clock).keep(INDEX, f"demo{number}", PAGE, HTML)
        clock.now += 60
    clock.now += 86_400
    LastGood(folder, clock, most=4 * len(PAGE)).keep(INDEX, "last", PAGE, HTML)
    pages = LastGood(folder, clock)
    left = [number for number in range(10) if pages.get(INDEX, f"demo{number}")]

    assert left == [7, 8, 9]
    assert pages.get(INDEX, "last")


def test_sweeping_is_rare(folder: Folder, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at every file there is."""
    looks: list[None] = []
    entries = Folder.entries
    monkeypatch.setattr(
        Folder,
        "entries",
        lambda self: looks.append(None) or entries(self),  # type: ignore[func-returns-value]
    )
    for number in range(24):
        LastGood(folder, clock).keep(INDEX, f"demo{number}", PAGE, HTML)
        clock.now += 3500

    assert len(looks) == 1


def test_processes_at_once_do_no_harm(path: Path, folder: Folder) -> None:
    """Each reader gets one of the pages, whole, or for once none."""
    script = (
        "import sys, time; from pip_resilient.store.folder import Folder\n"
        "from pip_resilient.store.last_good import LastGood\n"
        "pages = LastGood(Folder.open(sys.argv[1]), time.time)\n"
        "for size in range(300): pages.keep(sys.argv[2], 'demo', b'x' * (5000 + size), 't', size)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), INDEX], cwd=ROOT)
        for _ in range(2)
    ]
    pages, seen = LastGood(folder, time.time), 0
    while any(one.poll() is None for one in writers):
        kept = pages.get(INDEX, "demo")
        if kept is not None:
            seen += 1

            assert len(kept.content) == 5000 + (kept.serial or 0)

    assert [one.returncode for one in writers] == [0, 0]
    assert seen
    assert pages.mark(INDEX, "demo") == 299
