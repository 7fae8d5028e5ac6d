"""Does plain pip take what is played here for PyPI, whichever way it is told?

The rule: pip is not armed; what it installs and whom it asked must be right before
any test may say what the plugin does differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tests.packages import Index

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedPyPI

ALIYUN = "mirrors.aliyun.com"


DOWNLOAD = ("download", "--no-deps", "--dest", "out", "demo")


@pytest.mark.parametrize("by_options", [True, False], ids=["options", "environment"])
def test_pip_finds_its_way_by_options_or_by_its_environment(
    oldest_and_newest: Environment, pypi: PlayedPyPI, by_options: bool
) -> None:
    held = pypi.index.add_wheel("demo", "1.0")
    done = pypi.pip(oldest_and_newest, *DOWNLOAD, armed=False, by_options=by_options)

    assert done.returncode == 0, done.stderr
    assert (oldest_and_newest.work / "out" / held.filename).read_bytes() == held.content
    assert {seen.host for seen in pypi.proxy.log} == {PyPI.netloc, PyPI.file_storage_domain}
    assert pypi.files.requests(held.path)[0].tls


def test_by_its_environment_pip_asks_the_loopback_directly(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """A mirror on this machine must not die with the way to PyPI."""
    server = pypi.host("localhost")
    index = Index(server)
    held = index.add_wheel("demo", "1.0")
    options = ("--index-url", index.url)
    done = pypi.pip(oldest_and_newest, *DOWNLOAD, *options, armed=False, by_options=False)

    assert done.returncode == 0, done.stderr
    assert (oldest_and_newest.work / "out" / held.filename).exists()
    assert pypi.proxy.log == []


@pytest.mark.parametrize("by_options", [True, False], ids=["options", "environment"])
def test_a_public_mirror_is_played_under_its_own_name_and_prefix(
    oldest_and_newest: Environment, pypi: PlayedPyPI, by_options: bool
) -> None:
    held = pypi.index.add_wheel("demo", "1.0")
    mirror = pypi.mirror(ALIYUN, prefix="/pypi")
    options = ("--index-url", f"https://{ALIYUN}/pypi/simple/")
    done = pypi.pip(oldest_and_newest, *DOWNLOAD, *options, armed=False, by_options=by_options)

    assert done.returncode == 0, done.stderr
    assert (oldest_and_newest.work / "out" / held.filename).read_bytes() == held.content
    assert len(mirror.server.requests("/pypi" + held.path)) == 1
    assert {seen.host for seen in pypi.proxy.log} == {ALIYUN}


def test_a_host_that_nobody_plays_is_not_reached(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """Else a test could ask a real mirror, and find it healthy."""
    options = ("--index-url", f"https://{ALIYUN}/pypi/simple/", "--retries", "0")
    done = pypi.pip(oldest_and_newest, *DOWNLOAD, *options, armed=False, by_options=False)

    assert done.returncode == 1
    assert {(seen.host, seen.status) for seen in pypi.proxy.log} == {(ALIYUN, 502)}
