"""Does a line carry what it says, to whoever shares it, and no more after a rest?"""

from __future__ import annotations

import pytest

from tests.servers.line import Line

RATE = 1000.0


class Timeline:
    """A clock that waiting moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def send(self, line: Line, size: int, late: float = 0.0) -> None:
        """Send a piece as the server does; `late` is what the machine adds to the wait."""
        self.now += line.wait_for(size, 0) + late


@pytest.fixture
def time() -> Timeline:
    return Timeline()


def test_a_line_takes_the_time_that_its_rate_says(time: Timeline) -> None:
    line = Line(RATE, clock=time)
    for _ in range(50):
        time.send(line, line.size_after(0))

    assert time.now - 100 == pytest.approx(50 * 20 / RATE)


def test_what_is_sent_late_is_caught_up_with(time: Timeline) -> None:
    """Else a busy machine would make every line slower than it says."""
    line = Line(RATE, clock=time)
    for _ in range(50):
        time.send(line, 20, late=0.005)

    assert time.now - 100 == pytest.approx(50 * 20 / RATE, abs=0.01)


def test_a_rest_saves_nothing_up(time: Timeline) -> None:
    line = Line(RATE, clock=time)
    time.send(line, 20)
    time.now += 60
    begin = time.now
    time.send(line, 2000)

    assert time.now - begin == pytest.approx(2.0)
