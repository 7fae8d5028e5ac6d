"""What does the project ask of itself, and in which order?

The rule: `python -m nox` alone asks everything, `nox -s NAME` one thing, `nox -l` lists them
all. A session makes what it needs and installs nothing on the machine; a Python that can
be had nowhere is a skip that is seen. What follows `--` goes to the tool:

    nox -s tests-3.13 -- tests/test_walls.py

CONTRIBUTING.md says what each session is for. `.ci/run` is something else: it passes the
one command that the README promises, and the linters.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tests.end_to_end import debian_pythons  # noqa: E402
from tests.end_to_end.interpreters import PIPS, PYTHONS, WHOLE, interpreter_of  # noqa: E402
from tests.end_to_end.wheelhouse import DEPENDENCIES_ARE  # noqa: E402

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
TOOLS = {re.split(r"[=>]", one)[0]: one for one in PROJECT["optional-dependencies"]["test"]}
TESTING = [one for name, one in TOOLS.items() if name not in ("mypy", "ruff")]
LOWEST = [one.replace(">=", "==") for one in PROJECT["dependencies"]]
TYPED_PIPS = [pip for pip, _, first, _ in PIPS if pip != "20.3.4"]  # it had no py.typed yet
BOTH_CORES = ("-n", "2", "--dist", "loadfile")
UNIT = ("-m", "not end_to_end")

nox.needs_version = ">=2024.4.15"
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "virtualenv"  # it needs no ensurepip, which Debian takes out

# Where nox looks for interpreters; the last folder may be filled by the first session.
_found = [str(one.parent) for one in map(interpreter_of, PYTHONS) if one]
_fetched = str(debian_pythons.place_of(PYTHONS[-1]).parent)
os.environ["PATH"] = os.pathsep.join([*dict.fromkeys(_found), os.environ["PATH"], _fetched])


def with_tests(session: nox.Session, *more: str) -> None:
    """Install the project, as it lies here, and what its tests need."""
    session.install("-e", ".", *TESTING, *more)


@nox.session
def pythons(session: nox.Session) -> None:
    """Fetch the Pythons that this machine lacks, into `.cache`."""
    session.run("python", "-m", debian_pythons.__name__, success_codes=[0, 1])


@nox.session
def lint(session: nox.Session) -> None:
    """Read the code, and the workflows, for what is wrong at first sight."""
    session.install(TOOLS["ruff"], "check-jsonschema>=0.33", "zizmor>=1.20")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    schema = ("--builtin-schema", "vendor.github-workflows")
    session.run("check-jsonschema", *schema, *workflows)
    session.run("zizmor", "--offline", "--quiet", "--config", ".github/zizmor.yml", *workflows)


@nox.session(python="3.11")  # the newest Python that the oldest of these pips runs on
@nox.parametrize("pip", [TYPED_PIPS[0], TYPED_PIPS[-1]])
def typecheck(session: nox.Session, pip: str) -> None:
    """Hold the types against the oldest and the newest pip that has any."""
    session.install(TOOLS["mypy"], *PROJECT["dependencies"])
    session.run("python", "-m", "pip", "install", "--quiet", f"pip=={pip}")
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests that start no pip, on every Python."""
    with_tests(session)
    session.run("pytest", *BOTH_CORES, *(session.posargs or UNIT))


@nox.session
def end_to_end(session: nox.Session) -> None:
    """Run stock pips: each on one Python, and on each Python its oldest and its newest."""
    with_tests(session)
    whole = {WHOLE: "whole"}
    session.run("pytest", *BOTH_CORES, *(session.posargs or ["tests/end_to_end"]), env=whole)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run with the oldest wrapt and urllib3 that the project says it takes."""
    with_tests(session, *LOWEST)
    core = ("tests/end_to_end/test_activation.py", "tests/end_to_end/test_healing.py")
    lowest = {DEPENDENCIES_ARE: " ".join(LOWEST)}
    for what in [session.posargs] if session.posargs else [UNIT, (*core, "-k", f"py{PYTHONS[0]}")]:
        session.run("pytest", *BOTH_CORES, *what, env=lowest)


@nox.session
def neighbours(session: nox.Session) -> None:
    """Try the programs that use pip, or that pip is used beside."""
    with_tests(session)
    session.run("pytest", *BOTH_CORES, "tests/neighbours", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try every property on many thousand examples."""
    with_tests(session)
    many = ("-m", "hypothesis", "--hypothesis-profile", "fuzz")
    session.run("pytest", *BOTH_CORES, *many, *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Let pips live through an hour of whatever may happen."""
    with_tests(session)
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session(python="3.13")
def coverage(session: nox.Session) -> None:
    """Measure which branches the tests take, in the pips that they start too."""
    with_tests(session, "coverage>=7.13")
    data = Path(session.create_tmp()).resolve() / "coverage"
    env = {"COVERAGE_FILE": str(data), "COVERAGE_PROCESS_START": str(ROOT / ".coveragerc")}
    session.run("coverage", "erase", env=env)
    pytest = ("coverage", "run", "-m", "pytest", *BOTH_CORES)
    session.run(*pytest, *session.posargs, env=env, success_codes=[0, 1])  # others tell failures
    session.run("coverage", "combine", "--quiet", env=env)
    session.run("coverage", "report", env=env)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the README says about time, bytes and start-up."""
    with_tests(session)
    for name in session.posargs or ("startup", "clean_install", "faults", "outage", "herd"):
        session.run("python", f"benchmarks/{name}.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, and hold all that they and the READMEs say against the code."""
    session.install("-e", ".[docs]", *TESTING)
    documented = sorted(map(str, Path("tests").glob("test_*doc[su]*.py")))  # one builds the pages
    session.run("pytest", "tests/test_readme.py", *documented, *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Build what is published, look into it, and write down its parts; nothing is uploaded."""
    with_tests(session, "twine>=6.1", "cyclonedx-bom>=7")
    session.run("pytest", "tests/end_to_end/test_distributions.py")
    for folder in ("dist", "build"):
        shutil.rmtree(folder, ignore_errors=True)
    commit = session.run("git", "log", "-1", "--format=%ct", external=True, silent=True)
    dated = {"SOURCE_DATE_EPOCH": str(commit).strip()}
    session.run("python", "-m", "build", env=dated)
    session.run("python", "-m", "build", "--outdir", "build/again", env=dated, silent=True)
    built = sorted(Path("dist").iterdir())
    for one in built:
        digest = hashlib.sha256(one.read_bytes()).hexdigest()
        if one.read_bytes() != Path("build/again", one.name).read_bytes():
            session.error(f"built twice, {one.name} differs")
        session.log(f"{digest}  {one.name}  {one.stat().st_size} bytes")
    session.run("twine", "check", "--strict", *map(str, built))
    alone = session.create_tmp()
    session.run("python", "-m", "venv", "--without-pip", "--clear", alone)
    session.run("python", "-m", "pip", "--python", alone, "install", "--quiet", str(built[0]))
    described = Path(alone, "pyproject.toml")
    described.write_text(versioned_project(built[0].name.split("-")[1]), "utf-8")
    named = ("--pyproject", str(described), "--mc-type", "library", "--output-reproducible")
    bill = ("--validate", "--output-file", "build/sbom.cdx.json")
    session.run("cyclonedx-py", "environment", *named, *bill, alone, env=dated)


def versioned_project(version: str) -> str:
    """Return our pyproject.toml with the version in it, for a tool that looks nowhere else."""
    text = Path("pyproject.toml").read_text("utf-8")
    return text.replace('dynamic = ["version"]', f'version = "{version}"')
