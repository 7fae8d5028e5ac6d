"""Do bytes come out in the order and number in which they went in?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.session.ready import Ready

ACTIONS = st.lists(st.binary(max_size=50) | st.integers(0, 120), max_size=40)


def ready_of(*arrivals: bytes) -> Ready:
    ready = Ready()
    for data in arrivals:
        ready.add(memoryview(data))
    return ready


@given(ACTIONS)
def test_no_byte_is_lost_doubled_or_moved(actions: list[bytes | int]) -> None:
    """It is the last place that a byte passes before pip gets it."""
    ready, waiting = Ready(), b""
    for action in actions:
        if isinstance(action, bytes):
            ready.add(memoryview(action))
            waiting += action
        else:
            taken, waiting = waiting[:action], waiting[action:]

            assert ready.start(action) == taken
            assert ready.take(action) == taken
        assert len(ready) == len(waiting)
        assert bool(ready) is bool(waiting)


def test_a_look_takes_nothing() -> None:
    """A login page is recognised by its start, and a file must then still be whole."""
    ready = ready_of(b"ab", b"", b"cd")

    assert ready.start(3) == b"abc"
    assert ready.take(10) == b"abcd"
    assert ready.take(10) == b""
