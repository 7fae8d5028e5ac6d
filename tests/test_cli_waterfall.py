"""Is every request drawn as it went?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.accounts import Requested
from pip_resilient.cli.waterfall import Row, name_of, rows, totals
from pip_resilient.events import (
    Answered,
    GaveUp,
    Healed,
    Overtaken,
    PageElsewhere,
    Retried,
    SecondConnection,
    SourceFailed,
    Widened,
)
from tests.reported_runs import (
    ABOUT,
    CUT,
    EVENTS,
    FILE,
    FILES,
    GONE,
    INDEX,
    MIRROR,
    PAGE,
    REFUSED,
)

if TYPE_CHECKING:
    from pip_resilient.events import Event


def drawn(row: Row) -> list[tuple[float, float, str, str]]:
    return [tuple(stretch) for stretch in row.stretches]


def row_of(*events: Event) -> Row:
    (row,) = rows(ABOUT, events)
    return row


def asked(**changed: object) -> Requested:
    return Requested(0.0, INDEX, PAGE, "GET", 0.5, 0.6, 200, 5, False)._replace(**changed)


def test_a_healthy_request_waits_and_then_brings() -> None:
    """Most are like this."""
    row = rows(ABOUT, EVENTS)[0]

    assert (row.name, row.place, row.result, row.good) == ("demo", INDEX, "fine", True)
    assert not row.troubled
    assert drawn(row) == [(0.0, 0.5, "asked", INDEX), (0.5, 0.6, "body", INDEX)]


def test_a_cut_file_shows_pause_resume_and_switch() -> None:
    """It is what the report is for."""
    row = rows(ABOUT, EVENTS)[1]

    assert drawn(row) == [
        (1.0, 1.5, "asked", FILES),
        (1.5, 3.0, "body", FILES),
        (3.0, 5.0, "wait", FILES),
        (5.0, 5.5, "asked", FILES),
        (5.5, 8.0, "body", FILES),
        (8.0, 12.0, "elsewhere", MIRROR),
    ]
    assert [(mark.at, mark.kind) for mark in row.marks] == [
        *((3.0, "failed"), (5.5, "resumed"), (8.0, "switched")),
    ]
    assert (row.failures, row.waited, row.length) == (1, 2.0, 40_000_000)
    assert (row.result, row.good, row.sources) == ("served by aliyun", True, ("aliyun",))


def test_silence_is_shown_until_somebody_delivers() -> None:
    """A bar that goes through it would say that bytes came."""
    row = row_of(
        asked(ended=9.0),
        SecondConnection(5.0, INDEX, PAGE, 2.0, 100, 200),
        Overtaken(6.0, INDEX, PAGE, 100),
    )

    assert [(begin, end, kind) for begin, end, kind, _ in drawn(row)] == [
        *((0.0, 0.5, "asked"), (0.5, 3.0, "body"), (3.0, 6.0, "asked"), (6.0, 9.0, "body")),
    ]
    assert row.failures == 1


def test_a_request_given_up_ends_there() -> None:
    """Not at the end of the run."""
    row = rows(ABOUT, EVENTS)[2]

    assert (row.result, row.good, row.begin, row.end) == ("connection refused", False, 12.0, 20.0)
    assert row.marks[-1].kind == "gave up"


@pytest.mark.parametrize(
    ("events", "result", "good", "troubled"),
    [
        ((asked(cached=True),), "from pip's cache", True, False),
        ((asked(answered=None, ended=None, status=None),), "no answer", False, False),
        ((asked(ended=None),), "not finished", False, False),
        ((asked(status=503),), "HTTP 503", False, False),
        ((asked(status=404), Answered(0.5, INDEX, PAGE, 404)), "HTTP 404", True, False),
        ((asked(), Widened(0.5, INDEX, PAGE, 2, 5, 10)), "fine", True, False),
        ((asked(), Healed(0.6, INDEX, PAGE, 1, 0)), "healed", True, False),
        (
            (asked(), PageElsewhere(0.5, INDEX, PAGE, "", age=9.0)),
            *("its last good page", True, True),
        ),
        (
            (asked(), SourceFailed(0.5, MIRROR, PAGE, "aliyun", CUT)),
            *("fine", True, True),
        ),
    ],
)
def test_what_became_of_it(
    events: tuple[Event, ...], result: str, good: bool, troubled: bool
) -> None:
    """In a few words, and in one colour."""
    row = row_of(*events)

    assert (row.result, row.good, row.troubled) == (result, good, troubled)


def test_what_happened_to_a_request_of_a_child_is_shown_too() -> None:
    """Its parent may know nothing of it."""
    row = row_of(
        Retried(3.0, INDEX, GONE, CUT, 1, 2.0, 9.0), GaveUp(6.0, INDEX, GONE, CUT, 2, 3, "x")
    )

    assert (row.name, row.begin, row.end, row.failures) == ("gone", 3.0, 6.0, 1)


def test_an_event_is_of_the_last_request_that_had_begun() -> None:
    """pip asks for some pages twice."""
    first, second = rows(
        ABOUT,
        [
            asked(),
            asked(at=5.0, answered=8.0, ended=8.1),
            Retried(0.2, INDEX, PAGE, CUT, 1, 0.1, 9.0),
            Retried(6.0, INDEX, PAGE, REFUSED, 1, 1.0, 9.0),
        ],
    )

    assert [mark.at for mark in first.marks] == [0.2]
    assert [mark.at for mark in second.marks] == [6.0]


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 50), st.sampled_from([PAGE, FILE, GONE]))
        | st.sampled_from(EVENTS)
    )
)
def test_stretches_never_overlap(given_events: list[object]) -> None:
    """Two bars at one place would hide each other."""
    events = [
        Retried(one[0], INDEX, one[2], CUT, 1, one[1], 9.0) if type(one) is tuple else one
        for one in given_events
    ]
    for row in rows(ABOUT, events):
        moments = [row.begin]
        for stretch in row.stretches:
            moments += [stretch.begin, stretch.end]
            assert stretch.begin < stretch.end
        assert [*moments, row.end] == sorted([*moments, row.end])


def test_a_run_in_numbers() -> None:
    """The whole before its parts."""
    made = rows(ABOUT, EVENTS)
    numbers = totals(ABOUT, EVENTS, made)

    assert numbers.requests == 3
    assert (numbers.failures, numbers.given_up, numbers.waited) == (2, 1, 8.0)
    assert list(numbers.brought.items()) == [(MIRROR, 25_000_000), (FILES, 15_000_000)]
    assert (numbers.saved, numbers.switches) == (15_000_000, 1)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (PAGE, "demo"),
        (FILE, "demo-1.0-py3-none-any.whl"),
        ("https://x.invalid/s3cret/demo/", "demo"),
        ("https://x.invalid/", "/"),
        ("https://x.invalid", "/"),
        ("?", "/"),
        ("https://x.invalid/a/demo.whl?token=s3cret/x#y", "demo.whl"),
        ("https://x.invalid?s3cret/a", "/"),
        ("https://x.invalid/a%2B1.whl", "a+1.whl"),
    ],
)
def test_a_url_is_called_by_its_last_word(url: str, name: str) -> None:
    """Some indexes have the password in the path."""
    assert name_of(url) == name
