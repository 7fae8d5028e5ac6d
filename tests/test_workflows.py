"""Does what checks a change check all that it is said to, on every Python that is said to do?

The rule: `noxfile.py` is the one list of checks, `interpreters.PYTHONS` the one
list of Pythons; the workflows, the classifiers and CONTRIBUTING.md repeat them.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import yaml

from tests.documents import ROOT, read
from tests.end_to_end.interpreters import PYTHONS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NOT_IN_CI = {"pythons", "bench"}
"""CI's Pythons are set up by actions; figures of a shared machine are none."""


def nox_sessions() -> set[str]:
    """Return the names of the sessions, without importing nox."""
    tree = ast.parse(read(ROOT / "noxfile.py"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {
        one.name
        for one in functions
        if any("nox.session" in ast.unparse(by) for by in one.decorator_list)
    }


def jobs() -> dict[str, Any]:
    """Return the jobs of all workflows."""
    found: dict[str, Any] = {}
    for path in WORKFLOWS:
        found.update(yaml.safe_load(read(path))["jobs"])
    return found


def asked_by_ci() -> set[str]:
    """Return the sessions that workflows run, the Python's version taken off."""
    found: set[str] = set()
    for job in jobs().values():
        found |= set(job.get("strategy", {}).get("matrix", {}).get("session", ()))
        for step in job["steps"]:
            found.update(re.findall(r"nox .*-s \"?([a-z_]+)", step.get("run", "")))
    return found


def test_ci_asks_for_sessions_that_there_are() -> None:
    """One that was renamed would fail only after it has been pushed."""
    assert asked_by_ci() <= nox_sessions()


def test_every_session_is_asked_for() -> None:
    """One that nobody runs rots."""
    assert nox_sessions() - asked_by_ci() == NOT_IN_CI


def test_contributing_tells_every_session() -> None:
    """It says what each is for."""
    told = set(re.findall(r"(?m)^\| `(\w+)` \|", read(ROOT / "CONTRIBUTING.md")))

    assert told == nox_sessions()


def test_every_python_is_tried_and_promised() -> None:
    """A promise that nobody tries is broken one day."""
    matrices = [job["strategy"]["matrix"] for job in jobs().values() if "strategy" in job]
    (tried,) = [matrix["python"] for matrix in matrices if "python" in matrix]
    promised = re.findall(r"Python :: (3\.\d+)\"", read(ROOT / "pyproject.toml"))

    assert tuple(tried) == PYTHONS
    assert tuple(promised) == PYTHONS
    assert f'requires-python = ">={PYTHONS[0]}"' in read(ROOT / "pyproject.toml")


def test_the_job_with_stock_pips_has_every_python() -> None:
    """A Python that is not there is a skip, and a skip in CI is read by nobody."""
    (step,) = [
        one for one in jobs()["with-stock-pips"]["steps"] if "setup-python" in one.get("uses", "")
    ]

    assert set(step["with"]["python-version"].split()) == set(PYTHONS)


@pytest.mark.parametrize("name", sorted(jobs()))
def test_no_job_may_run_for_ever_or_write_without_saying_so(name: str) -> None:
    """Six hours of a hanging socket; a token that can push."""
    job = jobs()[name]
    writes = [key for key, value in job.get("permissions", {}).items() if value == "write"]

    assert job["timeout-minutes"] <= 120
    assert writes == [] or name in {"publish", "announce"}
