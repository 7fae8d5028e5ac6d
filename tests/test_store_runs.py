"""Are the last runs kept, no more of them than was promised, and never at the price of an error?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.store import runs as room
from pip_resilient.store.runs import KEPT, Runs

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resilient.store.folder import Folder
    from tests.wall_clock import Clock

LINES = ['{"event": "run"}', '{"event": "resumed"}']


@pytest.fixture
def runs(folder: Folder, clock: Clock) -> Runs:
    return Runs(folder, clock)


def keep_many(runs: Runs, clock: Clock, count: int, lines: list[str]) -> None:
    for number in range(count):
        clock.now += 1.0
        assert runs.keep(f"{number}-ab12cd", lines)


def test_a_run_is_read_as_it_was_written(runs: Runs) -> None:
    """It is what `report` shows."""
    assert runs.keep("1785507302-ab12cd", LINES)
    assert runs.read("1785507302-ab12cd") == LINES


def test_the_newest_comes_first(runs: Runs, clock: Clock) -> None:
    """It is the one that is asked for."""
    keep_many(runs, clock, 3, LINES)

    assert runs.names() == ["2-ab12cd", "1-ab12cd", "0-ab12cd"]


def test_the_last_twenty_are_kept(runs: Runs, clock: Clock, path: Path) -> None:
    """A machine that builds all day would fill its disk."""
    keep_many(runs, clock, KEPT + 5, LINES)

    assert len(runs.names()) == KEPT == 20
    assert runs.names()[0] == "24-ab12cd"
    assert len(list(path.iterdir())) == KEPT


def test_what_a_wrong_clock_has_kept_goes_first(runs: Runs, clock: Clock) -> None:
    """For years no later run would be kept, nor shown as the last one."""
    now = clock.now
    clock.now += 10 * 365 * 86_400.0
    keep_many(runs, clock, KEPT, LINES)
    clock.now = now
    runs.keep("7-ab12cd", LINES)

    assert runs.names()[0] == "7-ab12cd"
    assert len(runs.names()) == KEPT


def test_all_of_them_have_a_limit(
    runs: Runs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty bad nights are not to cost more than promised."""
    monkeypatch.setattr(room, "MOST", 100)
    keep_many(runs, clock, 5, ["x" * 39])

    assert runs.names() == ["4-ab12cd", "3-ab12cd"]


def test_of_a_large_run_the_middle_is_left_out(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """How it began and how it ended says most."""
    monkeypatch.setattr(room, "LARGEST", 50)
    runs.keep("a", ["run......", *(f"line {number:4}" for number in range(100))])

    assert runs.read("a") == ["run......", "line    0", "line    1", "line   98", "line   99"]


@given(st.lists(st.integers(0, 30)), st.integers(0, 200))
def test_what_is_left_fits_and_is_in_order(sizes: list[int], most: int) -> None:
    """A file over its limit would not be read again."""
    lines = [f"{number:02}" + "x" * size for number, size in enumerate(sizes)]
    left = room._within(lines, most)

    assert left == sorted(left)
    assert left[:1] == lines[:1]
    assert sum(len(line) + 1 for line in left[1:]) <= max(0, most - len("".join(left[:1])) - 1)
    assert left == lines or sum(len(line) + 1 for line in lines) > most


def test_nowhere_is_no_error(clock: Clock) -> None:
    """`--no-cache-dir` means that nothing is kept."""
    nowhere = Runs(None, clock)

    assert not nowhere.keep("a", LINES)
    assert nowhere.names() == []
    assert nowhere.read("a") is None


def test_what_is_no_run_is_left_alone(runs: Runs, path: Path) -> None:
    """The folder may hold what a later version put there."""
    (path / "later").write_text("x")
    (path / "2026-11.ndjson").write_text("x")
    runs.keep("1-ab12cd", LINES)

    assert runs.names() == ["1-ab12cd"]
    assert (path / "later").exists()


@pytest.mark.parametrize("name", ["../hosts/x", "", ".", "a/b", "nothing"])
def test_a_name_leads_nowhere_else(runs: Runs, name: str) -> None:
    """It comes from a command line."""
    assert runs.read(name) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_file_that_others_may_write_is_none(runs: Runs, path: Path) -> None:
    """Anybody could tell anything in it."""
    runs.keep("a", LINES)
    (path / "a.ndjson").chmod(0o666)

    assert runs.read("a") is None


def test_what_is_no_ascii_is_kept_readable(runs: Runs) -> None:
    """The writer sees to it; if not, the run is not lost."""
    runs.keep("a", ["\udc80é"])

    assert runs.read("a") == ["\\udc80\\xe9"]
