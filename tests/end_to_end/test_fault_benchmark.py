"""Does the comparison under faults measure a real pip, plain and armed?

The rule: one small file on a slow line, and everything at once: result, times, bytes,
memory. `benchmarks/faults.py` runs the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.fault_clients import Order, Pip
from benchmarks.fault_plays import killed
from benchmarks.fault_rows import carried, line
from benchmarks.fault_run import FAILED, OK, Row, stage_of
from benchmarks.fault_table import cells
from benchmarks.faults import figures_of
from tests.end_to_end.environments import environment_of
from tests.end_to_end.interpreters import PIPS, cell_of
from tests.faults import Fin, Reset

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment

SIZE, RATE = 400_000, 1_000_000


@pytest.fixture
def plain_and_armed(newest: Environment) -> list[Pip]:
    plain = environment_of(cell_of(PIPS[-1][0]), plugin=False)
    return [Pip(plain, armed=False), Pip(newest, armed=True)]


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_row_is_run_and_measured(
    plain_and_armed: list[Pip], tls: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Row("cut", "cut once", SIZE, carried(SIZE, RATE), line(RATE, Fin(SIZE // 4)))
    plain, armed = figures_of(row, plain_and_armed, tls=tls)

    assert plain.result == armed.result == OK
    assert armed.bytes == pytest.approx(1.0, abs=0.05)
    assert armed.ratio is not None
    assert armed.ratio > 0.9
    assert armed.wall is not None
    assert armed.seconds is not None
    assert armed.wall > armed.seconds
    assert armed.peak is not None
    assert 20e6 < armed.peak < 200e6
    assert cells(armed)[1] in capsys.readouterr().out


def test_a_failed_install_is_a_failure(plain_and_armed: list[Pip]) -> None:
    row = Row("cut", "cut for ever", SIZE, 1.0, line(RATE, then=Reset(SIZE // 100)))
    (figure,) = figures_of(row, plain_and_armed[:1])

    assert figure.result == FAILED
    assert figure.ratio is None


def test_of_a_killed_install_only_the_second_run_counts(plain_and_armed: list[Pip]) -> None:
    row = Row("kill", "killed", SIZE, 1.0, line(RATE), play=killed(0.5))
    with stage_of(row) as stage:
        outcome = row.play(stage, plain_and_armed[0])
        first, second = stage.origin.requests(stage.held[0].path)

    assert outcome.result == OK
    assert outcome.sent == outcome.size
    assert 0.4 * SIZE < first.body_bytes < outcome.size
    assert second.range is None


def test_only_an_armed_pip_is_told_of_a_spare_by_setting(plain_and_armed: list[Pip]) -> None:
    plain, armed = plain_and_armed
    order = Order(("demo",), "http://one/simple/", "http://two/simple/", beside=True)

    assert "http://two/simple/" in plain.argv(order)
    assert "http://two/simple/" not in armed.argv(order)
    assert armed.environ(order)["PIP_RESILIENT_MIRRORS"] == "http://one/simple/=http://two/simple/"
    assert [name for name in plain.environ(order) if "RESILIENT" in name] == []
