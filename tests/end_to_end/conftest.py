"""Which environments does a test of this folder run in?

The rule: a test names what it needs (`environment` for the whole matrix,
`each_python`, `oldest`, `newest`, `oldest_and_newest`) and gets it from a new home,
so no test sees the cache of another one. A cell without an interpreter skips.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import (
    Environment,
    environment_of,
    let_ctrl_c_arrive,
    remove_environments,
)
from tests.end_to_end.interpreters import (
    Cell,
    every_python,
    is_whole,
    pip_matrix,
    whole_matrix,
)
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.faults import FaultServer
from tests.packages import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.packages import Distribution

HERE = Path(__file__).parent


def _params(cells: tuple[Cell, ...]) -> list[object]:
    """Turn cells into parameters; the ones that cannot run say why."""
    params = []
    for cell in cells:
        marks = () if cell.interpreter else (pytest.mark.skip(reason=cell.absence),)
        params.append(pytest.param(cell, id=cell.id, marks=marks))
    return params


_OLDEST, _NEWEST = pip_matrix()[0], pip_matrix()[-1]
# Where the whole matrix is asked for, also the newest Pythons: what is changed there (in the
# import system, ssl, http.client) is changed for the parts of ours that a fault brings in.
_ENDS = tuple(dict.fromkeys((_OLDEST, _NEWEST, *(every_python()[-2:] if is_whole() else ()))))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_arrives() -> None:
    let_ctrl_c_arrive()


@pytest.fixture(params=_params(whole_matrix()))
def environment(request: pytest.FixtureRequest) -> Environment:
    """Each pip of the matrix, and each Python."""
    return environment_of(request.param).with_fresh_home()


@pytest.fixture(params=_params(every_python()))
def each_python(request: pytest.FixtureRequest) -> Environment:
    """Each Python that we support, with the newest pip that runs on it."""
    return environment_of(request.param).with_fresh_home()


@pytest.fixture(params=_params((_OLDEST,)))
def oldest(request: pytest.FixtureRequest) -> Environment:
    """The oldest pip that we support."""
    return environment_of(request.param).with_fresh_home()


@pytest.fixture(params=_params((_NEWEST,)))
def newest(request: pytest.FixtureRequest) -> Environment:
    """The newest pip that we know."""
    return environment_of(request.param).with_fresh_home()


@pytest.fixture(params=_params(_ENDS))
def oldest_and_newest(request: pytest.FixtureRequest) -> Environment:
    """Both ends of the matrix, for what is too dear to try on all of it."""
    return environment_of(request.param).with_fresh_home()


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that serves what a test gives it, and fails as the test tells it."""
    with FaultServer() as running:
        yield running


@pytest.fixture
def pypi() -> Iterator[PlayedPyPI]:
    """PyPI on this machine."""
    with played_pypi() as played:
        yield played


@pytest.fixture
def mirror(pypi: PlayedPyPI, held: Distribution) -> Iterator[FaultServer]:
    """A server that has all that PyPI has; `held`, the module's own, is among it."""
    with FaultServer() as running:
        Index(running).add_all(pypi.index.distributions)
        yield running


@pytest.fixture
def damaged(oldest_and_newest: Environment) -> Iterator[Environment]:
    """A private copy of both ends, to be broken by the test."""
    with oldest_and_newest.throw_away_copy() as private:
        yield private


@pytest.fixture(scope="session", autouse=True)
def _environments_end_with_the_session() -> Iterator[None]:
    """Remove the environments here too: a worker of pytest-xdist may skip `atexit`."""
    yield
    remove_environments()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, so that `-m "not end_to_end"` leaves it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.end_to_end)


def pytest_report_collectionfinish(items: list[pytest.Item]) -> list[str]:
    """Say on which pips and Pythons this run can say anything."""
    if not any(HERE in item.path.parents for item in items):
        return []
    cells = [cell.id for cell in whole_matrix() if cell.interpreter]
    missing = [f"end to end: {cell.absence}" for cell in whole_matrix() if not cell.interpreter]
    return [f"end to end: {' '.join(cells)}", *missing]
