"""Does a mirror that the user named take over when PyPI fails, whatever program it is?

The rule: each mirror is a real server over plain http on the loopback, named by its
index URL alone; PyPI is played and dies for good. Asserted is what the user gets,
what the mirror's own log says, and under whose URL pip remembers the file.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.end_to_end.real_mirrors import REAL_MIRRORS, NotAvailable
from tests.faults import HangUp, Reset

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.real_mirrors import Asked, RealMirror
    from tests.packages import Distribution, Index

SIZE = 2_000_000
HALF = SIZE // 2


def fill(index: Index) -> tuple[Distribution, Distribution]:
    """Put two projects into an index, the same bytes every time."""
    first = index.add_wheel("demo", "1.0", size=SIZE, requires=["other"])
    return first, index.add_wheel("other", "2.0", size=100_000)


@pytest.fixture(scope="module", params=REAL_MIRRORS)
def mirror(request: pytest.FixtureRequest) -> Iterator[RealMirror]:
    """Each of them, once for all tests of this module; it holds what PyPI holds."""
    with played_pypi() as elsewhere:
        held = fill(elsewhere.index)
    try:
        with REAL_MIRRORS[request.param](held) as running:
            yield running
    except NotAvailable as error:
        pytest.skip(str(error))


def die_in_the_middle_of(pypi: PlayedPyPI, distribution: Distribution) -> None:
    """Let the file host reset this file's connection after half of it, and then refuse all."""
    dead = threading.Event()

    def dies(_: object) -> bool:
        dead.set()
        return True

    pypi.files.script = [
        HangUp().when(since=dead),
        Reset(after=HALF).when(f"*{distribution.filename}", first=1, matching=dies),
        Reset(part="headers").when(since=dead),
    ]


def pip(
    pypi: PlayedPyPI, environment: Environment, mirror: RealMirror, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run armed pip with the mirror named, and nothing else told but the way to PyPI."""
    env = {"PIP_RESILIENT_MIRRORS": mirror.index_url, "PIP_RESILIENT_PATIENCE": "30"}
    return pypi.pip(environment, *arguments, by_options=False, env=env)


def since(mirror: RealMirror, before: int, last_part: str) -> list[Asked]:
    """Return what the mirror was asked for since its log was so long."""
    asked = mirror.log[before:]
    return [one for one in asked if one.path.rstrip("/").endswith(f"/{last_part}")]


DOWNLOAD = ("download", "--no-deps", "--dest", "out", "demo")


def test_a_file_that_breaks_off_comes_from_the_mirror_and_is_pypis_to_pip(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: RealMirror
) -> None:
    """Only the rest, where the mirror serves ranges; and plain pip finds it in its cache later."""
    held, _ = fill(pypi.index)
    die_in_the_middle_of(pypi, held)
    before = len(mirror.log)
    done = pip(pypi, oldest_and_newest, mirror, *DOWNLOAD)
    path = oldest_and_newest.work / "out" / held.filename

    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == held.content
    (asked,) = since(mirror, before, held.filename)
    assert asked.status in {None, 206 if mirror.traits.ranges else 200}
    assert asked.range is None or 0 < int(asked.range[len("bytes=") : -1]) <= HALF
    assert our_lines(done.stderr)
    assert our_lines(done.stdout) == []

    path.unlink()
    before = len(mirror.log)
    pypi.files.script = [HangUp()]
    again = pypi.pip(oldest_and_newest, *DOWNLOAD, armed=False, by_options=False)

    assert again.returncode == 0, again.stderr
    assert path.read_bytes() == held.content
    assert len(mirror.log) == before


def test_a_report_names_pypis_url(
    newest: Environment, pypi: PlayedPyPI, mirror: RealMirror
) -> None:
    """Lock files are made from it; a mirror of today must not stand in them for years."""
    held, _ = fill(pypi.index)
    die_in_the_middle_of(pypi, held)
    options = ("--no-deps", "--target", "installed", "--report", "report.json")
    done = pip(pypi, newest, mirror, "install", *options, "demo")

    assert done.returncode == 0, done.stderr
    report = json.loads((newest.work / "report.json").read_text(encoding="utf-8"))
    (item,) = report["install"]
    assert item["download_info"]["url"] == held.url
    assert item["download_info"]["archive_info"]["hashes"] == {"sha256": held.sha256}


def test_with_the_index_dead_too_the_whole_install_comes_from_the_mirror(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: RealMirror
) -> None:
    """Pages, the dependency and the files: nothing of PyPI is left."""
    held = fill(pypi.index)
    pypi.pages.script = pypi.files.script = [HangUp()]
    before = len(mirror.log)
    done = pip(pypi, oldest_and_newest, mirror, "install", "--target", "installed", "demo")

    assert done.returncode == 0, done.stderr
    for item in held:
        assert (oldest_and_newest.work / "installed" / item.name / "payload.bin").exists()
        assert since(mirror, before, item.name)
        assert since(mirror, before, item.filename)
    assert pypi.pages.log == pypi.files.log == []
    assert our_lines(done.stderr)


@pytest.mark.parametrize("mirror", ["nginx"], indirect=True)
def test_a_healthy_pypi_leaves_the_mirror_alone(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: RealMirror
) -> None:
    """Naming one costs nothing, and nobody learns what is installed."""
    held, _ = fill(pypi.index)
    before = len(mirror.log)
    done = pip(pypi, oldest_and_newest, mirror, *DOWNLOAD)

    assert done.returncode == 0, done.stderr
    assert (oldest_and_newest.work / "out" / held.filename).read_bytes() == held.content
    assert mirror.log[before:] == []
    assert our_lines(done.stderr) == []
