"""Is the user told what costs time, once, truly and without secrets?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient import events
from pip_resilient.events import (
    Answered,
    GaveUp,
    Healed,
    Journal,
    Overtaken,
    ProxyRespelled,
    Resumed,
    Retried,
    RightBytesAgain,
    SecondConnection,
    message,
    progress,
    size,
    summary,
    to_json,
)
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from pip_resilient.events import Event

PLACE, URL = "files.invalid", "https://files.invalid/demo.whl"
LOST = Failure(Kind.RESET)


def retried(wait: float = 1.0, url: str = URL, **more: int) -> Retried:
    return Retried(1.0, PLACE, url, LOST, 1, wait, 149.0, **more)


def resumed(url: str = URL) -> Resumed:
    return Resumed(1.0, PLACE, url, LOST, 612_000_000, 797_300_000, False, 0.4)


EVENTS: list[Event] = [
    retried(),
    resumed(),
    SecondConnection(1.0, PLACE, URL, 4.0, 12_300_000, 40_100_000),
    Overtaken(1.0, PLACE, URL, 5),
    RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", False),
    ProxyRespelled(1.0, PLACE, "proxy.invalid:3128"),
    Answered(1.0, PLACE, URL, 403),
    GaveUp(1.0, PLACE, URL, LOST, 3, 150.0, "patience"),
    Healed(1.0, PLACE, URL, 2, 1000),
]
each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)


class Told:
    """A journal with a clock that is set, and what it said."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.log: list[str] = []
        self.journal = Journal(lambda: self.now, self.lines.append, self.log.append)

    def add(self, *happened: Event) -> int:
        """Add events and return how many lines have been said in all."""
        for event in happened:
            self.journal.add(event)
        return len(self.lines)


@pytest.fixture
def told() -> Told:
    return Told()


def test_every_kind_of_event_is_tried_here() -> None:
    """A new kind without a test would have no name in the log."""
    assert {type(event) for event in EVENTS} == set(events.KINDS.values())


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (612e6, "612.0 MB"), (1.2e9, "1.2 GB")],
)
def test_sizes_are_written_as_pip_writes_them(count: float, shown: str) -> None:
    """Two ways to count would look like two files."""
    assert size(count) == shown


@pytest.mark.parametrize(
    ("offset", "total", "shown"),
    [
        (612_000_000, 797_300_000, "612.0/797.3 MB"),
        (5, 10, "5/10 bytes"),
        (500, 2_000_000_000, "0.0/2.0 GB"),
        (612_000_000, None, "612.0 MB"),
    ],
)
def test_progress_has_one_unit(offset: int, total: int | None, shown: str) -> None:
    """`900 kB/1.2 GB` must be read twice."""
    assert progress(offset, total) == shown


def test_a_lost_connection_is_told_with_numbers() -> None:
    """The line that the design promises."""
    assert message(resumed()) == (
        "files.invalid: connection lost at 612.0/797.3 MB; resuming on a new connection"
        " (waited 0.4 s)"
    )


def test_a_wait_is_told_with_its_reason_and_its_end() -> None:
    """A pip that stands still looks dead."""
    assert message(retried(2.5, asked_by_server=True)) == (
        "files.invalid: connection lost; trying again in 2.5 s, as the server asked"
        " on a new connection (attempt 2, patience left 149 s)"
    )


@each_event
def test_a_line_is_one_line_of_ascii(event: Event) -> None:
    """A terminal in another encoding would raise in the midst of a download."""
    line = message(event) or ""

    assert line.isascii()
    assert line.isprintable()


@given(st.text())
def test_what_a_server_says_cannot_reach_the_terminal_raw(detail: str) -> None:
    """A portal's title may carry escape sequences, or the letters of any language."""
    failure = Failure(Kind.INTERCEPTED, detail)

    assert failure.said.isascii()
    assert failure.said.isprintable()


@each_event
def test_an_event_is_one_line_of_json(event: Event) -> None:
    """The log is read line by line, by programs."""
    line = to_json(event)
    record = json.loads(line)

    assert "\n" not in line
    assert line.isascii()
    assert record["schema"] == events.SCHEMA
    assert events.KINDS[record["event"]] is type(event)
    assert record["place"] == PLACE


def test_a_failure_in_the_log_names_its_kind() -> None:
    """Its number or its sentence may change, its name stays."""
    record = json.loads(to_json(retried()))

    assert record["failure"] == {
        "kind": "reset",
        "detail": "",
        "status": None,
        "retry_after": None,
        "proxy": None,
    }


def test_seconds_in_the_log_are_rounded() -> None:
    """0.30000000000000004 is noise."""
    assert json.loads(to_json(retried(0.1 + 0.2)))["wait"] == 0.3


@each_event
def test_every_event_is_kept_and_logged(told: Told, event: Event) -> None:
    """The summary and the diagnosis see nothing else."""
    told.add(event)

    assert told.journal.events == [event]
    assert told.log == [to_json(event)]


def test_a_healthy_run_says_nothing(told: Told) -> None:
    """Silent when healthy."""
    assert told.add(Answered(1.0, PLACE, URL, 404), Healed(1.0, PLACE, URL, 1, 0)) == 0


def test_of_many_interruptions_of_one_url_three_are_told(told: Told) -> None:
    """A link that drops each second would fill the screen."""
    assert told.add(*[resumed()] * 20) == 3
    assert len(told.journal.events) == 20


def test_after_ten_seconds_one_more_is_told(told: Told) -> None:
    """A long outage must not look like a standstill."""
    told.add(*[resumed()] * 20)
    told.now = 10.0

    assert told.add(*[resumed()] * 20) == 4


def test_another_url_is_told_for_itself(told: Told) -> None:
    """One bad file must not hide the next."""
    told.add(*[resumed()] * 20)

    assert told.add(resumed(URL + ".metadata")) == 4


def test_a_long_wait_is_always_told(told: Told) -> None:
    """A wait is never silent."""
    told.add(*[resumed()] * 20)

    assert told.add(retried(5.0), retried(14.0)) == 5


def test_a_short_wait_in_a_body_is_told_only_by_what_follows(told: Told) -> None:
    """Two lines for one interruption are one too many."""
    assert told.add(retried(0.05, offset=1000)) == 0
    assert told.add(resumed()) == 1


def test_wrong_bytes_are_always_told(told: Told) -> None:
    """They may be an attack."""
    told.add(*[resumed()] * 20)

    assert told.add(EVENTS[4]) == 4


def test_nothing_healed_is_no_summary() -> None:
    """Silent when healthy."""
    assert summary([resumed(), retried()]) is None


def test_the_summary_counts_all_that_was_healed() -> None:
    """It is what the plugin was worth in this run."""
    healed: list[Event] = [
        Healed(1.0, PLACE, URL, 1, 0),
        Healed(2.0, PLACE, URL, 2, 1_200_000_000),
    ]

    assert summary(healed[:1]) == "healed 1 interruption"
    assert summary(healed) == "healed 3 interruptions; 1.2 GB not downloaded again"
