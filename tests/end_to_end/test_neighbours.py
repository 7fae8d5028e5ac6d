"""Do the tools that people use beside pip finish on a bad network too?

The rule: five real ones of many, those that are quick and tell most: pip imported
by another program, pip in a zip file, `%pip`, and others who step in when Python
starts. The rest is in `tests/neighbours`, and `docs/neighbours.md` tells of all.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import (
    CUT_PAGE,
    DROPS,
    NEWEST,
    SIZE,
    assert_healed,
    assert_in_pieces,
    fetch,
    fetched,
    of_pip,
)
from tests.end_to_end.tools import with_beside
from tests.end_to_end.wheelhouse import pip_wheel
from tests.packages import Index

if TYPE_CHECKING:
    from tests.faults import FaultServer


MAIN = """
import os, runpy, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def test_pip_compile_pins_what_stands_behind_the_cut(server: FaultServer) -> None:
    """It reads pages in its own process, and metadata of wheels."""
    index = Index(server)
    for version in ("1.0", "2.0"):
        index.add_wheel("demo", version)
    words = ("pip-compile", "--generate-hashes", "--index-url", index.url)
    with with_beside(of_pip(NEWEST), "pip-tools") as environment:
        (environment.work / "requirements.in").write_text("demo\n")
        server.script = [CUT_PAGE]
        plain = environment.run(*words, armed=False)
        server.script = [CUT_PAGE]
        armed = environment.run(*words)
        pinned = (environment.work / "requirements.txt").read_text()

    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stderr
    assert "demo==2.0" in pinned
    assert len(server.requests("/simple/demo/")) >= 3
    assert "healed 1 interruption" in our_lines(armed.stderr)[-1]


def test_pip_in_a_zip_file_heals(server: FaultServer) -> None:
    """As `pip.pyz` is laid out: pip in `lib`, and a `__main__` that runs it."""
    environment = of_pip(NEWEST)
    archive = environment.home / "pip.pyz"
    with (
        zipfile.ZipFile(archive, "w") as written,
        zipfile.ZipFile(pip_wheel(NEWEST, environment.python_version)) as wheel,
    ):
        written.writestr("__main__.py", MAIN)
        for name in wheel.namelist():
            written.writestr(f"lib/{name}", wheel.read(name))
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    words = ("download", "--no-deps", "--dest", "out", "--index-url", index.url, "demo")
    server.script = [CUT_PAGE]
    plain = environment.run("python", str(archive), *words, armed=False)
    server.script = [DROPS]
    armed = environment.run("python", str(archive), *words)

    assert plain.returncode != 0
    assert armed.returncode == 0, armed.stderr
    assert fetched(environment, held) == held.content
    assert_in_pieces(server, held)


def test_pip_in_ipython(server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    magic = f"%pip install --target there --index-url {index.url} demo"
    with with_beside(of_pip(NEWEST), "ipython") as environment:
        words = ("ipython", "--no-banner", "--colors=NoColor", "-c", magic)
        server.script = [CUT_PAGE]
        plain = environment.run(*words, armed=False)
        server.script = [DROPS]
        armed = environment.run(*words)

        assert "ERROR: " in plain.stderr
        assert (environment.work / "there" / "demo").is_dir(), armed.stdout + armed.stderr

    assert "pip-resilient: healed" in armed.stdout + armed.stderr
    assert_in_pieces(server, held)


def test_coverage_and_setuptools(server: FaultServer) -> None:
    """Both start in every Python of the environment, one before us and one after us."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    with with_beside(of_pip(NEWEST), "coverage", "setuptools") as environment:
        rc = environment.home / "coveragerc"
        rc.write_text(f"[run]\nparallel = true\ndata_file = {environment.home}/coverage\n")
        env = {"COVERAGE_PROCESS_START": str(rc)}
        server.script = [CUT_PAGE]
        plain = fetch(environment, index.url, armed=False, env=env)
        server.script = [DROPS]
        armed = fetch(environment, index.url, env=env)
        silent = environment.python("import setuptools", env=env)
        pths = {path.name for path in environment.site_packages.glob("*.pth")}
        data = list(environment.home.glob("coverage.*"))

        assert_healed(armed, environment, held)

    assert {"a1_coverage.pth", "distutils-precedence.pth", "pip_resilient.pth"} <= pths
    assert plain.returncode != 0
    assert_in_pieces(server, held)
    assert (silent.stdout, silent.stderr) == ("", "")
    assert len(data) >= 3


def test_pip_system_certs_over_plain_http(server: FaultServer) -> None:
    """Its methods for hosts without TLS ask above the class that the object names as its own."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    with with_beside(of_pip(NEWEST), "pip-system-certs") as environment:
        server.script = [CUT_PAGE]
        plain = fetch(environment, index.url, armed=False)
        server.script = [DROPS]
        armed = fetch(environment, index.url)

        assert_healed(armed, environment, held)

    assert plain.returncode != 0
    assert_in_pieces(server, held)
