"""What do the tools that start pip work on, and how is it seen that their pips healed?

The rule: a project and an index that need nothing else, and one fault that each of
these pips would show. What a recipe of the documents does is done to the same.
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from tests.end_to_end.environments import built_wheel
from tests.end_to_end.fetching import HALF, NEWEST, SIZE
from tests.end_to_end.tools import own_python_version
from tests.end_to_end.wheelhouse import dependency_wheels, pip_wheel
from tests.faults import Reset
from tests.packages import Index, sdist

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.faults import FaultServer

DEMO_CUT = Reset(after=HALF).when("*/demo*.whl", method="GET", first=1)
_TOX_INI = """
[tox]
envlist = py
[testenv]
package = wheel
deps = demo
commands = python -c "import demo, built; print('it runs')"
"""


def healings(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many pips have told that they healed one interruption; new ones resume too."""
    return (done.stdout + done.stderr).count("healed 1 interruption")


def project(folder: Path) -> None:
    """Write a project that tox builds and tests."""
    with tarfile.open(fileobj=io.BytesIO(sdist("built", "1.0")), mode="r:gz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            (folder / member.name.partition("/")[2]).write_bytes(file.read())
    (folder / "tox.ini").write_text(_TOX_INI)


def application_index(server: FaultServer) -> Index:
    """Return what pipx needs of an index: pip, an application, the plugin."""
    index = Index(server)
    script = "[console_scripts]\ndemo = demo:main\n"
    modules = {"demo-1.0.dist-info/entry_points.txt": script}
    index.add_wheel("demo", "1.0", size=SIZE, modules=modules)
    return with_plugin(index, "pipx")


def with_plugin(index: Index, tool: str) -> Index:
    """Let an index hold pip, the plugin and what that needs, for a tool's own Python; or skip."""
    python = own_python_version(tool)
    hold(index, built_wheel(), pip_wheel(NEWEST, python), *dependency_wheels(python).glob("*.whl"))
    return index


def hold(index: Index, *wheels: Path) -> None:
    """Let an index hold wheels that are files here, each under its project's name."""
    for path in wheels:
        index.add(path.name.split("-")[0].replace("_", "-"), path.name, path.read_bytes())
