"""Is anything of ours left, in the folder for temporary files or open, however a pip ends?

The rule: the pip of a build has told its parent that it healed something, and
then the parent is ended before it reads that. What pip itself leaves there when
it is killed is pip's own. Of sockets all are closed by the end of the process.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.fetching import BACKEND_CUT, NEWEST, OLDEST, SIZE, last_line, of_pip
from tests.faults import BadChunkHeader, FaultServer
from tests.packages import Index, PageForm, metadata, wheel, wheel_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere it is a file until it is read"
)

# The build has begun, and does not end by itself.
WAITING = """
import os, time
open(os.environ["BUILD_HAS_BEGUN"], "w").write("it has")
time.sleep(60)
"""


@pytest.fixture
def index() -> Iterator[Index]:
    with FaultServer(script=[BACKEND_CUT]) as server:
        index = Index(server)
        modules = {"tinybackend/build.py": WAITING}
        backend = wheel("tinybackend", "1.0", size=SIZE, modules=modules)
        name = wheel_name("tinybackend", "1.0")
        index.add("tinybackend", name, backend, metadata("tinybackend", "1.0"))
        index.add_sdist("demo", "1.0")
        yield index


def ours(environment: Environment) -> list[str]:
    return [path.name for path in (environment.home / "tmp").glob("pip-resilient-*")]


def wait_for(pipe: Path) -> None:
    number = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    ready, _, _ = select.select([number], [], [], 60)
    os.close(number)

    assert ready


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    ("outer", "inner"), [(NEWEST, None), (OLDEST, None), (NEWEST, OLDEST)], ids=str
)
def test_a_pip_that_is_ended_in_a_build(
    index: Index, number: int, outer: str, inner: str | None
) -> None:
    """A CI ends jobs so, and its machines run for months."""
    environment = of_pip(outer)
    words: tuple[str, ...] = ("python",)
    if inner is not None:
        words = ("pip-resilient", "run", "--", str(of_pip(inner, plugin=False).executable))
    mark = environment.home / "begun"
    os.mkfifo(mark)
    env = {"BUILD_HAS_BEGUN": str(mark), "PIP_INDEX_URL": index.url}
    with environment.started(*words, "-m", "pip", "download", "demo", env=env) as process:
        wait_for(mark)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does it
        else:
            process.send_signal(number)
        process.communicate(timeout=30)

    assert ours(environment) == []


LISTED = """
import atexit, os, sys
def tell():
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    open_ones = [os.readlink(link) for link in links if os.path.lexists(link)]
    print("open:", [one for one in open_ones if one.startswith("socket:")], file=sys.stderr)
atexit.register(tell)  # before pip is imported: so it is called last
sys.argv = ["pip", "download", "--no-deps", "--dest", "out", "demo"]
from pip._internal.cli.main import main
sys.exit(main())
"""


def test_a_page_that_cannot_be_unpacked_leaves_no_connection(
    oldest_and_newest: Environment,
) -> None:
    """Its body has not ended for those who read it below; pip has many pages to ask for."""
    with FaultServer() as server:
        index = Index(server, form=PageForm(gzip=True, ballast=5000))
        index.add_wheel("demo", "1.0")
        server.script = [BadChunkHeader(chunks=0).when("/simple/*", first=2)]
        done = oldest_and_newest.python(LISTED, env={"PIP_INDEX_URL": index.url})

    assert done.returncode == 0, done.stderr
    assert "healed" in done.stderr
    assert last_line(done) == "open: []"
