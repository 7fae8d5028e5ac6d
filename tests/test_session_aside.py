"""Do bytes that were put aside come back as they were, and outlive the process?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_resilient.session.aside import Aside
from pip_resilient.session.ready import Ready
from tests.unfinished import files, leave, left, opened

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1 << 20) + 4321
CONTENT = random.Random(0).randbytes(SIZE)


@pytest.mark.parametrize(
    ("kept", "offset", "count"),
    [
        ([(0, 5000)], 0, 5000),
        ([(0, 5000)], 1000, 4000),
        ([(0, 5000)], 5000, 0),
        ([(0, 5000), (6000, SIZE)], 0, 5000),
        ([(0, 5000), (6000, SIZE)], 6000, SIZE - 1 - 6000),
        ([(0, SIZE)], 0, SIZE - 1),
        ([(0, SIZE)], SIZE - 1, 0),
    ],
)
def test_all_but_the_last_byte_need_not_be_asked_for(
    tmp_path: Path, kept: list[tuple[int, int]], offset: int, count: int
) -> None:
    """Somebody has to be asked for that one: it shows that the file is still there."""
    leave(tmp_path, CONTENT, *kept)
    aside = Aside(opened(tmp_path, CONTENT))

    assert aside.beginning(offset) == count
    assert aside.from_disk


def test_what_is_settled_is_there_for_whoever_goes_on_with_it(tmp_path: Path) -> None:
    """Notes are made now and then alone: between two of them nothing else would show the bytes."""
    aside = Aside(opened(tmp_path, CONTENT))
    aside.put(0, CONTENT[:1000])
    before = left(tmp_path, CONTENT)
    aside.settle()
    after = left(tmp_path, CONTENT)
    aside.put(1000, CONTENT[1000:3000])
    aside.settle()
    sizes = [path.stat().st_size for path in (tmp_path / "partials").iterdir()]
    aside.settle()

    assert sizes == [path.stat().st_size for path in (tmp_path / "partials").iterdir()]
    assert (before, after) == ([], [(0, 1000)])
    assert left(tmp_path, CONTENT) == [(0, 3000)]


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, SIZE - 1), min_size=2, max_size=12, unique=True), st.randoms())
def test_whatever_was_put_is_found_again(
    tmp_path: Path, cuts: list[int], chance: random.Random
) -> None:
    """In whichever order connections have brought it."""
    edges = sorted(cuts)
    parts = [(first, end, chance.random() < 0.5) for first, end in zip(edges, edges[1:])]
    chance.shuffle(parts)
    # All is drawn by now: an example that is given up half-way would leave its files.
    aside = Aside(opened(tmp_path, CONTENT))
    for first, end, foreign in parts:
        assert aside.put(first, CONTENT[first:end], foreign=foreign)
    aside.close()
    again = Aside(opened(tmp_path, CONTENT))
    got, at = b"", edges[0]
    while data := again.read(at):
        got, at = got + data, at + len(data)
    again.finish()

    assert got == CONTENT[edges[0] : edges[-1]]
    assert files(tmp_path) == []


@pytest.mark.parametrize("end", ["finish", "discard"])
def test_of_what_is_done_with_nothing_is_left(tmp_path: Path, end: str) -> None:
    aside = Aside(opened(tmp_path, CONTENT))
    aside.put(0, CONTENT[:5000])
    aside.settle()
    there = files(tmp_path)
    getattr(aside, end)()
    aside.close()

    assert len(there) == 2
    assert files(tmp_path) == []


def test_bytes_of_a_strange_host_are_withheld_until_the_end(tmp_path: Path) -> None:
    aside = Aside(opened(tmp_path, CONTENT))
    aside.pass_on(0, CONTENT[:1000])
    before = aside.withheld_from
    aside.pass_on(1000, CONTENT[1000:2000], foreign=True)
    aside.pass_on(2000, CONTENT[2000:3000])
    ready = Ready()
    aside.give_out(3000, ready)

    assert before is None
    assert len(ready) == 2000
    assert ready.take(5000) == CONTENT[1000:3000]


def test_without_a_place_that_lasts_nothing_outlives_the_process(tmp_path: Path) -> None:
    aside = Aside(None)
    assert aside.put(10, CONTENT[10:20])
    got = aside.read(10)
    aside.settle()
    aside.close()

    assert got == CONTENT[10:20]
    assert aside.beginning() == 0
    assert files(tmp_path) == []
