"""Is what gets published exactly what lies in the repository, whoever builds it and when?

The rule: a wheel holds the package, the `.pth` and its metadata; an sdist holds what git
holds. Each file is named, nothing is matched by a pattern, so what slips in or out is
seen. The version stands in one place.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import pip_resilient
from tests.end_to_end.kept import CHECKOUT
from tests.end_to_end.wheelhouse import building, built_wheel

NAME = f"pip_resilient-{pip_resilient.__version__}"
INFO = f"{NAME}.dist-info"
EPOCH = "1700000000"


def tracked() -> set[str]:
    """Return what git holds, and what it would be given now; a copy without git skips."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        done = subprocess.run(listing, cwd=CHECKOUT, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no git on this machine")
    if done.returncode:
        pytest.skip(f"no git checkout: {done.stderr.decode(errors='replace').strip()}")
    names = (name.decode() for name in done.stdout.split(b"\0") if name)
    return {name for name in names if (CHECKOUT / name).exists()}


def build(what: str, source: Path, into: Path, **variables: str) -> Path:
    """Build from a folder with the back end alone, taken as wheels from the wheelhouse."""
    environ = building()
    wheels = Path(environ["PIP_FIND_LINKS"]).glob("*.whl")
    environ |= {"PYTHONPATH": os.pathsep.join(map(str, wheels)), **variables}
    argv = (sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", str(into))
    done = subprocess.run(
        argv, cwd=source, env=environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", CHECKOUT, tmp_path_factory.mktemp("sdist"), SOURCE_DATE_EPOCH=EPOCH)


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    """Whatever else it brought would lie in site-packages beside other people's code."""
    with zipfile.ZipFile(built_wheel()) as wheel:
        names = wheel.namelist()
    ours = {name for name in tracked() if name.startswith("pip_resilient/")}
    about = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}

    assert len(names) == len(set(names))
    assert set(names) == ours | {"pip_resilient.pth"} | {f"{INFO}/{name}" for name in about}
    assert "pip_resilient/py.typed" in names


def test_the_sdist_holds_what_git_holds(sdist: Path) -> None:
    """A distributor runs the tests from it; a file of the builder's own is nobody's business."""
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    names = {member.name for member in members}

    assert all(member.isfile() for member in members)
    assert names == {f"{NAME}/{name}" for name in (*tracked(), "PKG-INFO")}


def test_the_version_stands_in_one_place(sdist: Path) -> None:
    """Two places that say it differ one day."""
    with zipfile.ZipFile(built_wheel()) as wheel:
        metadata = message_from_bytes(wheel.read(f"{INFO}/METADATA"))
    version = re.escape(pip_resilient.__version__)
    saying = re.compile(rf"(?m)^_*version_*\s*=\s*[\"']?{version}\b")
    places = [
        name
        for name in tracked()
        if name.endswith((".py", ".toml")) and saying.search((CHECKOUT / name).read_text("utf-8"))
    ]

    assert metadata["Version"] == pip_resilient.__version__
    assert sdist.name == f"{NAME}.tar.gz"
    assert places == ["pip_resilient/__init__.py"]


def test_whoever_builds_it_gets_the_same_bytes(sdist: Path, tmp_path: Path) -> None:
    """Only then can anybody see that what is published was built from what is written."""
    with tarfile.open(sdist) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    unpacked = tmp_path / NAME
    for path in unpacked.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(path.stat().st_mode & 0o700)  # another umask
    from_sdist = build("wheel", unpacked, tmp_path / "1", SOURCE_DATE_EPOCH=EPOCH)
    wheel = build("wheel", CHECKOUT, tmp_path / "2", SOURCE_DATE_EPOCH=EPOCH, LC_ALL="C")
    (unpacked / "PKG-INFO").unlink()  # now it is what git holds
    again = build("sdist", unpacked, tmp_path / "3", SOURCE_DATE_EPOCH=EPOCH, TZ="Asia/Tokyo")

    assert from_sdist.read_bytes() == wheel.read_bytes()
    assert again.read_bytes() == sdist.read_bytes()
