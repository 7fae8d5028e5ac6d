"""Do the benchmarks say what was measured, and is what they measure against right?

The rule: arithmetic, tables and picture are looked at with figures made here; that
real pips are measured at all is seen in `end_to_end/test_fault_benchmark.py`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fault_chart import WIDTH, Scale, svg
from benchmarks.fault_plays import _percentile
from benchmarks.fault_rows import ROWS, carried, line
from benchmarks.fault_run import FAILED, LIMIT, OK, Outcome, Row
from benchmarks.fault_table import Figure, figure_of, left_out, markdown, verdict
from tests.faults import Fin

ROW = Row("cut", "cut | in two", 1_000_000, ideal=2.0)
DONE = Outcome(
    OK, wall=3.5, seconds=3.0, sent=1_500_000, size=1_000_000, processor=0.5, peak=40_000_000
)
BROKEN = Outcome(FAILED, wall=8.0, seconds=None, sent=100_000, size=1_000_000)
ENDED = Outcome(LIMIT, wall=60.0, seconds=None, sent=100_000, size=1_000_000)


def ideal(name: str) -> object:
    return next(row.ideal for row in ROWS if row.name == name)


def test_the_ideal_is_bytes_over_bandwidth_and_the_waits_asked_for() -> None:
    assert carried(24_000_000, 8_000_000) == pytest.approx(3.0)
    assert carried(24_000_000, 8_000_000, waits=20) == pytest.approx(23.0)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("clean", 0.192),
        ("stall", 3.0),
        ("crawl-spare", 3.0),
        ("slow", 10.0),
        ("throttled", 3.0),
        ("throttled-200", 25.0),
        ("outage", 23.0),
        ("kill-60", 1.2),
        ("kill-90", 0.3),
    ],
)
def test_the_rows_are_measured_against_what_their_titles_say(name: str, seconds: float) -> None:
    assert ideal(name) == pytest.approx(seconds)


def test_a_row_is_known_by_its_name_and_by_its_title() -> None:
    assert len({row.name for row in ROWS}) == len({row.title for row in ROWS}) == len(ROWS)


def test_the_first_requests_for_a_file_meet_the_first_faults() -> None:
    one, rest = line(1000, Fin(5))()

    assert one.when.first == 1
    assert rest.when.first is None


def test_medians_are_of_the_runs_that_came_to_something() -> None:
    slower = replace(DONE, seconds=5.0, wall=5.5)
    figure = figure_of(ROW, "pip 1", 2.0, [DONE, slower, slower])

    assert figure.ratio == pytest.approx(2.5)
    assert figure.wall == pytest.approx(5.5)
    assert figure.bytes == pytest.approx(1.5)
    assert verdict(figure) == "ok"


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([BROKEN], "failed"),
        ([ENDED], "> 60 s"),
        ([DONE, BROKEN], "failed (1 of 2 ok)"),
        ([DONE, DONE, ENDED], "> 60 s (2 of 3 ok)"),
    ],
)
def test_what_did_not_finish_every_time_has_no_ratio(outcomes: list[Outcome], said: str) -> None:
    figure = figure_of(ROW, "pip 1", 2.0, outcomes)

    assert figure.ratio is None
    assert verdict(figure) == said


def test_the_tables_have_as_many_cells_as_columns_whatever_the_titles() -> None:
    figures = [
        figure_of(ROW, "pip 1", 2.0, [DONE]),
        figure_of(ROW, "uv 2", 2.0, [BROKEN]),
        left_out(replace(ROW, title="other"), "pip 1", "no namespace"),
    ]
    written = markdown("made here", figures)
    tables = re.findall(r"(?:^\|.*\n)+", written, re.MULTILINE)

    assert len(tables) == 2
    for table in tables:
        assert len({row.count("|") for row in table.splitlines()}) == 1
    assert tables[0].splitlines()[2] == "| cut / in two | 1.50 | failed |"
    assert "skipped: no namespace" in tables[1]


def test_a_large_file_through_drops_is_compared_with_the_plain_pip_of_the_same_version() -> None:
    plain = Figure("huge", "2 GB", "pip 1", OK, peak=40e6)
    other = Figure("huge", "2 GB", "pip 2", OK, peak=50e6)
    armed = Figure("huge-drops", "2 GB", "pip 1 + plugin", OK, peak=47e6)

    assert "+7.0 MB" in markdown("", [plain, other, armed])
    assert "Peak memory" not in markdown("", [other, armed])


def test_the_95th_percentile_of_twenty_is_the_second_worst() -> None:
    assert _percentile(range(20), 0.95) == 18


ratios = st.floats(min_value=0.01, max_value=1e5)


@given(st.lists(ratios, max_size=8))
def test_every_ratio_is_in_the_picture_and_slower_is_further_right(found: list[float]) -> None:
    scale = Scale(found)
    places = [scale.at(ratio) for ratio in sorted(found)]

    assert all(0 < place < WIDTH for place in places)
    assert places == sorted(places)
    assert 1 in scale.ticks()


def test_the_picture_is_one_file_that_marks_what_finished_and_what_did_not() -> None:
    figures = [
        figure_of(ROW, "pip 1", 2.0, [DONE]),
        figure_of(ROW, "uv 2", 2.0, [BROKEN]),
        figure_of(ROW, "pip 1 + plugin", 2.0, [ENDED]),
        left_out(ROW, "pip 2", "not here"),
    ]
    picture = svg(figures, "made <here>")
    root = ET.fromstring(picture)
    marks = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")][1:]

    assert marks == [
        "cut | in two, pip 1: 1.50",
        "cut | in two, uv 2: failed",
        "cut | in two, pip 1 + plugin: > 60 s",
    ]
    assert "prefers-color-scheme: dark" in picture
    assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]
